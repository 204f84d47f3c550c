"""Files that are made from others are what they would be made to now; `make chart` makes them."""

from __future__ import annotations

import pytest

from helm.generate import MANIFESTS, PARTS, program


@pytest.mark.parametrize("part", PARTS)
def test_is_up_to_date(part: str) -> None:
    needed = {"readme": "helm-docs", "manifests": "helm"}.get(part)
    if needed and program(needed) is None:
        pytest.skip(f"{needed} is not on this machine; .ci/tools gets it")

    for path, text in PARTS[part]().items():
        assert text == path.read_text("utf-8"), f"{path.name}: run `make chart`"


def test_plain_manifests_are_all_made_from_the_chart() -> None:
    if program("helm") is None:
        pytest.skip("helm is not on this machine; .ci/tools gets it")
    made = {path.name for path in PARTS["manifests"]()}
    assert made | {"values.yaml"} == {path.name for path in MANIFESTS.iterdir()}
