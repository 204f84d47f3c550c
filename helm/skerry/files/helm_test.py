"""What `helm test` runs in a pod: predictions of every version, and as the canary's headers ask.

Reads what to expect from spec.json beside it (templates/tests/_spec.tpl), and needs nothing but
the standard library. Ends with 0, or with 1 and a sentence.
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

# Each on a connection of its own, so that every pod behind a Service is likely to be asked.
SAME_ANSWERS = 10
PREDICTIONS = 20

opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Unexpected(Exception):
    """An answer is not what the release's values say; the text says which and how."""


class Server:
    """Something that answers for the model: a Service or a Gateway.

    url: its address, without a slash at the end.
    headers: what every request to it needs; a Gateway goes by the host's name.
    model, row: what to ask for; where row is None, one is made from the version's signature.
    """

    def __init__(self, url: str, headers: dict[str, str], model: str, row: Any) -> None:
        self.url = url
        self._headers = headers
        self._model = model
        self._row = row

    def ask(
        self, path: str, body: Any = None, headers: dict[str, str] | None = None
    ) -> tuple[dict[str, Any], dict[str, str]]:
        """Return the JSON and the headers (in lower case) that come from a path of the model.

        Raises:
            Unexpected: another status than 200, or no answer.
        """
        url = f"{self.url}/api/v1/models/{self._model}{path}"
        sent = {"Content-Type": "application/json"} | self._headers | (headers or {})
        if "API_TOKEN" in os.environ:
            sent["Authorization"] = f"Bearer {os.environ['API_TOKEN'].strip()}"
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, sent)  # noqa: S310 - the chart's http address
        try:
            with opener.open(request, timeout=10) as answer:
                received = {name.lower(): value for name, value in answer.headers.items()}
                return json.load(answer), received
        except urllib.error.HTTPError as error:
            raise Unexpected(f"{url}: {error.code} {error.read(2000).decode()}") from error
        except OSError as error:
            raise Unexpected(f"{url}: {error}") from error

    def row_for(self, version: str) -> Any:
        """Return a row that the version takes.

        Raises:
            Unexpected: the version is not READY.
        """
        view, _ = self.ask(f"/versions/{version}")
        if view["state"] != "READY":
            raise Unexpected(f"{self._model} {version} is {view['state']}: {view['reason']}")
        return row_of(view["signature"]) if self._row is None else self._row

    def predict(self, features: Any, headers: dict[str, str] | None = None) -> dict[str, Any]:
        """Return the answer's prediction, version and track.

        Raises:
            Unexpected: no answer, or its body and its header name two versions.
        """
        body, received = self.ask("/predict", {"features": features}, headers)
        version = received.get("x-model-version", "none")
        if body["model_version"] != version:
            raise Unexpected(f"the body names {body['model_version']}, X-Model-Version {version}")
        return {
            "prediction": body["prediction"],
            "version": version,
            "track": received.get("x-model-track", "none"),
        }


def row_of(signature: dict[str, Any]) -> list[Any]:
    """Return a row that the signature allows: the middle of each range, or the first category."""
    return [_value_of(feature) for feature in signature["features"]]


def _value_of(feature: dict[str, Any]) -> Any:
    if feature.get("categories"):
        return feature["categories"][0]
    if feature["dtype"] == "string":
        return "text"
    if feature["dtype"] == "bool":
        return False
    low, high = feature.get("range") or (1, 1)
    middle = (low + high) / 2
    return round(middle) if feature["dtype"] == "int64" else middle


def wait_for_policy(server: Server, generation: str, deadline_s: float) -> None:
    """Return when many answers in a row show the expected traffic policy, wholly in force.

    Raises:
        Unexpected: the last answer that did not, after the deadline (monotonic seconds).
    """
    same = 0
    while same < SAME_ANSWERS:
        try:
            check_policy(server, generation)
            same += 1
        except Unexpected:
            if time.monotonic() > deadline_s:
                raise
            same = 0
            time.sleep(1)
    print(f"{server.url}: generation {generation}")


def check_policy(server: Server, generation: str) -> None:
    """Raise Unexpected unless one answer shows the expected policy, wholly in force."""
    traffic, _ = server.ask("/traffic")
    if traffic["generation"] != generation:
        raise Unexpected(
            f"{server.url}: expected traffic generation {generation}, got {traffic['generation']}"
        )
    if traffic["differences"]:
        differences = json.dumps(traffic["differences"])
        raise Unexpected(f"{server.url}: traffic is not in force as declared: {differences}")


def check_version(server: Server, version: str) -> None:
    """Raise Unexpected unless the version is READY and answers a request that pins it."""
    features = server.row_for(version)
    answer = server.predict(features, {"X-Model-Version": version})
    expect(answer, version, "pinned")
    print(f"{version}: pinned, predicts {json.dumps(answer['prediction'])} for {features}")


def check_share(server: Server, stable: str, routed: list[str]) -> None:
    """Raise Unexpected unless requests without a wish go where the policy sends them."""
    features = server.row_for(stable)
    counts: dict[str, int] = {}
    for _ in range(PREDICTIONS):
        version = server.predict(features)["version"]
        if version not in routed:
            raise Unexpected(f"expected an answer of {' or '.join(routed)}, got {version}")
        counts[version] = counts.get(version, 0) + 1
    shown = ", ".join(f"{count} by {version}" for version, count in sorted(counts.items()))
    print(f"{server.url}: {PREDICTIONS} predictions, {shown}")


def check_canary(server: Server, canary: dict[str, Any]) -> None:
    """Raise Unexpected unless a request with the canary's headers is answered by the canary."""
    version, track = canary["version"], canary["track"]
    headers = {header["name"]: header["value"] for header in canary["headers"]}
    expect(server.predict(server.row_for(version), headers), version, track)
    print(f"{version}: answers {headers} as {track}")


def expect(answer: dict[str, Any], version: str, track: str) -> None:
    """Raise Unexpected unless the answer is that version's, on that track."""
    if (answer["version"], answer["track"]) != (version, track):
        raise Unexpected(
            f"expected an answer of {version} as {track}, "
            f"got one of {answer['version']} as {answer['track']}"
        )


def main() -> int:
    """Check everything, and return the exit code."""
    spec = json.loads(Path(__file__).with_name("spec.json").read_text("utf-8"))
    deadline_s = time.monotonic() + spec["timeout_s"]
    try:
        for each in spec["servers"]:
            server = Server(each["url"], each["headers"], spec["model"], spec["row"])
            if each["generation"]:
                wait_for_policy(server, each["generation"], deadline_s)
            for version in each["versions"]:
                check_version(server, version)
            check_share(server, each["stable"], each["routed"])
            for canary in each["canaries"]:
                check_canary(server, canary)
    except Unexpected as error:
        print(error, file=sys.stderr)
        return 1
    print("everything is as the values say")
    return 0


if __name__ == "__main__":
    sys.exit(main())
