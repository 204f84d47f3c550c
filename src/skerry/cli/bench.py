"""``skerry bench``: how many requests a running server answers, and how soon."""

from __future__ import annotations

import asyncio
import json
import ssl
from contextlib import ExitStack
from itertools import islice
from typing import TYPE_CHECKING, Any, TextIO
from urllib.parse import SplitResult, urlsplit

import click

from skerry.cli.errors import FAILED, INTERRUPTED, CommandFailed
from skerry.cli.parameters import server_options

if TYPE_CHECKING:
    from skerry.cli.client import Client
    from skerry.cli.load_generator import Counts, LoadGenerator, Target

_BODIES = 64
_ROWS_OF_ALL_BODIES = 4096
_CLIENTS = {"closed": 16, "open": 128}


@click.command()
@click.argument("url")
@server_options
@click.option(
    "--clients",
    type=click.IntRange(1, 4096),
    help=f"Connections; left out: {_CLIENTS['closed']}, or {_CLIENTS['open']} with --rate.",
)
@click.option(
    "--rate",
    type=click.FloatRange(min=0, min_open=True),
    help="Requests a second, whether or not the server keeps up; left out: as many as it takes.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(min=0, min_open=True),
    default=10.0,
    show_default=True,
    help="How long requests are sent.",
)
@click.option(
    "--rows",
    "n_rows",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    help="Rows in a request; more than one go to the batch route.",
)
@click.option(
    "--csv",
    "csv_file",
    type=click.File("r", encoding="utf-8-sig"),
    help="File that the rows are from; left out: they are drawn by the model's signature.",
)
@click.pass_context
def bench(
    context: click.Context,
    url: str,
    model: str | None,
    version: str | None,
    token: str | None,
    as_json: bool,
    timeout_s: float,
    clients: int | None,
    rate: float | None,
    seconds: float,
    n_rows: int,
    csv_file: TextIO | None,
) -> None:
    """Measure the server at URL with predictions of one of its models.

    Without --rate each connection asks again when it has its answer (a closed loop). With --rate
    requests are due at even intervals, and one that waits for a connection counts from when it was
    due (an open loop).
    Exit code 1 where no answer was a success.
    """
    from skerry.cli.client import Client
    from skerry.cli.load_generator import LoadGenerator, Plan

    loop = "closed" if rate is None else "open"
    plan = Plan(clients or _CLIENTS[loop], seconds, rate, timeout_s)
    with Client(url, token=token, timeout_s=timeout_s) as client:
        bodies = _bodies(client, (model, version), n_rows, csv_file)
        # The first one by itself: a refusal is told in the server's words, and nothing is measured.
        first = (client.predict if n_rows == 1 else client.predict_batch)(bodies[0], model, version)
    with ExitStack() as stack:
        on_look = None if as_json else _show_progress(stack, seconds)
        target = _target(url, bodies, model, version, token)
        generator = LoadGenerator(target, plan, on_look=on_look)
        is_whole = _run(generator)
    result = {
        "url": url,
        "model": model,
        "model_version": first["model_version"],
        "loop": loop,
        "clients": plan.clients,
        "rate": rate,
        "rows": n_rows,
        **summary(generator.counts, n_rows),
    }
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False))
    else:
        _show(result)
    if not is_whole:
        context.exit(INTERRUPTED)
    context.exit(0 if generator.counts.good_s else FAILED)


def summary(counts: Counts, n_rows: int) -> dict[str, Any]:
    """Return counts as the command shows them; rates and latencies are those of successes."""
    from skerry.cli.load_generator import quantile

    good_s = counts.good_s
    per_s = len(good_s) / counts.elapsed_s if counts.elapsed_s else 0.0
    shares = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "max": 1.0}
    statuses = {str(k): len(v) for k, v in sorted(counts.latencies_s.items())}
    return {
        "elapsed_s": round(counts.elapsed_s, 3),
        "requests_per_s": round(per_s, 1),
        "rows_per_s": round(per_s * n_rows, 1),
        "latency_ms": {k: round(quantile(good_s, q) * 1e3, 3) for k, q in shares.items()},
        "statuses": statuses,
        "failures": dict(counts.failures),
        "unsent": counts.unsent,
        "sent_late_ms": round(quantile(sorted(counts.late_s), 0.99) * 1e3, 3),
    }


def _run(generator: LoadGenerator) -> bool:
    """Run to the end, or to Ctrl-C; tell which."""
    import uvloop

    try:
        uvloop.run(generator.run())
    except (KeyboardInterrupt, asyncio.CancelledError):
        return False
    return True


def _bodies(
    client: Client, target: tuple[str | None, str | None], n_rows: int, csv_file: TextIO | None
) -> list[Any]:
    """Return the ``features`` of several requests: a row each, or a list of rows."""
    from skerry.runtimes.samples import draw_rows, row_values

    signature = client.signature(*target)
    if csv_file is not None:
        from skerry.cli.csv_rows import CsvRows

        file_rows = CsvRows(csv_file, signature)
        rows = list(islice(file_rows, max(n_rows, _ROWS_OF_ALL_BODIES)))
        if len(rows) < n_rows:
            raise CommandFailed(f"{file_rows.name} holds {len(rows)} rows, --rows is {n_rows}")
    elif signature is None:
        raise CommandFailed("no version is there to answer: see skerry inspect, or name a --model")
    else:
        n_bodies = max(1, min(_BODIES, _ROWS_OF_ALL_BODIES // n_rows))
        rows = row_values(signature, draw_rows(signature, n_bodies * n_rows, seed=0))
    if n_rows == 1:
        return rows[:_BODIES]
    return [rows[i : i + n_rows] for i in range(0, len(rows) - n_rows + 1, n_rows)][:_BODIES]


def _target(
    url: str, bodies: list[Any], model: str | None, version: str | None, token: str | None
) -> Target:
    from skerry.cli.load_generator import Target

    parts = urlsplit(url)
    path = parts.path.rstrip("/") + (f"/api/v1/models/{model}" if model else "/api/v1") + "/predict"
    path += "/batch" if isinstance(bodies[0][0], list) else ""
    fields = {"Host": parts.netloc.rpartition("@")[2], "User-Agent": "skerry"}
    if version is not None:
        fields["X-Model-Version"] = version
    if token:
        fields["Authorization"] = f"Bearer {token.strip()}"
    tls = ssl.create_default_context() if parts.scheme == "https" else None
    requests = tuple(post(path, json.dumps({"features": body}).encode(), fields) for body in bodies)
    return Target(parts.hostname or "", _port(parts), requests, tls)


def post(path: str, body: bytes, fields: dict[str, str]) -> bytes:
    """Return the bytes of a POST with a JSON body and these header fields besides its own."""
    own = {"Content-Type": "application/json", "Content-Length": str(len(body))}
    lines = "".join(f"{name}: {value}\r\n" for name, value in {**fields, **own}.items())
    return f"POST {path} HTTP/1.1\r\n{lines}\r\n".encode() + body


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _show_progress(stack: ExitStack, seconds: float) -> Any:
    """Show a bar on a terminal's stderr; call the result with the seconds that are over."""
    import sys

    if not sys.stderr.isatty():
        return None
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("measuring"),
        BarColumn(),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        # A thread that draws takes the interpreter from what is measured; twice a second is enough.
        refresh_per_second=2,
    )
    task = stack.enter_context(bar).add_task("", total=seconds)
    return lambda over_s: bar.update(task, completed=min(over_s, seconds))


def _show(result: dict[str, Any]) -> None:
    from skerry.cli.bench_table import show

    show(result)
