"""All settings: ``SKERRY_…`` variables, checked once at start; nobody else reads them."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from skerry.core.errors import InvalidPolicy
from skerry.core.names import is_name
from skerry.core.traffic import TrafficDocument
from skerry.core.version_policy import VersionPolicy

PREFIX = "SKERRY_"
# What kubelet sets for every Service in the namespace, one called "skerry" included.
# Source: DESIGN of service environment variables in Kubernetes (Docker links).
_SERVICE_LINK = re.compile(
    r"SKERRY_(.+_)?(SERVICE_HOST|SERVICE_PORT(_.+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)"
)
Names = tuple[str, ...]


class SettingsError(Exception):
    """A setting that is unknown or out of range; the text is one line that names it."""


class Settings(BaseSettings):
    """One field a variable, in lower case and without the prefix.

    Each field's description gives meaning and unit; docs/configuration.md repeats them.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    models_dir: Path = Field(Path("/models"), description="the repository")
    default_model: str | None = Field(
        None, description="model that /api/v1/predict serves; unset: the only one there is"
    )
    models: Names = Field((), description="models to serve, comma-separated; unset: all")
    version_policy: str = Field(
        "all", description="versions to load: all, latest:N or specific:v1,v2"
    )
    transition_policy: Literal["availability-preserving", "resource-preserving"] = Field(
        "availability-preserving", description="load the new version first, or drop the old first"
    )
    host: str = Field("127.0.0.1", description="listen address")
    port: int = Field(8080, ge=0, le=65535, description="listen port; 0: any free one")
    root_path: str = Field(
        "", description="path prefix that a proxy strips", pattern=r"^(/.*[^/])?$"
    )
    max_batch_rows: int = Field(1000, ge=1, le=10_000_000, description="rows in one request")
    max_body_bytes: int = Field(
        8 * 1024 * 1024, ge=1024, description="bytes of one body, also after inflating"
    )
    request_timeout_s: float = Field(30, gt=0, le=3600, description="seconds for one request")
    max_queue_rows: int = Field(4096, ge=1, description="rows that wait for a prediction")
    executor_threads: int | None = Field(
        None, ge=1, le=256, description="threads that predict; unset: the CPUs the cgroup allows"
    )
    drain_delay_s: float = Field(
        2, ge=0, le=600, description="seconds after SIGTERM in which requests are still accepted"
    )
    shutdown_timeout_s: float = Field(
        30, ge=0, le=3600, description="seconds for requests in flight to finish"
    )
    load_timeout_s: float = Field(300, gt=0, le=86_400, description="seconds for one load")
    poll_interval_s: float = Field(
        10, gt=0, le=3600, description="seconds between looks at volume and traffic store"
    )
    settle_time_s: float = Field(
        2, ge=0, le=3600, description="seconds without a change before files count as complete"
    )
    admin_token: str | None = Field(
        None, min_length=1, repr=False, description="token for mutations; unset: they are refused"
    )
    api_token: str | None = Field(
        None, min_length=1, repr=False, description="token for inference; unset: it is open"
    )
    traffic_file: Path | None = Field(
        None, description="traffic store; unset: traffic.yaml in the repository"
    )
    traffic: str | None = Field(None, description="traffic store as text, JSON or YAML")
    parity: Literal["exact", "tolerant", "native"] = Field(
        "exact", description="how equal a plan must be to scikit-learn; native: no plan"
    )
    plan_budget_s: float = Field(
        10, gt=0, le=3600, description="seconds that a load may look for a faster executor"
    )
    onnx_executor: bool = Field(
        False, description="try ONNX Runtime as an executor; it computes in float32"
    )
    require_manifest: bool = Field(
        False, description="refuse artifacts without a manifest whose digest matches"
    )
    skops_trusted: Names = Field(
        (), description="types that a .skops artifact may hold, comma-separated"
    )
    shadow_keep: int = Field(
        100, ge=0, le=10_000, description="disagreements that are kept of a model's shadow"
    )
    shadow_keep_inputs: bool = Field(
        False, description="keep the row that was asked with each disagreement"
    )
    log_format: Literal["json", "text"] | None = Field(
        None, description="json or text; unset: text on a terminal, else json"
    )
    log_sample: float = Field(
        1.0, ge=0, le=1, description="share of successful requests that are logged; others always"
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="least level that is logged"
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Take values from ``load_settings`` only, which has sorted out kubelet's variables."""
        del settings_cls, env_settings, dotenv_settings, file_secret_settings
        return (init_settings,)

    @field_validator("models", "skops_trusted", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        if isinstance(value, str):
            return tuple(part.strip() for part in value.split(",") if part.strip())
        return value

    @field_validator("models", "default_model")
    @classmethod
    def _check_names(cls, value: Any) -> Any:
        for name in (value,) if isinstance(value, str) else value or ():
            if not is_name(name):
                raise ValueError(f"{name!r} can't be the name of a model")
        return value

    @field_validator("admin_token", "api_token", mode="before")
    @classmethod
    def _check_token(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        # A Secret that was made with echo ends in a line break, which no header can carry.
        token = value.strip()
        if not (token.isascii() and token.isprintable()):
            raise ValueError("expected printable ASCII characters")
        return token

    @field_validator("version_policy")
    @classmethod
    def _check_policy(cls, value: str) -> str:
        try:
            VersionPolicy.from_value(value, "SKERRY_VERSION_POLICY")
        except InvalidPolicy as error:
            raise ValueError(error.detail.partition(": ")[2]) from error
        return value

    @field_validator("traffic")
    @classmethod
    def _check_traffic(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            TrafficDocument.from_value(yaml.safe_load(value))
        except InvalidPolicy as error:
            raise ValueError(error.detail) from error
        except yaml.YAMLError as error:
            raise ValueError(f"expected YAML or JSON, got {value[:60]!r}") from error
        return value


def load_settings(
    flags: Mapping[str, Any] | None = None, environment: Mapping[str, str] | None = None
) -> Settings:
    """Return the settings; a flag wins over its variable.

    flags: field name to value, for those that were given.
    environment: ``os.environ`` unless told.

    Raises:
        SettingsError: one line that names the setting, what was expected and what came.
    """
    variables = dict(os.environ if environment is None else environment)
    values: dict[str, Any] = {}
    for name, value in variables.items():
        if not name.startswith(PREFIX) or _is_service_link(name, value):
            continue
        field = name.removeprefix(PREFIX).lower()
        if field not in Settings.model_fields or name != name.upper():
            raise SettingsError(f"{name}: there is no such setting (see docs/configuration.md)")
        values[field] = value
    values |= flags or {}
    try:
        settings = Settings(**values)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        field = str(first["loc"][0])
        given = "" if "token" in field else f", got {first.get('input')!r}"
        reason = str(first["msg"]).removeprefix("Value error, ")
        given = "" if "got" in reason else given
        raise SettingsError(f"{PREFIX}{field.upper()}: {reason}{given}") from None
    if settings.traffic is not None and settings.traffic_file is not None:
        raise SettingsError("SKERRY_TRAFFIC and SKERRY_TRAFFIC_FILE are both set: set one of them")
    return settings


def _is_service_link(name: str, value: str) -> bool:
    if name == "SKERRY_PORT":
        return value.startswith("tcp://")
    return _SERVICE_LINK.fullmatch(name) is not None and name.lower() not in _OWN_NAMES


_OWN_NAMES = frozenset(f"{PREFIX}{field}".lower() for field in Settings.model_fields)
