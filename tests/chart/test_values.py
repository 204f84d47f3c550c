"""The schema of the values: strict, complete, and of one mind with the settings and defaults."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import annotated_types
import pytest
import yaml

from helm.generate import CHART, README, SCHEMA
from skerry.settings import PREFIX, Settings
from tests.chart.rendering import (
    SMALL,
    container_of,
    needs_helm,
    only,
    refusal,
    render,
    with_changes,
)

DOCUMENT = json.loads(SCHEMA.read_text("utf-8"))
DEFAULTS = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
# Objects whose keys are the user's: names of versions, labels and the like. Their values are held.
MAPS = {
    "/properties/model/properties/exampleRow",
    "/properties/versions",
    "/properties/traffic/properties/digests",
    "/properties/otel/properties/resourceAttributes",
    "/$defs/labels",
    "/$defs/annotations",
}


CONTRACT = """
    model.name versions traffic.mode traffic.stable traffic.canary traffic.canaries traffic.sticky
    traffic.shadow traffic.versions traffic.digests traffic.gateway.parentRefs
    traffic.gateway.hostnames source.existingClaim source.pvc source.image source.hostPathVolume
    image.repository image.tag image.digest image.pullPolicy imagePullSecrets nameOverride
    fullnameOverride replicaCount resources service.type service.port service.annotations
    serviceAccount.create serviceAccount.name serviceAccount.annotations settings
    tokens.existingSecret otel.endpoint otel.protocol otel.sampler otel.samplerArg
    metrics.serviceMonitor.enabled metrics.prometheusRule.enabled metrics.dashboard.enabled
    autoscaling.enabled autoscaling.minReplicas autoscaling.maxReplicas
    autoscaling.targetCPUUtilizationPercentage podDisruptionBudget.enabled
    podDisruptionBudget.maxUnavailable networkPolicy.enabled ingress.enabled ingress.className
    ingress.annotations ingress.hosts ingress.tls probes.startup probes.readiness probes.liveness
    preStopSleepSeconds terminationGracePeriodSeconds extraEnv extraEnvFrom extraVolumes
    extraVolumeMounts initContainers podAnnotations podLabels nodeSelector tolerations affinity
    topologySpreadConstraints priorityClassName
"""


def schemas_in(node: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield every schema in the document with its JSON pointer."""
    if isinstance(node, list):
        for i, each in enumerate(node):
            yield from schemas_in(each, f"{path}/{i}")
    elif isinstance(node, dict):
        if not path.endswith(("/properties", "/$defs")):
            yield path, node
        for key, value in node.items():
            if key not in ("enum", "const", "required"):
                yield from schemas_in(value, f"{path}/{key}")


def takes_objects(schema: Mapping[str, Any]) -> bool:
    kinds = schema.get("type", [])
    return "properties" in schema or "object" in ([kinds] if isinstance(kinds, str) else kinds)


def test_is_draft_2020_12() -> None:
    assert "https://json-schema.org/draft/2020-12/schema" == DOCUMENT["$schema"]


def test_no_object_takes_unknown_keys_but_global() -> None:
    found = [(path, schema) for path, schema in schemas_in(DOCUMENT) if takes_objects(schema)]
    assert len(found) > 100
    for path, schema in found:
        more = schema.get("additionalProperties")
        if path == "/properties/global":
            assert more is True
        elif path in MAPS or path.startswith("/$defs/io.k8s."):
            # Kubernetes' own maps (labels, quantities) say what their values are.
            assert more is False or isinstance(more, dict), path
        else:
            # A reference beside `type` is held by what it refers to.
            assert more is False or "$ref" in schema, path


def test_names_that_the_contract_binds_are_there() -> None:
    for name in CONTRACT.split():
        node = DEFAULTS
        for key in name.split("."):
            assert key in node, name
            node = node[key]


