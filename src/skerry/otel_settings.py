"""OpenTelemetry's own ``OTEL_…`` variables, checked once at start.

What decides whether and where to spans are sent is read here. The SDK reads the rest itself
(headers, certificates, resource attributes, limits), with values that were found sound here.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping, MutableMapping
from importlib.metadata import entry_points
from importlib.util import find_spec
from urllib.parse import unquote, urlsplit

from skerry.core.tracing_options import (
    OtlpCompression,
    OtlpProtocol,
    Sampling,
    SpanExporterKind,
    TracingOptions,
)
from skerry.settings import SettingsError

_GRPC_PACKAGE = "opentelemetry.exporter.otlp.proto.grpc"
_W3C = frozenset({"tracecontext", "baggage"})
_RATIO_SAMPLERS = {"traceidratio": False, "parentbased_traceidratio": True}
_SAMPLERS = {
    "always_on": Sampling(1.0, parent_based=False),
    "always_off": Sampling(0.0, parent_based=False),
    "parentbased_always_on": Sampling(1.0),
    "parentbased_always_off": Sampling(0.0),
}
_DEFAULT_QUEUE, _DEFAULT_BATCH = 2048, 512
# Source: RFC 9110, token; and what HTTP and gRPC both take as a value.
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_HEADER_VALUE = re.compile(r"[ -~]*")
# The same before %XX is decoded, without what the SDK refuses there.
_GIVEN_VALUE = re.compile(r"[ !#-+\--:<-\[\]-~]*")


def forget_blank_variables(environment: MutableMapping[str, str]) -> None:
    """Remove OpenTelemetry's variables that hold nothing, before any of its packages is imported.

    They count as none, says its specification; some of its packages read them as values.
    """
    for name in [name for name in environment if name.startswith("OTEL_")]:
        if not environment[name].strip():
            del environment[name]


def load_tracing_options(environment: Mapping[str, str] | None = None) -> TracingOptions | None:
    """Return how to trace, None for not at all.

    environment: ``os.environ`` unless told. An empty value counts as none, as OpenTelemetry has it.

    Raises:
        SettingsError: one line that names the variable, what was expected and what came.
    """
    given = dict(os.environ if environment is None else environment)
    variables = {name: value.strip() for name, value in given.items() if value.strip()}
    if variables.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return None
    exporters = _exporters(variables)
    if not exporters:
        return None
    protocol, compression = OtlpProtocol.HTTP, OtlpCompression.NONE
    if SpanExporterKind.OTLP in exporters:
        protocol, compression = _protocol(variables), _compression(variables)
        _check_endpoint(variables, protocol)
        _check_headers(variables)
    propagators = _propagators(variables)
    return TracingOptions(
        exporters=exporters,
        protocol=protocol,
        compression=compression,
        timeout_s=_timeout_s(variables),
        sampling=_sampling(variables),
        max_queue_spans=_queue(variables),
        w3c_only=propagators <= _W3C and "tracecontext" in propagators,
    )


def _exporters(variables: Mapping[str, str]) -> tuple[SpanExporterKind, ...]:
    name = "OTEL_TRACES_EXPORTER"
    value = variables.get(name)
    if value is None:
        return (SpanExporterKind.OTLP,) if _otlp(variables, "ENDPOINT")[1] else ()
    if value == "none":
        return ()
    known = [kind.value for kind in SpanExporterKind]
    names = [part.strip() for part in value.split(",")]
    if not set(names) <= set(known):
        raise SettingsError(f"{name}: expected {', '.join(known)} or none, got {value!r}")
    return tuple(SpanExporterKind(each) for each in dict.fromkeys(names))


def _otlp(variables: Mapping[str, str], suffix: str) -> tuple[str, str | None]:
    """Return name and value of a setting that may be given for traces alone, or for all."""
    own, common = f"OTEL_EXPORTER_OTLP_TRACES_{suffix}", f"OTEL_EXPORTER_OTLP_{suffix}"
    name = own if own in variables else common
    return name, variables.get(name)


def _protocol(variables: Mapping[str, str]) -> OtlpProtocol:
    name, value = _otlp(variables, "PROTOCOL")
    try:
        protocol = OtlpProtocol(value or OtlpProtocol.HTTP)
    except ValueError:
        known = " or ".join(OtlpProtocol)
        raise SettingsError(f"{name}: expected {known}, got {value!r}") from None
    if protocol is OtlpProtocol.GRPC and not _is_installed(_GRPC_PACKAGE):
        raise SettingsError(
            f"{name}: grpc needs a package that is not installed: pip install 'skerry[grpc]'"
        )
    return protocol


def _compression(variables: Mapping[str, str]) -> OtlpCompression:
    name, value = _otlp(variables, "COMPRESSION")
    try:
        return OtlpCompression(value or OtlpCompression.NONE)
    except ValueError:
        known = " or ".join(OtlpCompression)
        raise SettingsError(f"{name}: expected {known}, got {value!r}") from None


def _is_installed(package: str) -> bool:
    try:
        return find_spec(package) is not None
    except ModuleNotFoundError:  # Not even its parents are there.
        return False


def _check_endpoint(variables: Mapping[str, str], protocol: OtlpProtocol) -> None:
    name, value = _otlp(variables, "ENDPOINT")
    if value is None:
        return
    # Whatever has an @ may hold a password, wherever a wrong URL has it.
    shown = "…@…" if "@" in value else value[:100]
    if protocol is OtlpProtocol.GRPC:
        if "@" in value:  # The SDK would write it to the log with every failure.
            raise SettingsError(
                f"{name}: expected host and port without a user, got {shown!r};"
                " OTEL_EXPORTER_OTLP_HEADERS is for credentials"
            )
        return
    try:
        parts = urlsplit(value)
        is_url = parts.scheme in ("http", "https") and bool(parts.netloc)
    except ValueError:
        is_url = False
    if not is_url:
        raise SettingsError(f"{name}: expected a URL such as http://localhost:4318, got {shown!r}")


def _check_headers(variables: Mapping[str, str]) -> None:
    """Refuse what the SDK, the HTTP client or gRPC would quote in the log, with its token."""
    name, value = _otlp(variables, "HEADERS")
    pairs = [] if value is None else value.split(",")
    if not all(_is_header(pair.strip()) for pair in pairs if pair.strip()):
        raise SettingsError(
            f"{name}: expected name=value,… with values in ASCII and percent-encoded;"
            " what came is not shown"
        )


def _is_header(pair: str) -> bool:
    name, equals, value = pair.partition("=")
    return (
        bool(equals)
        and _HEADER_NAME.fullmatch(name.strip(" \t")) is not None
        and _HEADER_NAME.fullmatch(unquote(name).strip()) is not None
        and _GIVEN_VALUE.fullmatch(value.strip(" \t")) is not None
        and _HEADER_VALUE.fullmatch(unquote(value).strip()) is not None
    )


def _timeout_s(variables: Mapping[str, str]) -> float:
    name, value = _otlp(variables, "TIMEOUT")
    if value is None:
        return 10.0
    seconds = _number(value)
    if not 0 < seconds <= 3600:
        raise SettingsError(f"{name}: expected seconds, above 0 and up to 3600, got {value!r}")
    return seconds


def _sampling(variables: Mapping[str, str]) -> Sampling:
    name = variables.get("OTEL_TRACES_SAMPLER", "parentbased_always_on")
    if name in _SAMPLERS:
        return _SAMPLERS[name]
    if name not in _RATIO_SAMPLERS:
        known = ", ".join([*_SAMPLERS, *_RATIO_SAMPLERS])
        raise SettingsError(f"OTEL_TRACES_SAMPLER: expected one of {known}, got {name!r}")
    value = variables.get("OTEL_TRACES_SAMPLER_ARG", "1.0")
    ratio = _number(value)
    if not 0 <= ratio <= 1:
        raise SettingsError(f"OTEL_TRACES_SAMPLER_ARG: expected 0 to 1, got {value!r}")
    return Sampling(ratio, parent_based=_RATIO_SAMPLERS[name])


def _queue(variables: Mapping[str, str]) -> int:
    # A prediction has two spans, and they are queued together.
    queue = _count(variables, "OTEL_BSP_MAX_QUEUE_SIZE", _DEFAULT_QUEUE, at_least=2)
    name = "OTEL_BSP_MAX_EXPORT_BATCH_SIZE"
    batch = _count(variables, name, _DEFAULT_BATCH)
    if batch > queue:
        raise SettingsError(
            f"{name}: expected at most the queue's {queue} spans (OTEL_BSP_MAX_QUEUE_SIZE),"
            f" got {batch}"
        )
    _count(variables, "OTEL_BSP_SCHEDULE_DELAY", 5000)
    _count(variables, "OTEL_BSP_EXPORT_TIMEOUT", 30_000)
    return queue


def _propagators(variables: Mapping[str, str]) -> frozenset[str]:
    value = variables.get("OTEL_PROPAGATORS")
    if value is None:
        return _W3C
    names = frozenset(part.strip() for part in value.split(","))
    known = {point.name for point in entry_points(group="opentelemetry_propagator")} | {"none"}
    if unknown := sorted(names - known):
        raise SettingsError(
            f"OTEL_PROPAGATORS: expected some of {', '.join(sorted(known))},"
            f" got {', '.join(unknown)[:100]!r}"
        )
    return names


def _count(variables: Mapping[str, str], name: str, default: int, at_least: int = 1) -> int:
    value = variables.get(name)
    if value is None:
        return default
    if not (value.isascii() and value.isdigit() and int(value) >= at_least):
        raise SettingsError(
            f"{name}: expected a whole number of at least {at_least}, got {value!r}"
        )
    return int(value)


def _number(value: str) -> float:
    try:
        return math.nan if "_" in value else float(value)
    except ValueError:
        return math.nan
