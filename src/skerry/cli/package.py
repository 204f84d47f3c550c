"""``skerry package``: a fitted model becomes a version, with its manifest."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from skerry.cli.errors import CommandFailed
from skerry.cli.native_threads import limit_native_threads
from skerry.cli.parameters import name_option, skops_option, split_types

if TYPE_CHECKING:
    from skerry.controlplane.version_writer import WrittenVersion


@click.command()
@click.argument(
    "file", metavar="MODEL", type=click.Path(exists=True, dir_okay=False, path_type=Path)
)
@name_option("--model", "Name of the model, as in iris.", required=True)
@name_option("--version", "Name of the version, as in v2.", required=True)
@click.option(
    "--to",
    "repository",
    required=True,
    type=click.Path(file_okay=False, path_type=Path),
    help="The repository: the version becomes DIR/MODEL/VERSION.",
    metavar="DIR",
)
@click.option(
    "--data",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help="Rows it was trained on (.csv, .npy, .parquet), for feature ranges and golden samples.",
)
@skops_option
def package(
    file: Path, model: str, version: str, repository: Path, data: Path | None, skops_trusted: str
) -> None:
    """Write MODEL, a .joblib, .pkl, .skops or .onnx file, as a version of a repository.

    The file is loaded, which runs the code that it names, and answers 20 golden samples that
    every later load must reproduce. A version that is there already is never overwritten.
    """
    limit_native_threads()  # As ``serve`` does: the plan is measured for that.
    from skerry.cli.training_data import read_table
    from skerry.controlplane.version_writer import PackageError, write_version
    from skerry.runtimes.base import LoadOptions

    table = None if data is None else read_table(data)
    try:
        written = write_version(
            file,
            repository,
            model,
            version,
            data=table,
            options=LoadOptions(skops_trusted=split_types(skops_trusted)),
        )
    except PackageError as error:
        raise CommandFailed(str(error)) from error
    except OSError as error:
        raise CommandFailed(f"{error.filename or repository}: {error.strerror}") from error
    _report(written)


def _report(written: WrittenVersion) -> None:
    manifest = written.manifest
    signature = manifest.signature
    classes = signature.outputs[0].classes if len(signature.outputs) == 1 else None
    samples = "no golden samples" if not manifest.samples else f"{len(manifest.samples)} samples"
    click.echo(f"{manifest.model} {manifest.version}: {manifest.task}, {manifest.estimator}")
    click.echo(
        f"  {len(signature.features)} features: {_shown([f.name for f in signature.features])}"
    )
    if classes is not None:
        click.echo(f"  {len(classes)} classes: {_shown([str(c) for c in classes])}")
    click.echo(f"  {samples}, {manifest.artifact.digest}")
    click.echo(f"  {written.path}")
    for warning in written.warnings:
        click.echo(f"warning: {warning}", err=True)
    if written.ignored:
        click.echo(f"columns that are no features: {_shown(written.ignored)}", err=True)


def _shown(names: list[str] | tuple[str, ...], limit: int = 8) -> str:
    rest = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {rest} more" if rest > 0 else "")
