"""What a pod of the chart is: its security, its settings, its probes, its end."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from helm.generate import CHART
from skerry.settings import load_settings
from tests.chart.rendering import (
    GATEWAY,
    SMALL,
    VALUE_FILES,
    container_of,
    needs_helm,
    of_kind,
    only,
    render,
    values_of,
    variables_of,
    with_changes,
)

pytestmark = needs_helm


def pod_specs(values: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the specification of every pod that the chart makes, that of ``helm test`` too."""
    specs = [
        each["spec"] if each["kind"] == "Pod" else each["spec"]["template"]["spec"]
        for each in render(values)
        if each["kind"] in ("Pod", "Deployment")
    ]
    assert specs
    return specs


def deployment(changes: Mapping[str, Any], base: Mapping[str, Any] = SMALL) -> dict[str, Any]:
    """Return a Deployment of the chart with changes to the values."""
    return of_kind(render(with_changes(base, changes)), "Deployment")[0]


@pytest.mark.parametrize("path", VALUE_FILES, ids=lambda path: path.name)
def test_pods_keep_the_restricted_pod_security_standard(path: Path) -> None:
    for spec in pod_specs(values_of(path)):
        pod = spec["securityContext"]
        assert pod["runAsNonRoot"] is True
        assert "RuntimeDefault" == pod["seccompProfile"]["type"]
        for container in [*spec["containers"], *spec.get("initContainers", [])]:
            security = container["securityContext"]
            assert security["allowPrivilegeEscalation"] is False
            assert security["readOnlyRootFilesystem"] is True
            assert {"drop": ["ALL"]} == security["capabilities"]
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
        assert not any("hostPath" in volume for volume in spec.get("volumes", []))


def test_service_account_has_no_token() -> None:
    account = only(render(SMALL), "ServiceAccount")
    assert account["automountServiceAccountToken"] is False
    assert (
        "default"
        == pod_specs(with_changes(SMALL, {"serviceAccount": {"create": False}}))[0][
            "serviceAccountName"
        ]
    )


@pytest.mark.parametrize("path", VALUE_FILES, ids=lambda path: path.name)
def test_server_takes_the_settings_that_pods_have(path: Path) -> None:
    values = values_of(path)
    for each in of_kind(render(values), "Deployment"):
        variables = {
            name: value if isinstance(value, str) else "2"
            for name, value in variables_of(each).items()
        }
        settings = load_settings(environment=variables)
        assert (values["model"]["name"],) == settings.models
        assert 8080 == settings.port
        assert 8080 == container_of(each)["ports"][0]["containerPort"]


def test_settings_keep_their_form() -> None:
    settings = {
        "SKERRY_MAX_BODY_BYTES": 123456789,
        "SKERRY_LOG_SAMPLE": 0.00001,
        "SKERRY_REQUIRE_MANIFEST": True,
        "SKERRY_DRAIN_DELAY_S": 0,
    }
    variables = variables_of(deployment({"settings": settings}))
    assert "123456789" == variables["SKERRY_MAX_BODY_BYTES"]
    taken = load_settings(environment={name: variables[name] for name in settings})
    assert (123456789, 0.00001, True, 0) == (
        taken.max_body_bytes,
        taken.log_sample,
        taken.require_manifest,
        taken.drain_delay_s,
    )


def test_settings_can_be_text() -> None:
    settings = {
        "SKERRY_MAX_BATCH_ROWS": "5000",
        "SKERRY_LOG_SAMPLE": "0.1",
        "SKERRY_DRAIN_DELAY_S": "2.5",
        "SKERRY_REQUIRE_MANIFEST": "true",
    }
    otel = {"endpoint": "http://collector:4318", "samplerArg": "0.5"}
    found = deployment(
        {"settings": settings, "otel": otel, "image": {"tag": 20240101}, "preStopSleepSeconds": 16}
    )
    variables = variables_of(found)
    assert "0.5" == variables["OTEL_TRACES_SAMPLER_ARG"]
    assert "skerry:20240101" == container_of(found)["image"]
    assert "20240101" == found["metadata"]["labels"]["app.kubernetes.io/version"]
    taken = load_settings(environment={name: variables[name] for name in settings})
    assert (5000, 0.1, 2.5, True) == (
        taken.max_batch_rows,
        taken.log_sample,
        taken.drain_delay_s,
        taken.require_manifest,
    )


def test_host_can_be_another() -> None:
    everywhere = "0.0.0.0"  # noqa: S104 - it is compared, not listened on
    assert everywhere == variables_of(deployment({}))["SKERRY_HOST"]
    changed = deployment({"settings": {"SKERRY_HOST": "::"}})
    assert ["::"] == [
        each["value"] for each in container_of(changed)["env"] if each["name"] == "SKERRY_HOST"
    ]


