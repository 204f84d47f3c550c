"""Wire schemas: what goes over HTTP, for validation and for OpenAPI."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field, JsonValue

Value = float | int | str | bool | None

_SCALAR = {"anyOf": [{"type": t} for t in ("number", "string", "boolean", "null")]}
_ROW = {
    "anyOf": [
        {"type": "array", "items": _SCALAR, "minItems": 1},
        {"type": "object", "additionalProperties": _SCALAR, "minProperties": 1},
    ],
    "description": "values in signature order, or an object by feature name",
}


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)

    return_probabilities: bool = Field(False, description="add classes and probabilities")


class PredictRequest(_Request):
    """One row."""

    features: list[Any] | dict[str, Any] = Field(
        json_schema_extra=lambda schema: _only(schema, _ROW),
        examples=[[5.1, 3.5, 1.4, 0.2]],
    )


class BatchRequest(_Request):
    """Several rows."""

    features: list[Any] = Field(
        json_schema_extra=lambda schema: _only(
            schema, {"type": "array", "items": _ROW, "minItems": 1}
        ),
        examples=[[[5.1, 3.5, 1.4, 0.2], [6.2, 3.4, 5.4, 2.3]]],
    )


class PredictResponse(BaseModel):
    """The answer for one row; lists, one entry an output, where the model has several outputs."""

    model_config = ConfigDict(protected_namespaces=())

    prediction: JsonValue = Field(description="what the model's predict says")
    confidence: float | list[float | None] | None = Field(
        description="highest class probability; null where the model has no probabilities"
    )
    model_version: str
    classes: list[JsonValue] | None = Field(None, description="in the order of probabilities")
    probabilities: list[JsonValue] | None = None


class BatchResponse(BaseModel):
    """The answers in the order of the rows."""

    model_config = ConfigDict(protected_namespaces=())

    predictions: list[JsonValue]
    confidences: list[float | list[float | None] | None]
    model_version: str
    batch_size: int
    classes: list[JsonValue] | None = Field(None, description="in the order of probabilities")
    probabilities: list[JsonValue] | None = None


class MismatchView(BaseModel):
    """One place in the input that is not what it should be."""

    loc: list[str | int]
    expected: str
    got: str


class Problem(BaseModel):
    """An error (RFC 9457); docs/errors.md lists the types."""

    type: str = Field(examples=["urn:skerry:error:wrong-feature-count"])
    title: str
    status: int
    detail: str
    request_id: str
    errors: list[MismatchView] = []


class TrafficView(BaseModel):
    """A model's traffic policy: as declared, and as it is in force."""

    model: str
    generation: str
    store: str
    writable: bool
    declared: dict[str, JsonValue] | None
    in_force: dict[str, JsonValue] | None
    differences: list[dict[str, JsonValue]]
    previous: dict[str, JsonValue] | None


class LatencyView(BaseModel):
    """Percentiles of answers of status 2xx; null without any."""

    p50: float | None
    p90: float | None
    p99: float | None


class NumbersView(BaseModel):
    """A summary of the numbers that a regressor answered; null beyond float64."""

    mean: float | None
    std: float | None
    min: float | None
    max: float | None


class ConfidenceView(BaseModel):
    """Rows by confidence: of each bin, the highest that it takes, and its count."""

    upper_bounds: list[float]
    counts: list[int]


class TrackEvidenceView(BaseModel):
    """What one version did on one track in the window."""

    version: str
    track: str = Field(description="stable, canary or pinned")
    requests: int = Field(description="whatever they were answered")
    rows: int = Field(description="rows of the requests whose body could be read")
    errors: int = Field(description="answers of status 5xx")
    latency_ms: LatencyView
    classes: dict[str, int] = Field(
        description="rows by class, the first 100 of the model and other;"
        " empty for regressors and for several outputs"
    )
    predicted: NumbersView | None = Field(
        description="null for what is no regressor, and for several outputs"
    )
    confidence: ConfidenceView | None = Field(
        description="null where the model has no probabilities, or several outputs"
    )


