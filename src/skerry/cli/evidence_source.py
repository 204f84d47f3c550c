"""Where the evidence of a model comes from: the process that answers, or Prometheus."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import click

from skerry.cli.evidence import Evidence
from skerry.cli.policy import canary_versions

if TYPE_CHECKING:
    from skerry.cli.client import Client
    from skerry.cli.prometheus import Prometheus, Queries

View = Mapping[str, Any]


class EvidenceSource(Protocol):
    """Tells what was seen of a model."""

    def read(self, view: View) -> Evidence:
        """Return the evidence of a model whose traffic the API shows like this.

        Raises:
            NotReachable, CommandFailed: it can't be had.
        """
        ...


@dataclass(frozen=True, slots=True)
class ProcessEvidence:
    """What the one process saw that answers at the server's URL.

    canary: the one that the server is to compare, because it alone knows what that one answered
        as a shadow; None leaves it to the server.
    """

    client: Client
    window_s: int
    canary: str | None = None

    def read(self, view: View) -> Evidence:
        """Ask the server."""
        data = self.client.evidence(view["model"], self.window_s, self.canary)
        in_force = view["in_force"] or {}
        shadow = self.client.shadow(view["model"]) if in_force.get("shadow") else None
        return Evidence.from_api(data, *_roles(view), shadow)


@dataclass(frozen=True, slots=True)
class PrometheusEvidence:
    """What all processes saw that a Prometheus scrapes."""

    prometheus: Prometheus
    queries: Queries

    def read(self, view: View) -> Evidence:
        """Ask Prometheus."""
        return self.prometheus.evidence(self.queries, view["generation"], *_roles(view))


@contextmanager
def evidence_source(
    client: Client,
    model: str,
    *,
    window_s: int,
    prometheus_url: str | None,
    selector: str,
    timeout_s: float,
    canary: str | None = None,
) -> Iterator[EvidenceSource]:
    """Give what the options ask for; say on stderr where it sees but one process.

    canary: the one that is judged; None where all are.
    """
    if prometheus_url is None:
        click.echo(
            f"evidence of one process only ({client.url}): --prometheus URL sums all pods", err=True
        )
        yield ProcessEvidence(client, window_s, canary)
        return
    from skerry.cli.prometheus import Prometheus, Queries

    with Prometheus(prometheus_url, token=None, timeout_s=timeout_s) as prometheus:
        yield PrometheusEvidence(prometheus, Queries(model, window_s, selector))


def _roles(view: View) -> tuple[str | None, list[str]]:
    """Return the stable version in force, and the declared canaries."""
    return (view["in_force"] or {}).get("stable"), canary_versions(view["declared"])