def resolved(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a schema with what it refers to, for our own definitions."""
    ref = schema.get("$ref", "")
    if not ref or "io.k8s." in ref:
        return schema
    return {**resolved(DOCUMENT["$defs"][ref.removeprefix("#/$defs/")]), **schema}


def test_every_value_has_a_default_and_a_place_in_the_schema() -> None:
    def compare(defaults: Mapping[str, Any], schema: Mapping[str, Any], path: str) -> None:
        properties = resolved(schema).get("properties", {})
        assert properties.keys() - {"initialDelaySeconds"} <= defaults.keys(), path
        assert defaults.keys() <= properties.keys(), path
        for key, value in defaults.items():
            below = resolved(properties[key])
            if isinstance(value, dict) and value and "properties" in below:
                compare(value, below, f"{path}.{key}")

    compare(DEFAULTS, DOCUMENT, "")


def test_settings_are_the_server_s() -> None:
    fields = {f"{PREFIX}{name.upper()}": field for name, field in Settings.model_fields.items()}
    schemas = DOCUMENT["properties"]["settings"]["properties"]
    assert fields.keys() == schemas.keys()
    for name, field in fields.items():
        schema = resolved(schemas[name])
        if not schema:  # The chart's own: a sentence refuses it.
            continue
        bounds = {
            "minimum": [m.ge for m in field.metadata if isinstance(m, annotated_types.Ge)],
            "exclusiveMinimum": [m.gt for m in field.metadata if isinstance(m, annotated_types.Gt)],
            "maximum": [m.le for m in field.metadata if isinstance(m, annotated_types.Le)],
        }
        for key, expected in bounds.items():
            if key == "minimum" and bounds["exclusiveMinimum"]:
                continue
            assert expected == [schema[key]] if expected else key not in schema, (name, key)


def without_needed(
    defaults: Mapping[str, Any], schema: Mapping[str, Any]
) -> Iterator[tuple[str, ...]]:
    """Yield the path of every value that may be null, by the schema."""
    for key, default in defaults.items():
        below = resolved(schema["properties"][key])
        if key not in schema.get("required", ()):
            yield (key,)
        elif isinstance(default, Mapping) and default:
            yield from ((key, *path) for path in without_needed(default, below))


def at(path: tuple[str, ...], value: Any) -> Any:
    return {path[0]: at(path[1:], value)} if path else value


@needs_helm
def test_whatever_the_schema_does_not_need_can_be_null() -> None:
    needed_by_sentences = {("versions",), ("model", "name"), ("traffic", "stable")}
    enabled = {
        "metrics": {key: {"enabled": True} for key in DEFAULTS["metrics"]},
        "autoscaling": {"enabled": True, "targetRequestsInFlight": 1},
        "networkPolicy": {"enabled": True},
        "ingress": {"enabled": True, "hosts": [{}]},
        "otel": {"endpoint": "http://collector:4318"},
    }
    values = with_changes(SMALL, enabled)
    for path in without_needed(DEFAULTS, DOCUMENT):
        if path not in needed_by_sentences and path[0] not in ("global", "source"):
            given: Any = values
            for key in path:
                given = given.get(key) if isinstance(given, Mapping) else None
            values = with_changes(values, at(path, None)) if given is None else values

    objects = render(values)

    container = container_of(only(objects, "Deployment"))
    assert "readinessProbe" not in container
    assert "livenessProbe" not in container
    assert "startupProbe" in container


@needs_helm
@pytest.mark.parametrize(
    "path", ["image", "traffic.gateway", "probes.startup", "metrics", "service.port", "helmTest"]
)
def test_null_for_what_is_needed_is_refused_by_its_name(path: str) -> None:
    keys = tuple(path.split("."))
    said = refusal(with_changes(SMALL, at(keys, None)))
    where = "".join(f"/{key}" for key in keys[:-1])
    assert f"at '{where}': missing property '{keys[-1]}'" in said


def settings_with(mark: type[object]) -> dict[str, Any]:
    """Return the bounds of one kind, by setting that the values may have."""
    schemas = DOCUMENT["properties"]["settings"]["properties"]
    return {
        setting: bound
        for name, field in Settings.model_fields.items()
        if schemas[setting := f"{PREFIX}{name.upper()}"]
        for bound in field.metadata
        if isinstance(bound, mark)
    }


@needs_helm
def test_settings_that_are_text_keep_the_server_s_bounds() -> None:
    # The schema takes no sign in a text, so that 0 as the least needs no sentence.
    least = {
        name: f"at least {m.ge}" for name, m in settings_with(annotated_types.Ge).items() if m.ge
    }
    above = dict.fromkeys(settings_with(annotated_types.Gt), "more than 0")
    most = {name: m.le for name, m in settings_with(annotated_types.Le).items()}
    assert least
    assert above
    assert most

    too_small = refusal(with_changes(SMALL, {"settings": dict.fromkeys(least | above, "0")}))
    too_big = refusal(
        with_changes(
            SMALL, {"settings": {name: f"{limit + 1:.0f}" for name, limit in most.items()}}
        )
    )

    for name, sentence in (least | above).items():
        assert f"settings.{name}: expected {sentence}, got 0" in too_small
    for name, limit in most.items():
        assert f"settings.{name}: expected at most {limit:.0f}, got {limit + 1:.0f}" in too_big


def test_every_setting_has_a_place_in_the_notes_of_the_readme() -> None:
    assert "docs/configuration.md" in README.read_text("utf-8")


@needs_helm
@pytest.mark.parametrize(
    "values",
    [
        {"versions": {"v1": None}},
        {"settings": {"SKERRY_LOG_LEVEL": None}},
        {"resources": {"limits": None}},
        {"global": {"anything": {"at": "all"}}},
        {"traffic": {"canary": None, "sticky": None, "shadow": None}},
    ],
)
def test_null_means_unset(values: Mapping[str, Any]) -> None:
    base = {**SMALL, "traffic": {"stable": "v2"}}
    assert only(render(with_changes(base, values)), "Deployment")