def test_threads_follow_the_cpu_limit() -> None:
    limited = variables_of(deployment({}))
    assert {
        "resourceFieldRef": {"containerName": "skerry", "resource": "limits.cpu", "divisor": "1"}
    } == limited["SKERRY_EXECUTOR_THREADS"]
    assert ["1", "1", "1"] == [
        limited[f"{name}_NUM_THREADS"] for name in ("OMP", "OPENBLAS", "MKL")
    ]
    # Without a limit the reference would be to the node's CPUs, which may be a hundred.
    unlimited = variables_of(deployment({"resources": {"limits": {"cpu": None}}}))
    assert "SKERRY_EXECUTOR_THREADS" not in unlimited
    chosen = variables_of(deployment({"settings": {"SKERRY_EXECUTOR_THREADS": 3}}))
    assert "3" == chosen["SKERRY_EXECUTOR_THREADS"]


@pytest.mark.parametrize("path", VALUE_FILES, ids=lambda path: path.name)
def test_no_variable_is_set_twice(path: Path) -> None:
    for each in of_kind(render(values_of(path)), "Deployment"):
        names = [variable["name"] for variable in container_of(each)["env"]]
        assert sorted(set(names)) == sorted(names)


def test_tokens_come_from_a_secret() -> None:
    variables = variables_of(deployment({"tokens": {"existingSecret": "tokens"}}))
    assert {
        "SKERRY_ADMIN_TOKEN": {"secretKeyRef": {"name": "tokens", "key": "admin-token"}},
        "SKERRY_API_TOKEN": {"secretKeyRef": {"name": "tokens", "key": "api-token"}},
    } == {name: value for name, value in variables.items() if name.endswith("_TOKEN")}
    one = variables_of(deployment({"tokens": {"existingSecret": "tokens", "apiTokenKey": None}}))
    assert "SKERRY_API_TOKEN" not in one


def test_traces_are_set_by_the_standard_names() -> None:
    otel = {
        "endpoint": "http://collector:4318",
        "samplerArg": 0.25,
        "resourceAttributes": {"deployment.environment.name": "test", "team": "a: b #1"},
    }
    variables = variables_of(deployment({"otel": otel}))
    assert {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_TRACES_SAMPLER": "parentbased_traceidratio",
        "OTEL_TRACES_SAMPLER_ARG": "0.25",
        "OTEL_RESOURCE_ATTRIBUTES": "k8s.namespace.name=$(K8S_NAMESPACE_NAME),"
        "k8s.pod.name=$(K8S_POD_NAME),k8s.node.name=$(K8S_NODE_NAME),"
        "deployment.environment.name=test,team=a: b #1",
    } == {name: value for name, value in variables.items() if name.startswith("OTEL_")}
    assert not [name for name in variables_of(deployment({})) if name.startswith("OTEL_")]


@dataclasses.dataclass(frozen=True, slots=True)
class StartCase:
    """Values, and the seconds that a pod's start and its rollout may take then."""

    changes: Mapping[str, Any]
    start_s: int
    progress_s: int
    base: Mapping[str, Any] = dataclasses.field(default_factory=lambda: SMALL)


@pytest.mark.parametrize(
    "case",
    [
        StartCase({}, 4 * 300 + 60, 4 * 300 + 60 + 60),
        StartCase({"probes": {"startup": {"loads": 1}}}, 360, 600),
        StartCase({"settings": {"SKERRY_LOAD_TIMEOUT_S": 0.5}}, 62, 600),
        StartCase({"probes": {"startup": {"periodSeconds": 7}}}, 1260, 1320),
        StartCase({"probes": {"startup": {"failureThreshold": 300}}}, 300, 600),
        StartCase({"settings": {"SKERRY_LOAD_TIMEOUT_S": 1000}}, 1060, 1120, GATEWAY),
    ],
)
def test_start_has_time_for_loads_at_their_timeout(case: StartCase) -> None:
    found = deployment(case.changes, case.base)
    probe = container_of(found)["startupProbe"]
    assert case.start_s == probe["periodSeconds"] * probe["failureThreshold"]
    assert case.progress_s == found["spec"]["progressDeadlineSeconds"]
    assert {"path": "/startupz", "port": "http"} == probe["httpGet"]


def test_number_of_versions_does_not_change_the_startup_probe() -> None:
    many: Mapping[str, Any] = {"versions": {f"v{n}": {} for n in range(1, 21)}}
    assert (
        container_of(deployment({}))["startupProbe"]
        == container_of(deployment(many))["startupProbe"]
    )


