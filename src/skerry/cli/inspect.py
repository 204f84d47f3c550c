"""``skerry inspect``: what a model file, a version, a repository or a running server holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from skerry.cli.errors import FAILED
from skerry.cli.parameters import is_url, server_options, skops_option, split_types

if TYPE_CHECKING:
    from skerry.cli.client import Client


@click.command()
@click.argument("target", metavar="PATH|URL")
@server_options
@skops_option
@click.option("--verify", is_flag=True, help="Load each version and ask it its golden samples.")
@click.pass_context
def inspect(
    context: click.Context,
    target: str,
    model: str | None,
    version: str | None,
    token: str | None,
    as_json: bool,
    timeout_s: float,
    skops_trusted: str,
    verify: bool,
) -> None:
    """Show what there is at PATH or URL.

    PATH: a model file, a version, a model or a repository. Digests are held against the
    manifests; only a file without a manifest is loaded (or every one, with --verify), which runs
    the code that it names. Exit code 1 where something there is wrong. URL: a running server.
    """
    if is_url(target):
        if verify:
            raise click.UsageError("--verify is for a PATH; a server verifies what it loads")
        from skerry.cli.client import Client

        with Client(target, token=token, timeout_s=timeout_s) as client:
            data = _ask(client, model, version)
        is_sound = True
    else:
        path = Path(target)
        if not path.exists():
            raise click.UsageError(f"{target}: no such file or directory, and no http:// address")
        from skerry.cli.inspect_files import inspect_path
        from skerry.runtimes.base import LoadOptions

        options = LoadOptions(skops_trusted=split_types(skops_trusted))
        data = inspect_path(path, model, version, verify=verify, options=options)
        is_sound = all(v["problem"] is None for v in data.get("versions", [data]))
    if as_json:
        click.echo(json.dumps(data, indent=2, ensure_ascii=False))
    else:
        from skerry.cli.inspect_tables import show

        show(data)
    context.exit(0 if is_sound else FAILED)


def _ask(client: Client, model: str | None, version: str | None) -> dict[str, Any]:
    """Return what the server says: a version, a model, or all models."""
    if version is not None:
        chosen = model or client.default_model()
        if chosen is None:
            raise click.UsageError("the server has no default model: name one with --model")
        return client.version(chosen, version)
    return {"models": client.models()} if model is None else client.model(model)
