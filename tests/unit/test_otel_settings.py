"""OpenTelemetry's variables: what switches tracing on, and what stops the start."""

from __future__ import annotations

import sys

import pytest
from opentelemetry.util.re import parse_env_headers

from skerry.core.tracing_options import (
    OtlpCompression,
    OtlpProtocol,
    Sampling,
    SpanExporterKind,
    TracingOptions,
)
from skerry.otel_settings import forget_blank_variables, load_tracing_options
from skerry.settings import SettingsError

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
ON = {ENDPOINT: "http://localhost:4318"}


def options(environment: dict[str, str]) -> TracingOptions:
    found = load_tracing_options(environment)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "environment",
    [
        {},
        {"SKERRY_PORT": "1", "OTEL_SERVICE_NAME": "x"},
        {"OTEL_TRACES_EXPORTER": "none"},
        {"OTEL_TRACES_EXPORTER": "none", **ON},
        {"OTEL_TRACES_EXPORTER": "", ENDPOINT: " "},
        {"OTEL_SDK_DISABLED": "true", **ON},
        {"OTEL_SDK_DISABLED": "True", "OTEL_TRACES_EXPORTER": "otlp"},
        {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://localhost:4318"},
    ],
)
def test_tracing_is_off(environment: dict[str, str]) -> None:
    assert load_tracing_options(environment) is None


@pytest.mark.parametrize(
    ("environment", "exporters"),
    [
        (ON, "otlp"),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "https://otlp.example/v1/traces"}, "otlp"),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, "otlp"),
        ({"OTEL_TRACES_EXPORTER": "console"}, "console"),
        ({"OTEL_TRACES_EXPORTER": "otlp, console,otlp"}, "otlp,console"),
        ({"OTEL_SDK_DISABLED": "false", **ON}, "otlp"),
    ],
)
def test_tracing_is_on(environment: dict[str, str], exporters: str) -> None:
    expected = tuple(SpanExporterKind(each) for each in exporters.split(","))
    assert expected == options(environment).exporters


def test_defaults_are_those_of_the_specification() -> None:
    found = options({"OTEL_TRACES_EXPORTER": "otlp"})

    assert TracingOptions() == found
    assert (OtlpProtocol.HTTP, 10.0, 2048) == (
        found.protocol,
        found.timeout_s,
        found.max_queue_spans,
    )


def test_the_variable_for_traces_wins() -> None:
    environment = {
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
        "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/protobuf",
        "OTEL_EXPORTER_OTLP_TIMEOUT": "3",
        "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "0.5",
    }
    found = options({**ON, **environment})

    assert (OtlpProtocol.HTTP, 0.5) == (found.protocol, found.timeout_s)


@pytest.mark.parametrize(
    ("name", "argument", "expected"),
    [
        ("always_on", None, Sampling(1, parent_based=False)),
        ("always_off", "0.5", Sampling(0, parent_based=False)),
        ("traceidratio", "0.25", Sampling(0.25, parent_based=False)),
        ("parentbased_always_on", None, Sampling(1)),
        ("parentbased_always_off", None, Sampling(0)),
        ("parentbased_traceidratio", "0.01", Sampling(0.01)),
        ("parentbased_traceidratio", None, Sampling(1)),
    ],
)
def test_samplers_of_the_specification(name: str, argument: str | None, expected: Sampling) -> None:
    variables = {"OTEL_TRACES_SAMPLER": name, "OTEL_TRACES_SAMPLER_ARG": argument or ""}
    assert expected == options({**ON, **variables}).sampling


@pytest.mark.parametrize(
    ("propagators", "w3c_only"),
    [
        ("tracecontext,baggage", True),
        ("tracecontext", True),
        ("none", False),
        ("baggage", False),
    ],
)
def test_other_propagators_take_the_slow_way(propagators: str, w3c_only: bool) -> None:
    assert w3c_only is options({**ON, "OTEL_PROPAGATORS": propagators}).w3c_only