def test_a_pod_is_asked_every_second_whether_it_has_started() -> None:
    assert 1 == container_of(deployment({}))["startupProbe"]["periodSeconds"]


def test_a_pod_ends_by_leaving_the_service_first() -> None:
    container = container_of(deployment({"preStopSleepSeconds": 8}))
    assert {"preStop": {"sleep": {"seconds": 8}}} == container["lifecycle"]
    assert "lifecycle" not in container_of(deployment({"preStopSleepSeconds": 0}))


def test_a_rollout_takes_no_pod_away_before_another_is_ready() -> None:
    strategy = deployment({})["spec"]["strategy"]
    assert {"maxUnavailable": 0, "maxSurge": 1} == strategy["rollingUpdate"]


def test_pods_of_each_workload_are_spread_among_themselves() -> None:
    for each in of_kind(render(GATEWAY), "Deployment"):
        template = each["spec"]["template"]
        for constraint in template["spec"]["topologySpreadConstraints"]:
            assert each["spec"]["selector"] == constraint["labelSelector"]
    own = {"maxSkew": 1, "topologyKey": "zone", "whenUnsatisfiable": "DoNotSchedule"}
    own["labelSelector"] = {"matchLabels": {"a": "b"}}
    spec = deployment({"topologySpreadConstraints": [own]})["spec"]["template"]["spec"]
    assert [own] == spec["topologySpreadConstraints"]


def test_init_containers_keep_a_security_context_of_their_own() -> None:
    own = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    containers = [{"name": "a", "securityContext": own}, {"name": "b"}]
    spec = deployment({"initContainers": containers})["spec"]["template"]["spec"]
    assert own == spec["initContainers"][0]["securityContext"]
    assert spec["initContainers"][1]["securityContext"]["readOnlyRootFilesystem"] is True


@pytest.mark.parametrize(
    ("source", "volume"),
    [
        ({"existingClaim": "a"}, {"persistentVolumeClaim": {"claimName": "a"}}),
        ({"pvc": {"size": "1Gi"}}, {"persistentVolumeClaim": {"claimName": "iris-skerry-models"}}),
        (
            {"hostPathVolume": {"path": "/data"}},
            {"persistentVolumeClaim": {"claimName": "iris-skerry-models"}},
        ),
        ({"image": {"reference": "a:1"}}, {"image": {"reference": "a:1"}}),
    ],
)
def test_models_come_from_the_source(source: dict[str, Any], volume: dict[str, Any]) -> None:
    found = deployment({}, {**SMALL, "source": source})
    volumes = {each.pop("name"): each for each in found["spec"]["template"]["spec"]["volumes"]}
    assert volume == volumes["models"]
    mounts = {each["name"]: each for each in container_of(found)["volumeMounts"]}
    assert {"name": "models", "mountPath": "/models", "readOnly": True} == mounts["models"]


def test_claim_that_the_chart_makes_outlives_the_release() -> None:
    claim = only(
        render({**SMALL, "source": {"pvc": {"size": "3Gi", "storageClassName": ""}}}),
        "PersistentVolumeClaim",
    )
    assert "keep" == claim["metadata"]["annotations"]["helm.sh/resource-policy"]
    assert ("3Gi", "", ["ReadWriteOnce"]) == (
        claim["spec"]["resources"]["requests"]["storage"],
        claim["spec"]["storageClassName"],
        claim["spec"]["accessModes"],
    )


def test_volume_of_a_host_path_is_for_its_claim_alone() -> None:
    objects = render(values_of(CHART / "ci" / "host-path-values.yaml"))
    volume, claim = only(objects, "PersistentVolume"), only(objects, "PersistentVolumeClaim")
    assert volume["metadata"]["name"] == claim["spec"]["volumeName"]
    assert {"namespace": "skerry", "name": claim["metadata"]["name"]} == volume["spec"]["claimRef"]
    assert ("", "") == (volume["spec"]["storageClassName"], claim["spec"]["storageClassName"])


def test_digest_goes_before_the_tag_and_a_version_s_tag_before_a_digest() -> None:
    digest = f"sha256:{'0' * 64}"
    image = {"image": {"digest": digest, "tag": "1"}}
    assert f"skerry@{digest}" == container_of(deployment(image))["image"]
    values = with_changes(GATEWAY, {**image, "versions": {"v2": {"image": {"tag": "2"}}}})
    assert [f"skerry@{digest}", "skerry:2"] == [
        container_of(each)["image"] for each in of_kind(render(values), "Deployment")
    ]


def test_any_tag_makes_a_label() -> None:
    labels = deployment({"image": {"tag": f"_{'a' * 61}.{'b' * 60}"}})["metadata"]["labels"]
    assert "a" * 61 == labels["app.kubernetes.io/version"]
