"""Values that can't be are refused with a sentence that says what to change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.chart.rendering import GATEWAY, SMALL, needs_helm, refusal, with_changes

pytestmark = needs_helm

DIGEST = f"sha256:{'0' * 64}"
CANARY = {"version": "v2", "weight": 10}

# What two values say together: the chart's own sentences.
TOGETHER: Mapping[str, tuple[Mapping[str, Any], Mapping[str, Any], str]] = {
    "no-model": (
        SMALL,
        {"model": {"name": ""}},
        "model.name: expected the model's name, which is its directory on the volume, such as iris",
    ),
    "no-versions": (
        {**SMALL, "versions": {}},
        {},
        "versions: expected the versions to serve, such as {v1: {}}, got none",
    ),
    "no-stable": (
        SMALL,
        {"traffic": {"stable": ""}},
        "traffic.stable: expected the version that answers, one of versions, got none",
    ),
    "no-source": (
        SMALL,
        {"source": {"existingClaim": None}},
        "source: expected where the models are, such as --set source.existingClaim=models",
    ),
    "two-sources": (
        SMALL,
        {"source": {"pvc": {"size": "1Gi"}}},
        "got existingClaim and pvc: set the others to null",
    ),
    "empty-directory-that-nothing-fills": (
        SMALL,
        {"source": {"existingClaim": None, "emptyDir": {"sizeLimit": "1Gi"}}},
        "source.emptyDir: nothing would fill the volume: add an entry to initContainers",
    ),
    "stable-that-is-not-listed": (
        SMALL,
        {"traffic": {"stable": "v9"}},
        "traffic.stable: expected one of versions (v1, v2), got v9: add it to versions, such as"
        " versions: {v9: {}}",
    ),
    "stable-with-nothing-behind-its-name": (
        SMALL,
        {"versions": {"v1": None}},
        "such as versions: {v1: {}}; null, or nothing, takes it away",
    ),
    "canary-that-is-not-listed": (
        SMALL,
        {"traffic": {"canary": {"version": "v9", "weight": 1}}},
        "traffic.canary.version: expected one of versions (v1, v2), got v9",
    ),
    "one-of-the-canaries-is-not-listed": (
        SMALL,
        {"traffic": {"canaries": [CANARY, {"version": "v9", "weight": 1}]}},
        "traffic.canaries[1].version: expected one of versions (v1, v2), got v9",
    ),
    "shadow-that-is-not-listed": (
        SMALL,
        {"traffic": {"shadow": {"version": "v9"}}},
        "traffic.shadow.version: expected one of versions (v1, v2), got v9",
    ),
    "digest-of-a-version-that-is-not-listed": (
        SMALL,
        {"traffic": {"digests": {"v9": DIGEST}}},
        "traffic.digests: expected the versions listed in versions (v1, v2), got v9",
    ),
    "canary-and-canaries": (
        SMALL,
        {"traffic": {"canary": CANARY, "canaries": [CANARY]}},
        "traffic: expected canary or canaries, got both: set one of them to null",
    ),
    "canary-that-is-stable": (
        SMALL,
        {"traffic": {"canary": {"version": "v1", "weight": 10}}},
        "expected a canary that is another version than stable, got v1 for both: after a promotion,"
        " set the canary to null",
    ),
    "canary-twice": (
        SMALL,
        {"traffic": {"canaries": [CANARY, CANARY]}},
        "traffic.canaries: expected each version once, got v2 more",
    ),
    "canary-without-weight-and-headers": (
        SMALL,
        {"traffic": {"canary": {"version": "v2"}}},
        "the canary v2 has neither weight nor headers: give it a weight, in percent, such as"
        " weight: 10",
    ),
    "weight-with-three-decimals": (
        SMALL,
        {"traffic": {"canary": {"version": "v2", "weight": 0.125}}},
        "expected a weight with at most two decimals for the canary v2, got 0.125",
    ),
    "weights-over-100": (
        {**SMALL, "versions": {"v1": {}, "v2": {}, "v3": {}}},
        {
            "traffic": {
                "canaries": [{"version": "v2", "weight": 60}, {"version": "v3", "weight": 41}]
            }
        },
        "traffic.canaries: expected weights that sum to at most 100, got 101",
    ),
    "header-twice": (
        SMALL,
        {
            "traffic": {
                "canary": {
                    "version": "v2",
                    "headers": [{"name": "X-A", "value": "1"}, {"name": "x-a", "value": "2"}],
                }
            }
        },
        "expected each header once for the canary, got x-a more",
    ),
    "header-that-is-no-text": (
        SMALL,
        {"traffic": {"canary": {**CANARY, "headers": [{"name": "X-Canary", "value": True}]}}},
        "expected text as the value of the header X-Canary, got true: quote it, or use"
        " --set-string",
    ),
    "text-of-a-weight-over-100": (
        SMALL,
        {"traffic": {"canary": {"version": "v2", "weight": "100.5"}}},
        "expected a weight of at most 100 for the canary v2, got 100.5",
    ),
    "text-of-a-sample-over-100": (
        SMALL,
        {"traffic": {"shadow": {"version": "v2", "sample": "101"}}},
        "traffic.shadow.sample: expected at most 100, got 101",
    ),
    "number-of-no-version": (
        SMALL,
        {"traffic": {"stable": 2.0}},
        "traffic.stable: expected one of versions (v1, v2), got 2",
    ),
    "loaded-version-that-is-not-listed": (
        SMALL,
        {"traffic": {"versions": ["v1", "v9"]}},
        "traffic.versions[1]: expected one of versions (v1, v2), got v9",
    ),
    "sticky-by-both": (
        SMALL,
        {"traffic": {"sticky": {"header": "X-User-Id", "cookie": "user"}}},
        "traffic.sticky: expected header or cookie, got both",
    ),
    "sticky-by-neither": (
        SMALL,
        {"traffic": {"sticky": {"salt": "x"}}},
        "traffic.sticky: expected header or cookie, got neither",
    ),
    "sample-with-three-decimals": (
        SMALL,
        {"traffic": {"shadow": {"version": "v2", "sample": 0.125}}},
        "traffic.shadow.sample: expected at most two decimals, got 0.125",
    ),
    "image-of-a-version-in-process": (
        SMALL,
        {"versions": {"v1": {"image": {"tag": "2"}}}},
        "versions.v1.image: in mode inProcess one Deployment holds all versions: set image at the"
        " top, or traffic.mode to gateway",
    ),
    "gateway-in-process": (
        SMALL,
        {"traffic": {"gateway": {"parentRefs": [{"name": "skerry"}]}}},
        "traffic.gateway: there is no route in mode inProcess: set traffic.mode to gateway",
    ),
    "no-gateway": (
        SMALL,
        {"traffic": {"mode": "gateway"}},
        "traffic.gateway.parentRefs: expected the Gateway that the route hangs on, such as"
        " [{name: skerry}], got none",
    ),
    "sticky-behind-a-gateway": (
        GATEWAY,
        {"traffic": {"sticky": {"header": "X-User-Id"}}},
        "traffic.sticky: a Gateway's HTTPRoute has no sticky split: set it to null, or traffic.mode"
        " to inProcess",
    ),
    "version-policy-behind-a-gateway": (
        GATEWAY,
        {"traffic": {"versions": "latest:2"}},
        "traffic.versions: in mode gateway each version has a Deployment of its own",
    ),
    "ingress-beside-a-gateway": (
        GATEWAY,
        {"ingress": {"enabled": True, "hosts": [{"host": "iris.example.org"}]}},
        "ingress.enabled: in mode gateway the Gateway is the way in: set it to false",
    ),
    "ingress-for-no-host": (
        SMALL,
        {"ingress": {"enabled": True}},
        "ingress.hosts: expected the hosts to answer for, such as [{host: iris.example.org}]",
    ),
    "node-port-behind-a-gateway": (
        GATEWAY,
        {"service": {"type": "NodePort", "nodePort": 30080}},
        "service.nodePort: in mode gateway each version has a Service, and they can't share a port",
    ),
    "two-headers-behind-a-gateway": (
        GATEWAY,
        {
            "traffic": {
                "canary": {
                    "version": "v2",
                    "headers": [{"name": "X-A", "value": "1"}, {"name": "X-B", "value": "2"}],
                }
            }
        },
        "expected at most one header for the canary v2 in mode gateway, got 2: a Gateway prefers",
    ),
    "more-versions-than-rules": (
        GATEWAY,
        {"versions": {f"v{n}": {} for n in range(1, 17)}},
        "versions: an HTTPRoute takes 16 rules, and these versions and headers make 17",
    ),
    "names-that-meet": (
        GATEWAY,
        {"versions": {"v1": {}, "2.0": {}, "2-0": {}}},
        "versions: 2-0 and 2.0 would both be named iris-skerry-2-0: rename one of them",
    ),
    "name-that-is-too-long": (
        GATEWAY,
        {"versions": {"v1": {}, "v" * 60: {}}},
        "can't be the name of a Service (at most 63 characters): set"
        " fullnameOverride, or rename the version",
    ),
    "grace-period-too-short": (
        SMALL,
        {"terminationGracePeriodSeconds": 36},
        "terminationGracePeriodSeconds: expected at least 37 (preStopSleepSeconds +"
        " SKERRY_DRAIN_DELAY_S + SKERRY_SHUTDOWN_TIMEOUT_S), got 36: raise it, or lower one of",
    ),
    "grace-period-too-short-for-a-setting": (
        SMALL,
        {"settings": {"SKERRY_SHUTDOWN_TIMEOUT_S": 90}},
        "terminationGracePeriodSeconds: expected at least 97",
    ),
    "grace-period-too-short-for-traces": (
        SMALL,
        {"otel": {"endpoint": "http://collector:4318"}, "terminationGracePeriodSeconds": 46},
        "expected at least 47 (preStopSleepSeconds + SKERRY_DRAIN_DELAY_S +"
        " SKERRY_SHUTDOWN_TIMEOUT_S + 10 for the last traces), got 46",
    ),
    "grace-period-too-short-for-slow-traces": (
        SMALL,
        {
            "otel": {"endpoint": "http://collector:4318"},
            "extraEnv": [{"name": "OTEL_EXPORTER_OTLP_TIMEOUT", "value": "30"}],
        },
        "terminationGracePeriodSeconds: expected at least 67 (preStopSleepSeconds +"
        " SKERRY_DRAIN_DELAY_S + SKERRY_SHUTDOWN_TIMEOUT_S + 30 for the last traces), got 60",
    ),
    "name-that-no-service-has": (
        SMALL,
        {"nameOverride": "My_Name"},
        "fullnameOverride: iris-My_Name can't be the name of a Service (lower-case letters, digits"
        " and -, a letter first)",
    ),
    "name-that-begins-with-a-digit": (
        GATEWAY,
        {"fullnameOverride": "7iris"},
        "fullnameOverride: 7iris can't be the name of a Service",
    ),
    "label-that-finds-pods": (
        SMALL,
        {"podLabels": {"app.kubernetes.io/component": "other"}},
        "podLabels: app.kubernetes.io/component is the chart's own label: leave it out",
    ),
    "label-of-the-chart": (
        SMALL,
        {"podLabels": {"app.kubernetes.io/name": "other"}},
        "podLabels: app.kubernetes.io/name is the chart's own label: leave it out",
    ),
    "label-twice": (
        SMALL,
        {"commonLabels": {"team": "a"}, "metrics": {"serviceMonitor": {"labels": {"team": "b"}}}},
        "metrics.serviceMonitor.labels: team is in commonLabels, too: leave one of them out",
    ),
    "volume-of-the-chart": (
        SMALL,
        {"extraVolumes": [{"name": "tmp", "emptyDir": {}}]},
        "extraVolumes: tmp is the chart's own volume: take another name",
    ),
    "startup-probe-too-short": (
        SMALL,
        {"probes": {"startup": {"failureThreshold": 60}}},
        "probes.startup: expected periodSeconds × failureThreshold of at least 300 s, the time that"
        " one load may take (SKERRY_LOAD_TIMEOUT_S), got 60",
    ),
    "readiness-probe-that-overtakes-itself": (
        SMALL,
        {"probes": {"readiness": {"timeoutSeconds": 9}}},
        "probes.readiness: expected timeoutSeconds of at most periodSeconds (5), got 9",
    ),
    "fewer-than-the-fewest": (
        SMALL,
        {"autoscaling": {"enabled": True, "minReplicas": 5}},
        "autoscaling: expected minReplicas of at most maxReplicas (4), got 5",
    ),
    "nothing-to-scale-by": (
        SMALL,
        {"autoscaling": {"enabled": True, "targetCPUUtilizationPercentage": None}},
        "autoscaling: expected targetCPUUtilizationPercentage or targetRequestsInFlight, got",
    ),
    "percent-of-no-request": (
        SMALL,
        {"autoscaling": {"enabled": True}, "resources": {"requests": {"cpu": None}}},
        "targetCPUUtilizationPercentage: the percentage is one of resources.requests.cpu",
    ),
    "fewer-than-the-fewest-of-a-version": (
        GATEWAY,
        {"versions": {"v1": {"autoscaling": {"enabled": True, "minReplicas": 7}}}},
        "versions.v1.autoscaling: expected minReplicas of at most maxReplicas (4), got 7",
    ),
    "setting-of-the-chart": (
        SMALL,
        {"settings": {"SKERRY_PORT": 9000}},
        "settings.SKERRY_PORT: the chart sees to it: set service.port",
    ),
    "token-in-the-values": (
        SMALL,
        {"settings": {"SKERRY_API_TOKEN": "secret"}},
        "settings.SKERRY_API_TOKEN: the chart sees to it: put it into a Secret, and its name into"
        " tokens.existingSecret",
    ),
    "variable-of-the-chart": (
        SMALL,
        {"extraEnv": [{"name": "SKERRY_TRAFFIC_FILE", "value": "x"}]},
        "extraEnv: SKERRY_TRAFFIC_FILE is the chart's: set traffic",
    ),
    "setting-among-the-variables": (
        SMALL,
        {"extraEnv": [{"name": "SKERRY_LOG_LEVEL", "value": "debug"}]},
        "extraEnv: SKERRY_LOG_LEVEL belongs into settings: move it there",
    ),
    "variable-that-is-set-from-otel": (
        SMALL,
        {
            "otel": {"endpoint": "http://collector:4318"},
            "extraEnv": [{"name": "OTEL_TRACES_SAMPLER", "value": "always_on"}],
        },
        "extraEnv: OTEL_TRACES_SAMPLER is set from otel: leave it out, or otel.endpoint",
    ),
    "argument-of-a-sampler-that-takes-none": (
        SMALL,
        {"otel": {"endpoint": "http://collector:4318", "sampler": "always_on"}},
        "otel.samplerArg: only the samplers traceidratio and parentbased_traceidratio take it",
    ),
}

# What one value says alone: the schema's.
ALONE: Mapping[str, tuple[Mapping[str, Any], str]] = {
    "unknown-value": ({"replicas": 2}, "additional properties 'replicas' not allowed"),
    "unknown-key-of-the-policy": (
        {"traffic": {"canary": {**CANARY, "wait": 1}}},
        "at '/traffic/canary': additional properties 'wait' not allowed",
    ),
    "unknown-key-of-a-version": (
        {"versions": {"v1": {"weight": 10}}},
        "at '/versions/v1': additional properties 'weight' not allowed",
    ),
    "unknown-setting": (
        {"settings": {"SKERRY_WORKERS": 2}},
        "at '/settings': additional properties 'SKERRY_WORKERS' not allowed",
    ),
    "unknown-key-of-kubernetes": (
        {"tolerations": [{"key": "a", "operater": "Exists"}]},
        "at '/tolerations/0': additional properties 'operater' not allowed",
    ),
    "unknown-mode": ({"traffic": {"mode": "mesh"}}, "at '/traffic/mode': value must be one of"),
    "weight-over-100": (
        {"traffic": {"canary": {"version": "v2", "weight": 101}}},
        "at '/traffic/canary/weight': maximum: got 101, want 100",
    ),
    "weight-that-is-text": (
        {"traffic": {"canary": {"version": "v2", "weight": "ten"}}},
        "at '/traffic/canary/weight': 'ten' does not match pattern",
    ),
    "version-that-is-no-name": (
        {"versions": {"v 1": {}}},
        "invalid propertyName 'v 1'",
    ),
    "setting-out-of-range": (
        {"settings": {"SKERRY_LOG_SAMPLE": 2}},
        "at '/settings/SKERRY_LOG_SAMPLE': maximum: got 2, want 1",
    ),
    "digest-that-is-none": (
        {"traffic": {"digests": {"v1": "sha256:1234"}}},
        "at '/traffic/digests/v1': 'sha256:1234' does not match pattern",
    ),
    "claim-that-is-no-name": (
        {"source": {"existingClaim": "My_Models"}},
        "at '/source/existingClaim': 'My_Models' does not match pattern",
    ),
    "relative-host-path": (
        {"source": {"hostPathVolume": {"path": "models"}}},
        "at '/source/hostPathVolume/path': 'models' does not match pattern",
    ),
}


@pytest.mark.parametrize("name", TOGETHER)
def test_says_what_to_change(name: str) -> None:
    base, changes, sentence = TOGETHER[name]
    said = refusal(with_changes(base, changes))
    assert sentence in said
    assert "these values can't be:\n- " in said


@pytest.mark.parametrize("name", ALONE)
def test_schema_refuses(name: str) -> None:
    changes, sentence = ALONE[name]
    assert sentence in refusal(with_changes(SMALL, changes))


def test_says_everything_that_is_wrong_at_once() -> None:
    said = refusal({})
    for value in ("model.name:", "source:", "versions:", "traffic.stable:"):
        assert f"\n- {value}" in said


def test_refuses_a_cluster_without_the_sleep_action() -> None:
    said = refusal(SMALL, "--kube-version", "1.29.4")
    assert "Kubernetes: expected 1.30 or newer" in said
    assert "got v1.29.4" in said