class ComparisonView(BaseModel):
    """The canary held against the stable version; null where a side has nothing to compare."""

    canary: str | None = Field(description="the version that was compared")
    stable: str | None = Field(description="the version that it was compared with")
    p50_ratio: float | None = Field(description="the canary's p50 by that of stable")
    p99_ratio: float | None = Field(description="the canary's p99 by that of stable")
    error_rate_difference: float | None = Field(
        description="errors by requests of the canary, minus that of stable"
    )
    class_shift: dict[str, float] | None = Field(
        description="share of the canary's rows minus share of stable's, by class"
    )
    max_class_shift: float | None = Field(description="the largest of these, without its sign")
    disagreement_rate: float | None = Field(description="of the shadow, for the canary's version")


class EvidenceView(BaseModel):
    """What a model's versions did in the last seconds, in this process; docs/evidence.md."""

    model: str
    scope: str = Field(description="process: the sum over processes is that of the metrics")
    window_s: int
    generation: str = Field(description="of the traffic policy in force now")
    versions: list[TrackEvidenceView]
    comparison: ComparisonView


class DifferencesView(BaseModel):
    """Compared requests by how far the two answers are apart; null is no bound."""

    upper_bounds: list[float | None]
    counts: list[int]


class ShadowAnswerView(BaseModel):
    """What one version said; lists, one entry an output, where it has several."""

    version: str
    prediction: JsonValue
    confidence: float | list[float | None] | None


class DisagreementView(BaseModel):
    """A request on which shadow and served version differ."""

    time: str
    request_id: str
    row: int = Field(description="the first row of the request that differs, from 0")
    difference: float | None = Field(description="the request's largest; null: it is no number")
    served: ShadowAnswerView
    shadow: ShadowAnswerView
    features: list[JsonValue] | None = Field(
        None, description="that row's, where SKERRY_SHADOW_KEEP_INPUTS is true"
    )


class ShadowFailureView(BaseModel):
    """A request that the shadow did not answer."""

    time: str
    request_id: str
    reason: str


class ShadowView(BaseModel):
    """What came of mirrored requests, in this process, since the shadow was first asked."""

    model: str
    version: str | None
    sample: float
    requests: int = Field(description="agreed, disagreed, failed and dropped")
    agreed: int
    disagreed: int
    failed: int
    dropped: int
    waiting: int
    differences: DifferencesView
    recent: list[DisagreementView] = Field(description="the newest first")
    last_failure: ShadowFailureView | None


class ArtifactView(BaseModel):
    """The model file; the digest is null until it was read."""

    file: str
    format: str
    digest: str | None
    size_bytes: int
    has_manifest: bool


class PackagesView(BaseModel):
    """Package versions where the model was trained and where it is served."""

    trained: dict[str, str]
    serving: dict[str, str]


class LoadView(BaseModel):
    """The last load."""

    duration_s: float | None
    attempts: int
    memory_bytes: int | None
    next_attempt_at: str | None


class VersionView(BaseModel):
    """One version and its state."""

    model: str
    version: str
    state: str
    reason: str | None
    state_since: str
    tracks: list[str]
    in_flight: int
    task: str | None
    estimator: str | None
    warnings: list[str]
    artifact: ArtifactView | None
    packages: PackagesView
    load: LoadView


class WholeVersionView(VersionView):
    """One version with its signature and plan."""

    signature: dict[str, JsonValue] | None
    plan: dict[str, JsonValue] | None


class ModelView(BaseModel):
    """A model, its traffic and its versions."""

    name: str
    default: bool
    ready: bool
    traffic: TrafficView
    versions: list[VersionView]


class ModelsView(BaseModel):
    """All models."""

    models: list[ModelView]


class PolicyRequest(BaseModel):
    """A traffic policy, whole; docs/traffic.md explains the keys."""

    model_config = ConfigDict(extra="allow")

    stable: str = Field(examples=["v1"])


class StatusView(BaseModel):
    """A health answer."""

    status: str


class ReadyView(BaseModel):
    """Whether the process may take traffic, and what is missing if not."""

    status: str
    reasons: list[dict[str, JsonValue]] = []


class HealthView(BaseModel):
    """A summary for people."""

    status: str
    version: str
    uptime_s: float
    models: dict[str, dict[str, JsonValue]]
    reasons: list[dict[str, JsonValue]] = []


def _only(schema: dict[str, Any], wanted: dict[str, Any]) -> None:
    kept: dict[str, Any] = {key: schema[key] for key in ("examples", "title") if key in schema}
    schema.clear()
    schema.update({**kept, **wanted})
