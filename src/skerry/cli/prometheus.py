"""The evidence that Prometheus has: the sums over all pods that it scrapes.

Its HTTP API is asked instant queries over the server's metrics; what comes back is the same
evidence as the server's own.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from skerry.cli.connection import Connection
from skerry.cli.errors import CommandFailed
from skerry.cli.evidence import Evidence, compare_all, seen

QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
Sample = tuple[Mapping[str, str], float]


@dataclass(frozen=True, slots=True)
class Queries:
    """The PromQL of one model's evidence within the last ``window_s`` seconds.

    selector: label matchers that are added, such as ``namespace="prod"``.
    """

    model: str
    window_s: int
    selector: str = ""

    def requests(self) -> str:
        """Requests that a version answered, by version, track and status."""
        grown = self._growth("skerry_http_requests_total", 'track!=""')
        return f"sum by (version, track, status) ({grown})"

    def latency(self, quantile: float) -> str:
        """A quantile of their duration in seconds, by version and track."""
        grown = self._growth("skerry_http_request_duration_seconds_bucket", 'track!=""')
        return f"histogram_quantile({quantile}, sum by (version, track, le) ({grown}))"

    def classes(self) -> str:
        """Predictions by version and class."""
        return f"sum by (version, class) ({self._growth('skerry_predictions_total')})"

    def shadows(self) -> str:
        """Answers of shadows, by version and result."""
        return f"sum by (version, result) ({self._growth('skerry_shadow_requests_total')})"

    def _growth(self, metric: str, *matchers: str) -> str:
        """By how much each series has grown.

        ``increase`` is blind for what a series held when it was first seen: a version's first
        error makes a new series, and no sample of it is 0. So a series that was not there when
        the window began counts with all that it holds.
        """
        labels = ",".join((f'model="{self.model}"', *matchers, *filter(None, [self.selector])))
        series, window = f"{metric}{{{labels}}}", f"{self.window_s}s"
        new = f"max_over_time({series}[{window}]) unless {series} offset {window}"
        return f"({new}) or increase({series}[{window}])"


class Prometheus(Connection):
    """A Prometheus, or what answers as one does (Thanos, Mimir).

    Every method raises NotReachable and CommandFailed, as ``skerry.cli.client.Client`` does.
    """

    def evidence(
        self, queries: Queries, generation: str, stable: str | None, canaries: Sequence[str]
    ) -> Evidence:
        """Return the evidence of a model whose policy has this generation and these versions.

        Raises:
            CommandFailed: it knows no request of the model: it scrapes none of its pods.
        """
        counts = _requests(self.query(queries.requests()))
        if not counts:
            matching = f" matching {queries.selector}" if queries.selector else ""
            raise CommandFailed(
                f"{self.url} knows no request to a version of {queries.model}{matching}:"
                " does it scrape the server, and has the model been asked?"
            )
        latencies = {
            name: _by_version_and_track(self.query(queries.latency(quantile)))
            for name, quantile in QUANTILES.items()
        }
        classes = _counts(self.query(queries.classes()), "class")
        versions = tuple(
            seen(
                version,
                track,
                requests=sum(by_status.values()),
                errors=sum(n for status, n in by_status.items() if status.startswith("5")),
                latency_ms={
                    name: _milliseconds(seconds.get((version, track)))
                    for name, seconds in latencies.items()
                },
                # The metric has no track: pinned predictions of the version are among them.
                classes={} if track == "pinned" else classes.get(version, {}),
            )
            for (version, track), by_status in sorted(counts.items())
        )
        shadows = _counts(self.query(queries.shadows()), "result")
        return Evidence(
            queries.model,
            "prometheus",
            queries.window_s,
            generation,
            versions,
            compare_all(versions, stable, canaries, _disagreement_rates(shadows)),
            shadows,
        )

    def query(self, promql: str) -> list[Sample]:
        """Return the samples of an instant vector."""
        answer = self.send("GET", "/api/v1/query", params={"query": promql})
        try:
            data = answer.json()
        except ValueError:
            data = None
        if not isinstance(data, dict) or "status" not in data:
            raise CommandFailed(
                f"{self.url} answered {answer.status_code} {answer.reason_phrase},"
                " and not as a Prometheus does"
            )
        if data["status"] != "success":
            raise CommandFailed(f"{self.url}: {data.get('error', 'no reason given')}")
        return [(each["metric"], float(each["value"][1])) for each in data["data"]["result"]]


def _requests(samples: Sequence[Sample]) -> dict[tuple[str, str], dict[str, int]]:
    """Return counts by status of each version and track."""
    found: defaultdict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for labels, value in samples:
        key = (labels.get("version", ""), labels.get("track", ""))
        found[key][labels.get("status", "")] = _whole(value)
    return dict(found)


def _counts(samples: Sequence[Sample], label: str) -> dict[str, dict[str, int]]:
    """Return counts by a label of each version."""
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for labels, value in samples:
        found[labels.get("version", "")][labels.get(label, "")] = _whole(value)
    return dict(found)


def _by_version_and_track(samples: Sequence[Sample]) -> dict[tuple[str, str], float]:
    return {(labels.get("version", ""), labels.get("track", "")): v for labels, v in samples}


def _disagreement_rates(shadows: Mapping[str, Mapping[str, int]]) -> dict[str, float]:
    rates = {}
    for version, results in shadows.items():
        compared = results.get("agreed", 0) + results.get("disagreed", 0)
        if compared:
            rates[version] = results.get("disagreed", 0) / compared
    return rates


def _whole(value: float) -> int:
    """Return a count: Prometheus extrapolates to the window's ends, so its own is a fraction."""
    return round(value) if math.isfinite(value) else 0


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None or not math.isfinite(seconds) else seconds * 1e3
