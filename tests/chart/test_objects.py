"""Every object that the chart makes is one that Kubernetes takes, to the last key."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from helm.generate import CHART, MANIFESTS, program
from tests.chart.rendering import (
    SMALL,
    VALUE_FILES,
    key_of,
    needs_helm,
    only,
    render,
    values_of,
)

SCHEMAS = Path(__file__).with_name("schemas")
# The cluster that the tests use, and the newest that kubernetes-validate knows.
RELEASES = ("1.34", kubernetes_validate.latest_version())


def check(each: dict[str, Any]) -> None:
    """Fail unless Kubernetes' schemas, or those of the custom resources, take the object."""
    schema = SCHEMAS / f"{each['kind'].lower()}.json"
    if schema.exists():
        jsonschema.validate(each, json.loads(schema.read_text("utf-8")))
        return
    for release in RELEASES:
        kubernetes_validate.validate(each, release, strict=True)


@needs_helm
@pytest.mark.parametrize("path", VALUE_FILES, ids=lambda path: path.name)
def test_objects_are_valid(path: Path) -> None:
    objects = render(values_of(path))
    for each in objects:
        check(each)
    keys = [key_of(each) for each in objects]
    assert sorted(set(keys)) == sorted(keys)


@needs_helm
def test_ingress_can_be_for_every_host() -> None:
    ingress = only(
        render({**SMALL, "ingress": {"enabled": True, "hosts": [{"paths": [{"path": "/iris"}]}]}}),
        "Ingress",
    )
    check(ingress)
    [rule] = ingress["spec"]["rules"]
    assert "host" not in rule
    assert ["/iris"] == [each["path"] for each in rule["http"]["paths"]]


@needs_helm
@pytest.mark.parametrize("path", [None, *VALUE_FILES], ids=lambda path: path and path.name)
def test_helm_lint_finds_nothing(path: Path | None) -> None:
    values = {} if path is None else values_of(path)
    done = subprocess.run(
        [program("helm") or "", "lint", "--strict", str(CHART), "--values", "-"],
        input=json.dumps(values),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "1 chart(s) linted, 0 chart(s) failed" in done.stdout, done.stdout + done.stderr


def test_a_key_that_does_not_exist_is_found() -> None:
    """The tests above could not fail otherwise."""
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"}, "spec": {"containres": []}}
    with pytest.raises(kubernetes_validate.ValidationError):
        check(pod)
    route = {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "spec": {"rule": []},
    }
    with pytest.raises(jsonschema.ValidationError):
        check(route)


@needs_helm
def test_every_object_that_the_chart_can_make_is_among_those_that_are_checked() -> None:
    kinds = {each["kind"] for path in VALUE_FILES for each in render(values_of(path))}
    templates = "".join(p.read_text("utf-8") for p in CHART.glob("templates/**/*.yaml"))
    possible = {
        line.removeprefix("kind: ") for line in templates.splitlines() if line.startswith("kind: ")
    }
    assert possible == kinds


@needs_helm
def test_workloads_of_a_gateway_have_what_their_version_says() -> None:
    objects = {
        key_of(each): each for each in render(values_of(CHART / "ci" / "gateway-values.yaml"))
    }

    second = objects["Deployment/iris-skerry-2-0"]["spec"]
    container = second["template"]["spec"]["containers"][0]
    assert ("skerry:0.2.0", 2) == (container["image"], second["replicas"])
    assert {"cpu": "1500m", "memory": "2Gi"} == container["resources"]["limits"]
    first = objects["Deployment/iris-skerry-v1"]["spec"]
    assert ("skerry:0.1.0", 1) == (
        first["template"]["spec"]["containers"][0]["image"],
        first["replicas"],
    )
    assert (
        "0.2.0"
        == objects["Deployment/iris-skerry-2-0"]["metadata"]["labels"]["app.kubernetes.io/version"]
    )
    scaler = objects["HorizontalPodAutoscaler/iris-skerry-v3"]["spec"]
    assert (2, 6) == (scaler["minReplicas"], scaler["maxReplicas"])
    assert "replicas" not in objects["Deployment/iris-skerry-v3"]["spec"]
    selectors = [
        json.dumps(each["spec"]["selector"]["matchLabels"])
        for key, each in objects.items()
        if key.startswith("Deployment/")
    ]
    assert 3 == len(set(selectors))


@needs_helm
def test_services_select_pods_and_not_those_of_helm_test() -> None:
    for path in VALUE_FILES:
        objects = render(values_of(path))
        pods = [
            each["spec"]["template"]["metadata"]["labels"]
            for each in objects
            if each["kind"] == "Deployment"
        ]
        test_pods = [each["metadata"]["labels"] for each in objects if each["kind"] == "Pod"]
        for service in (each for each in objects if each["kind"] == "Service"):
            selector = service["spec"]["selector"].items()
            assert 1 == sum(selector <= labels.items() for labels in pods)
            assert not any(selector <= labels.items() for labels in test_pods)


@needs_helm
@pytest.mark.parametrize("path", VALUE_FILES, ids=lambda path: path.name)
def test_what_scales_a_deployment_is_the_only_one_that_counts_its_pods(path: Path) -> None:
    objects = render(values_of(path))
    scaled = {
        each["spec"]["scaleTargetRef"]["name"]
        for each in objects
        if each["kind"] == "HorizontalPodAutoscaler"
    }
    counted = {
        each["metadata"]["name"]
        for each in objects
        if each["kind"] == "Deployment" and "replicas" in each["spec"]
    }
    assert not scaled & counted
    assert {
        each["metadata"]["name"] for each in objects if each["kind"] == "Deployment"
    } == scaled | counted


def test_plain_manifests_are_valid() -> None:
    paths = set(MANIFESTS.glob("*.yaml")) - {MANIFESTS / "values.yaml"}
    documents = [each for path in paths for each in yaml.safe_load_all(path.read_text("utf-8"))]
    objects = [each for each in documents if not each["apiVersion"].startswith("kustomize")]
    assert len(objects) >= 5
    for each in objects:
        check(each)