@pytest.mark.parametrize(
    ("environment", "line"),
    [
        (
            {"OTEL_TRACES_EXPORTER": "zipkin"},
            "OTEL_TRACES_EXPORTER: expected otlp, console or none, got 'zipkin'",
        ),
        (
            {**ON, "OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"},
            "OTEL_EXPORTER_OTLP_PROTOCOL: expected http/protobuf or grpc, got 'http/json'",
        ),
        (
            {**ON, "OTEL_EXPORTER_OTLP_COMPRESSION": "zstd"},
            "OTEL_EXPORTER_OTLP_COMPRESSION: expected none or gzip, got 'zstd'",
        ),
        (
            {ENDPOINT: "localhost:4318"},
            f"{ENDPOINT}: expected a URL such as http://localhost:4318, got 'localhost:4318'",
        ),
        (
            {ENDPOINT: "ftp://me:secret@localhost"},
            f"{ENDPOINT}: expected a URL such as http://localhost:4318, got '…@…'",
        ),
        (
            {**ON, "OTEL_EXPORTER_OTLP_TIMEOUT": "0"},
            "OTEL_EXPORTER_OTLP_TIMEOUT: expected seconds, above 0 and up to 3600, got '0'",
        ),
        (
            {**ON, "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT": "nan"},
            "OTEL_EXPORTER_OTLP_TRACES_TIMEOUT: expected seconds, above 0 and up to 3600,"
            " got 'nan'",
        ),
        (
            {**ON, "OTEL_TRACES_SAMPLER": "rules"},
            "OTEL_TRACES_SAMPLER: expected one of always_on, always_off, parentbased_always_on,"
            " parentbased_always_off, traceidratio, parentbased_traceidratio, got 'rules'",
        ),
        (
            {**ON, "OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1 %"},
            "OTEL_TRACES_SAMPLER_ARG: expected 0 to 1, got '1 %'",
        ),
        (
            {**ON, "OTEL_BSP_MAX_QUEUE_SIZE": "many"},
            "OTEL_BSP_MAX_QUEUE_SIZE: expected a whole number of at least 2, got 'many'",
        ),
        (
            {**ON, "OTEL_BSP_MAX_QUEUE_SIZE": "1", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "1"},
            "OTEL_BSP_MAX_QUEUE_SIZE: expected a whole number of at least 2, got '1'",
        ),
        (
            {**ON, "OTEL_BSP_MAX_QUEUE_SIZE": "100"},
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE: expected at most the queue's 100 spans"
            " (OTEL_BSP_MAX_QUEUE_SIZE), got 512",
        ),
        (
            {**ON, "OTEL_BSP_SCHEDULE_DELAY": "0"},
            "OTEL_BSP_SCHEDULE_DELAY: expected a whole number of at least 1, got '0'",
        ),
    ],
    ids=lambda value: next(reversed(value)) if isinstance(value, dict) else "",
)
def test_a_bad_value_is_one_line_that_names_it(environment: dict[str, str], line: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        load_tracing_options(environment)

    assert line == str(refusal.value)


@pytest.mark.parametrize(
    "value",
    [
        "Bearer s3cret",
        "x-key=abc,s3cret",
        "x-key: s3cret",
        "x y=s3cret",
        "=s3cret",
        'x-key="s3cret"',
        "x-key=s3cret\\",
        "x-key=s3cret%0Ax",
        "x-key=\ns3cret",
        "x-key=s3cret;a=b",
        "x-key=s3cret%C3%A9",
        "x-key=s3cret\N{LATIN SMALL LETTER E WITH ACUTE}",
        "x%20y=s3cret",
    ],
)
@pytest.mark.parametrize("infix", ["", "TRACES_"])
def test_headers_that_can_not_be_sent_are_named_but_not_shown(value: str, infix: str) -> None:
    name = f"OTEL_EXPORTER_OTLP_{infix}HEADERS"
    with pytest.raises(SettingsError) as refusal:
        load_tracing_options({**ON, name: value})

    assert f"{name}: expected name=value,… with values in ASCII and percent-encoded;" in str(
        refusal.value
    )
    assert "s3cret" not in str(refusal.value)


@pytest.mark.parametrize(
    "value",
    [
        "authorization=Bearer s3cret,",
        "authorization=Bearer%20s3cret",
        " x-key = a/b:c== ,y=, z=%2C",
    ],
)
def test_headers_that_the_sdk_takes_without_a_word_are_taken(
    value: str, caplog: pytest.LogCaptureFixture
) -> None:
    given = [pair for pair in value.split(",") if pair]

    assert options({**ON, "OTEL_EXPORTER_OTLP_HEADERS": value}).exporters
    assert len(given) == len(parse_env_headers(value, liberal=True))
    assert [] == caplog.records


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
@pytest.mark.parametrize(
    "endpoint", ["me:s3cret@collector:4318", "ftp://me:s3cret@collector", "//me:s3cret@[collector"]
)
def test_a_password_in_an_endpoint_is_not_shown(endpoint: str, protocol: str) -> None:
    with pytest.raises(SettingsError) as refusal:
        load_tracing_options({ENDPOINT: endpoint, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol})

    assert str(refusal.value).startswith(f"{ENDPOINT}: expected ")
    assert "s3cret" not in str(refusal.value)
    assert "me:" not in str(refusal.value)


def test_grpc_takes_no_password_in_its_endpoint() -> None:
    environment = {ENDPOINT: "http://me:s3cret@c:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    with pytest.raises(SettingsError) as refusal:
        load_tracing_options(environment)

    assert (
        f"{ENDPOINT}: expected host and port without a user, got '…@…';"
        " OTEL_EXPORTER_OTLP_HEADERS is for credentials"
    ) == str(refusal.value)


def test_an_unknown_propagator_is_named() -> None:
    with pytest.raises(SettingsError, match=r"^OTEL_PROPAGATORS: expected some of .*'nobodys'$"):
        load_tracing_options({**ON, "OTEL_PROPAGATORS": "tracecontext,nobodys"})


def test_grpc_needs_its_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    environment = {ENDPOINT: "localhost:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}
    # As the import system has it for a package that must not be found.
    monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.grpc", None)

    with pytest.raises(SettingsError) as refusal:
        load_tracing_options(environment)

    assert (
        "OTEL_EXPORTER_OTLP_PROTOCOL: grpc needs a package that is not installed:"
        " pip install 'skerry[grpc]'"
    ) == str(refusal.value)


def test_grpc_takes_an_endpoint_without_a_scheme() -> None:
    environment = {ENDPOINT: "localhost:4317", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}

    assert OtlpProtocol.GRPC is options(environment).protocol


def test_blank_variables_of_opentelemetry_are_forgotten() -> None:
    kept = {"OTEL_SERVICE_NAME": "x", "SKERRY_API_TOKEN": "", "HOME": " "}
    environment = {"OTEL_PROPAGATORS": "", "OTEL_EXPORTER_OTLP_TIMEOUT": " ", **kept}

    forget_blank_variables(environment)

    assert kept == environment


def test_compression_is_read_for_traces_first() -> None:
    environment = {
        "OTEL_EXPORTER_OTLP_COMPRESSION": "gzip",
        "OTEL_EXPORTER_OTLP_TRACES_COMPRESSION": "none",
    }

    assert OtlpCompression.NONE is options({**ON, **environment}).compression
    del environment["OTEL_EXPORTER_OTLP_TRACES_COMPRESSION"]
    assert OtlpCompression.GZIP is options({**ON, **environment}).compression
