"""Talks to a running server for the commands that take its URL."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Any, Self

import click
import httpx

from skerry.cli.errors import CommandFailed, NotReachable
from skerry.core.signature import Signature

_MAX_TRIES = 6
_MAX_WAIT_S = 10


class Client:
    """A server, as a user of its API sees it; answers are plain data.

    Every method raises NotReachable where nothing answers within the time, and CommandFailed,
    in the server's own words, for an answer that is a problem.
    """

    def __init__(self, url: str, *, token: str | None, timeout_s: float) -> None:
        headers = {"User-Agent": "skerry"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        try:
            self._http = httpx.Client(base_url=url, headers=headers, timeout=timeout_s)
            host = self._http.base_url.host
        except (httpx.InvalidURL, UnicodeEncodeError) as error:
            raise click.UsageError(f"{url} is not a URL: {error}") from error
        if not host or self._http.base_url.scheme not in ("http", "https"):
            raise click.UsageError(f"{url} is not the URL of a server, as http://127.0.0.1:8080 is")
        self._url = url
        self._timeout_s = timeout_s

    def __enter__(self) -> Self:
        """Return the client; leaving closes its connections."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close the connections."""
        self._http.close()

    def models(self) -> list[dict[str, Any]]:
        """Return all models."""
        models: list[dict[str, Any]] = self._get("/api/v1/models")["models"]
        return models

    def model(self, model: str) -> dict[str, Any]:
        """Return one model."""
        return self._get(f"/api/v1/models/{model}")

    def version(self, model: str, version: str) -> dict[str, Any]:
        """Return one version with its signature."""
        return self._get(f"/api/v1/models/{model}/versions/{version}")

    def default_model(self) -> str | None:
        """Return the model that requests without a name go to; None where that is not clear."""
        return next((str(model["name"]) for model in self.models() if model["default"]), None)

    def signature(self, model: str | None, version: str | None) -> Signature | None:
        """Return the signature of the version that would answer; None where none would."""
        model = model or self.default_model()
        if model is None:
            return None
        if version is None:
            in_force = self.model(model)["traffic"]["in_force"]
            version = None if in_force is None else in_force["stable"]
        if version is None:
            return None
        data = self.version(model, version)["signature"]
        return None if data is None else Signature.from_dict(data)

    def predict(self, features: object, model: str | None, version: str | None) -> dict[str, Any]:
        """Return the answer for one row."""
        return self._post(_predict_path(model), {"features": features}, version)

    def predict_batch(
        self, rows: list[list[Any]], model: str | None, version: str | None
    ) -> dict[str, Any]:
        """Return the answer for several rows."""
        return self._post(f"{_predict_path(model)}/batch", {"features": rows}, version)

    def _get(self, path: str) -> dict[str, Any]:
        return self._read(self._send("GET", path))

    def _post(self, path: str, body: object, version: str | None) -> dict[str, Any]:
        headers = {} if version is None else {"X-Model-Version": version}
        for _ in range(_MAX_TRIES - 1):
            answer = self._send("POST", path, json=body, headers=headers)
            if answer.status_code != 429:
                return self._read(answer)
            time.sleep(_retry_after_s(answer))
        return self._read(self._send("POST", path, json=body, headers=headers))

    def _send(self, method: str, path: str, **options: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **options)
        except httpx.TimeoutException as error:
            raise NotReachable(
                f"{self._url} did not answer within {self._timeout_s:g} s (--timeout-s)"
            ) from error
        except httpx.TransportError as error:
            reason = str(error) or type(error).__name__
            raise NotReachable(f"{self._url} can't be reached: {reason}") from error

    def _read(self, answer: httpx.Response) -> dict[str, Any]:
        try:
            data = answer.json()
        except ValueError:
            data = None
        if answer.is_success and isinstance(data, dict):
            return data
        if isinstance(data, dict) and str(data.get("type", "")).startswith("urn:skerry:error:"):
            slug = data["type"].rpartition(":")[2]
            raise CommandFailed(f"{answer.status_code} {slug}: {data.get('detail', '')}")
        raise CommandFailed(
            f"{answer.request.url} answered {answer.status_code} {answer.reason_phrase},"
            " and not as a Skerry does"
        )


def _predict_path(model: str | None) -> str:
    return "/api/v1/predict" if model is None else f"/api/v1/models/{model}/predict"


def _retry_after_s(answer: httpx.Response) -> float:
    text = answer.headers.get("Retry-After", "1")
    return min(float(text), _MAX_WAIT_S) if text.isdecimal() else 1.0
