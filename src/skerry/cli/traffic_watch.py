"""Looks at a model's traffic again and again, on a terminal or as lines of JSON."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import click
from rich.console import Group, RenderableType
from rich.live import Live

from skerry.cli.console import make_console, plain
from skerry.cli.errors import CommandFailed, NotReachable
from skerry.cli.watch_table import sentences, table
from skerry.core.times import rfc3339

if TYPE_CHECKING:
    from skerry.cli.client import Client
    from skerry.cli.evidence import Evidence
    from skerry.cli.evidence_source import EvidenceSource, View


class Watch:
    """One model, looked at. The first look must succeed; later ones may fail and are told."""

    def __init__(
        self,
        client: Client,
        model: str,
        source: EvidenceSource,
        sleep: Callable[[float], None] = time.sleep,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._client = client
        self._model = model
        self._source = source
        self._sleep = sleep
        self._now = now

    def show(self, interval_s: float | None) -> None:
        """Print a table; on a terminal, and with an interval, renew it until Ctrl-C.

        Raises:
            NotReachable, CommandFailed: the first look failed.
        """
        console = make_console()
        shown = _page(*self._look())
        if interval_s is None or not console.is_terminal:
            console.print(shown)
            return
        with Live(shown, console=console, auto_refresh=False) as live:
            seen_at = self._now()
            while True:
                self._sleep(interval_s)
                try:
                    shown = _page(*self._look())
                    seen_at = self._now()
                    live.update(shown, refresh=True)
                except (NotReachable, CommandFailed) as error:
                    live.update(Group(shown, _trouble(error, seen_at)), refresh=True)

    def write_json(self, interval_s: float | None) -> None:
        """Write a line of JSON; with an interval, more until Ctrl-C.

        Raises:
            NotReachable, CommandFailed: the first look failed.
        """
        self._write(*self._look())
        while interval_s is not None:
            self._sleep(interval_s)
            try:
                self._write(*self._look())
            except (NotReachable, CommandFailed) as error:
                self._write_line({"trouble": error.message})

    def _look(self) -> tuple[View, Evidence]:
        view = self._client.traffic(self._model)
        return view, self._source.read(view)

    def _write(self, view: View, evidence: Evidence) -> None:
        self._write_line(
            {
                "traffic": view,
                "evidence": evidence.to_dict(),
                "sentences": sentences(view, evidence),
            }
        )

    def _write_line(self, facts: dict[str, Any]) -> None:
        line = {"time": rfc3339(self._now()), "model": self._model, **facts}
        click.echo(json.dumps(line, ensure_ascii=False))


def _page(view: View, evidence: Evidence) -> RenderableType:
    return Group(table(view, evidence), *map(plain, sentences(view, evidence)))


def _trouble(error: click.ClickException, seen_at: datetime) -> RenderableType:
    text = plain(f"{error.message}; the figures are from {seen_at.astimezone():%H:%M:%S}")
    text.stylize("bold red")
    return text
