"""What checkov and hadolint find in the chart's objects and in the Dockerfile, and why it stays."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from helm.generate import ROOT
from tests.chart.rendering import VALUE_FILES, documents, needs_helm, values_of

AUDIT = ROOT / ".venv-chart" / "bin"
DOCKERFILE = ROOT / "Dockerfile"
# Check and kind of object to the reason why the finding stays.
CHART_EXCEPTIONS: Mapping[tuple[str, str], str] = {
    ("CKV_K8S_43", "Deployment"): "the image's digest is the user's to give: image.digest",
    ("CKV_K8S_43", "Pod"): "the same, of the pod of helm test",
    ("CKV_K8S_15", "Deployment"): "an image that was loaded into kind is in no registry",
    ("CKV_K8S_15", "Pod"): "the same, of the pod of helm test",
    ("CKV_K8S_8", "Pod"): "the pod of helm test serves nothing that could be probed",
    ("CKV_K8S_9", "Pod"): "the same",
    ("CKV2_K8S_6", "Pod"): "a network policy is for whoever has a network that enforces it",
    ("CKV_K8S_35", "Deployment"): "settings, tokens too, are variables: the server has no other",
    ("CKV_K8S_35", "Pod"): "the pod of helm test takes the same Secret in the same way",
}
# Rule to the reason why the finding stays.
DOCKERFILE_EXCEPTIONS: Mapping[str, str] = {
    "DL3066": "root is a name that every image knows; the user that runs is a number",
}


def needs(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(
        not (AUDIT / name).exists(), reason=f"{name} is not there; `make audit` installs it"
    )


def run(name: str, *arguments: str) -> Any:
    """Return the JSON that a program writes; what it finds makes its exit code 1."""
    done = subprocess.run(
        [str(AUDIT / name), *arguments],
        # Its own notices and its look for a newer version would need the internet.
        env={**os.environ, "LOG_LEVEL": "ERROR", "CHECKOV_NO_VERSION_CHECK": "true"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)


@pytest.mark.slow
@needs("checkov")
@needs_helm
def test_checkov_finds_what_has_a_reason_and_nothing_else(tmp_path: Path) -> None:
    # Those of the dev loop are for one developer's own cluster.
    for path in (each for each in VALUE_FILES if not each.name.startswith("dev")):
        text = "---\n".join(documents(values_of(path)))
        (tmp_path / path.name).write_text(text, encoding="utf-8")

    report = run(
        "checkov", "--directory", str(tmp_path), "--framework", "kubernetes", "--output", "json",
        "--quiet", "--compact", "--skip-download",
    )  # fmt: skip

    found = {
        (each["check_id"], each["resource"].partition(".")[0]): (
            each["check_name"],
            each["resource"],
        )
        for each in report["results"]["failed_checks"]
    }
    assert report["summary"]["passed"] > 500
    assert 0 == report["summary"]["parsing_errors"]
    assert {key: found[key] for key in found if key not in CHART_EXCEPTIONS} == {}
    assert [key for key in CHART_EXCEPTIONS if key not in found] == []


@needs("hadolint")
@pytest.mark.skipif(not DOCKERFILE.exists(), reason="there is no Dockerfile")
def test_hadolint_finds_what_has_a_reason_and_nothing_else() -> None:
    findings = run("hadolint", "--format", "json", str(DOCKERFILE))

    assert [each for each in findings if each["code"] not in DOCKERFILE_EXCEPTIONS] == []


@needs("hadolint")
def test_hadolint_can_find_something(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM debian\nRUN apt-get install curl\n")
    codes = {
        each["code"] for each in run("hadolint", "--format", "json", str(tmp_path / "Dockerfile"))
    }
    assert {"DL3006", "DL3014"} <= codes
