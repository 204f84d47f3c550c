"""Talks to a running server for the commands that take its URL."""

from __future__ import annotations

import time
from typing import Any

import httpx

from skerry.cli.connection import Connection, without_password
from skerry.cli.errors import CommandFailed, Refused
from skerry.core.signature import Signature

_MAX_TRIES = 6
_MAX_WAIT_S = 10


class Client(Connection):
    """A server, as a user of its API sees it; answers are plain data.

    Every method raises NotReachable where nothing answers within the time, and CommandFailed,
    in the server's own words, for an answer that is a problem.
    """

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

    def traffic(self, model: str) -> dict[str, Any]:
        """Return a model's traffic: declared, in force, and why they differ."""
        return self._get(f"/api/v1/models/{model}/traffic")

    def put_traffic(self, model: str, policy: object, *, if_match: str | None) -> dict[str, Any]:
        """Replace a model's policy, if its generation is still this one; None: whatever it is."""
        path = f"/api/v1/models/{model}/traffic"
        return self._change("PUT", path, if_match, json=policy)

    def activate(self, model: str, version: str, *, if_match: str | None) -> dict[str, Any]:
        """Make a version the stable one, if the generation is still this one."""
        return self._change("POST", f"/api/v1/models/{model}/versions/{version}/activate", if_match)

    def rollback(self, model: str) -> dict[str, Any]:
        """Return to the policy before the last change."""
        return self._change("POST", f"/api/v1/models/{model}/rollback", None)

    def evidence(self, model: str, window_s: int, canary: str | None = None) -> dict[str, Any]:
        """Return what the process that answers has seen of each version.

        canary: the one to compare with stable; None leaves it to the server.
        """
        chosen = "" if canary is None else f"&version={canary}"
        return self._get(f"/api/v1/models/{model}/evidence?window_s={window_s}{chosen}")

    def shadow(self, model: str) -> dict[str, Any]:
        """Return what the shadow answered in that process."""
        return self._get(f"/api/v1/models/{model}/shadow")

    def predict(self, features: object, model: str | None, version: str | None) -> dict[str, Any]:
        """Return the answer for one row."""
        return self._post(_predict_path(model), {"features": features}, version)

    def predict_batch(
        self, rows: list[list[Any]], model: str | None, version: str | None
    ) -> dict[str, Any]:
        """Return the answer for several rows."""
        return self._post(f"{_predict_path(model)}/batch", {"features": rows}, version)

    def _get(self, path: str) -> dict[str, Any]:
        return self._read(self.send("GET", path))

    def _change(
        self, method: str, path: str, if_match: str | None, **options: Any
    ) -> dict[str, Any]:
        headers = {} if if_match is None else {"If-Match": f'"{if_match}"'}
        return self._read(self.send(method, path, headers=headers, **options))

    def _post(self, path: str, body: object, version: str | None) -> dict[str, Any]:
        headers = {} if version is None else {"X-Model-Version": version}
        for _ in range(_MAX_TRIES - 1):
            answer = self.send("POST", path, json=body, headers=headers)
            if answer.status_code != 429:
                return self._read(answer)
            time.sleep(_retry_after_s(answer))
        return self._read(self.send("POST", path, json=body, headers=headers))

    def _read(self, answer: httpx.Response) -> dict[str, Any]:
        try:
            data = answer.json()
        except ValueError:
            data = None
        if answer.is_success and isinstance(data, dict):
            return data
        if isinstance(data, dict) and str(data.get("type", "")).startswith("urn:skerry:error:"):
            slug = data["type"].rpartition(":")[2]
            detail = data.get("detail", "")
            raise Refused(f"{answer.status_code} {slug}: {detail}", slug)
        asked = without_password(str(answer.request.url))
        raise CommandFailed(
            f"{asked} answered {answer.status_code} {answer.reason_phrase},"
            " and not as a Skerry does"
        )


def _predict_path(model: str | None) -> str:
    return "/api/v1/predict" if model is None else f"/api/v1/models/{model}/predict"


def _retry_after_s(answer: httpx.Response) -> float:
    text = answer.headers.get("Retry-After", "1")
    return min(float(text), _MAX_WAIT_S) if text.isdecimal() else 1.0
