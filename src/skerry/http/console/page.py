"""The console's page, whole: gathers what is served now, and fills the templates with it.

Everything that comes of models and clients is text to the templates, and escaped by them.
"""

from __future__ import annotations

import asyncio
import functools
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from jinja2 import Environment, PackageLoader, StrictUndefined

from skerry import __version__
from skerry.controlplane.views import what_is_missing
from skerry.core.drift import VersionDrift
from skerry.core.errors import ModelNotFound
from skerry.http.console import charts
from skerry.http.console.model_section import (
    RECENT_S,
    WINDOWS,
    ModelSection,
    Window,
    model_section,
)
from skerry.http.console.texts import counted
from skerry.http.context import ServerContext

WHOLE_MODELS = 8
"""Models that are shown whole on one page; the others are links, each to its own page."""


@dataclass(frozen=True, slots=True)
class Page:
    """What the templates show.

    locked: the server asks for a token that this request has not brought; nothing is shown then.
    models: those that are shown whole; others: the names of the rest.
    state: ``ready`` or ``not ready``; troubles: why, in sentences.
    can_change: the server has an admin token, so that traffic may be changed.
    needs_token: the server asks for a token to read, and to predict.
    """

    root: str
    locked: bool
    window: Window
    models: tuple[ModelSection, ...] = ()
    others: tuple[str, ...] = ()
    only: str | None = None
    state: str = ""
    troubles: tuple[str, ...] = ()
    uptime: str = ""
    at: str = ""
    can_change: bool = False
    needs_token: bool = False


def locked_page(root: str, window: Window) -> Page:
    """Return the page for somebody who may not read; it tells nothing of the models."""
    return Page(root, locked=True, window=window, needs_token=True)


async def page_of(context: ServerContext, root: str, window: Window, only: str | None) -> Page:
    """Return the page as it is now. Between two models, the loop may serve others.

    root: the path prefix of the server, without a slash at its end.
    only: the model to show; None shows as many as fit.
    """
    known = context.catalog.models()
    names = known[:WHOLE_MODELS] if only not in known else [str(only)]
    drift: dict[str, dict[str, VersionDrift]] = {}
    for (model, version), counts in context.drift.counted():
        drift.setdefault(model, {})[version] = counts
    models = [section async for section in _sections(context, names, window, drift)]
    missing = what_is_missing(context.catalog, draining=context.life.draining)
    return Page(
        root,
        locked=False,
        window=window,
        models=tuple(models),
        others=tuple(name for name in known if name not in names),
        only=only if only in known else None,
        state="not ready" if missing else "ready",
        troubles=_troubles(context),
        uptime=duration_in_words(time.monotonic() - context.life.started_s),
        at=datetime.now(UTC).strftime("%H:%M:%S UTC"),
        can_change=context.tokens.admin is not None,
        needs_token=context.tokens.api is not None,
    )


async def _sections(
    context: ServerContext,
    names: Sequence[str],
    window: Window,
    drift: Mapping[str, Mapping[str, VersionDrift]],
) -> AsyncIterator[ModelSection]:
    for name in names:
        try:
            yield model_section(context, name, window, drift.get(name, {}))
        except ModelNotFound:
            continue  # Its last version has gone meanwhile.
        await asyncio.sleep(0)


def render(page: Page) -> str:
    """Return the page as HTML. Touches nothing but the page, so that any thread may do it."""
    return (
        _environment()
        .get_template("page.html")
        .render(
            page=page,
            windows=WINDOWS,
            recent_s=RECENT_S,
            chart_width=charts.WIDTH,
            chart_height=charts.HEIGHT,
            version=__version__,
            counted=counted,
        )
    )


def duration_in_words(seconds: float) -> str:
    """Return how long the server runs: ``3 h 12 min``, ``42 s``."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min")]
    said = [f"{number} {unit}" for number, unit in parts if number]
    return " ".join(said[:2]) if said else f"{rest} s"


def _troubles(context: ServerContext) -> tuple[str, ...]:
    catalog, life = context.catalog, context.life
    said = [life.control_plane_error, catalog.source_error, catalog.content.error]
    missing = what_is_missing(catalog, draining=life.draining)
    said += [": ".join(filter(None, (each.model, each.reason))) for each in missing]
    return tuple(dict.fromkeys(filter(None, said)))


@functools.cache
def _environment() -> Environment:
    return Environment(
        loader=PackageLoader("skerry.http.console"),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
