"""``skerry predict``: ask a running server, for one row or for every row of a CSV file."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import IO, TYPE_CHECKING, Any, TextIO

import click

from skerry.cli.errors import CommandFailed
from skerry.cli.parameters import server_options

if TYPE_CHECKING:
    from skerry.cli.client import Client
    from skerry.cli.csv_rows import CsvRows
    from skerry.core.signature import Signature


@click.command()
@click.argument("url")
@click.option("--features", help="One row: '5.1,3.5,1.4,0.2', or a JSON list or object.")
@click.option(
    "--csv",
    "csv_file",
    type=click.File("r", encoding="utf-8-sig"),
    help="File with a header of feature names ('-': stdin); an empty cell is a missing value.",
)
@server_options
@click.option(
    "--batch-rows",
    type=click.IntRange(min=1),
    default=500,
    show_default=True,
    help="Rows of the file in one request.",
)
@click.option(
    "--output",
    type=click.File("w", encoding="utf-8", lazy=True),
    default="-",
    help="Where the answers go; left out: stdout.",
)
def predict(  # one parameter an option
    url: str,
    features: str | None,
    csv_file: TextIO | None,
    model: str | None,
    version: str | None,
    token: str | None,
    as_json: bool,
    timeout_s: float,
    batch_rows: int,
    output: IO[str],
) -> None:
    """Ask the server at URL for predictions.

    One line a row comes back: prediction,confidence,model_version, or JSON with --json.
    """
    if (features is None) == (csv_file is None):
        raise click.UsageError("give either --features or --csv")
    from skerry.cli.client import Client

    with Client(url, token=token, timeout_s=timeout_s) as client:
        if features is not None:
            row = _parse_row(features, client, model, version)
            answer = client.predict(row, model, version)
            _Writer(output, as_json=as_json).write(
                [answer["prediction"]], [answer["confidence"]], answer["model_version"]
            )
        elif csv_file is not None:
            from skerry.cli.csv_rows import CsvRows

            rows = CsvRows(csv_file, client.signature(model, version))
            _predict_file(
                client, rows, (model, version), batch_rows, _Writer(output, as_json=as_json)
            )


class _Writer:
    """Writes answers as CSV with a header, or as JSON lines."""

    def __init__(self, output: IO[str], *, as_json: bool) -> None:
        self._output = output
        self._csv = None if as_json else csv.writer(output, lineterminator="\n")
        self._header_is_due = True

    def write(self, predictions: list[Any], confidences: list[Any], model_version: str) -> None:
        """Write one line a row."""
        for prediction, confidence in zip(predictions, confidences, strict=True):
            values = {
                "prediction": prediction,
                "confidence": confidence,
                "model_version": model_version,
            }
            if self._csv is None:
                self._output.write(json.dumps(values, ensure_ascii=False) + "\n")
                continue
            if self._header_is_due:
                self._csv.writerow(values)
                self._header_is_due = False
            self._csv.writerow(_cell(value) for value in values.values())


def _predict_file(
    client: Client,
    rows: CsvRows,
    target: tuple[str | None, str | None],
    batch_rows: int,
    writer: _Writer,
) -> None:
    done = 0
    with ExitStack() as stack:
        advance = rows.show_progress(stack)
        for batch in _batches(iter(rows), batch_rows):
            try:
                answer = client.predict_batch(batch, *target)
            except CommandFailed as error:
                raise CommandFailed(
                    f"rows {done + 1} to {done + len(batch)}: {error.message}"
                ) from error
            writer.write(answer["predictions"], answer["confidences"], answer["model_version"])
            done += len(batch)
            advance(done)
    if done == 0:
        raise CommandFailed(f"{rows.name} holds no rows")
    if rows.ignored:
        click.echo(
            f"columns that are no features were ignored: {', '.join(rows.ignored)}", err=True
        )


def _batches(rows: Iterator[list[Any]], size: int) -> Iterator[list[list[Any]]]:
    batch: list[list[Any]] = []
    for row in rows:
        batch.append(row)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def _parse_row(text: str, client: Client, model: str | None, version: str | None) -> Any:
    if text.lstrip().startswith(("[", "{")):
        try:
            return json.loads(text)
        except ValueError as error:
            raise click.BadParameter(f"not JSON: {error}", param_hint="'--features'") from error
    cells = next(csv.reader([text], skipinitialspace=True), [])
    from skerry.cli.csv_rows import guess, to_value

    signature: Signature | None = client.signature(model, version)
    if signature is None or len(signature.features) != len(cells):
        return [guess(cell) for cell in cells]  # The server says what it expects.
    try:
        return [to_value(f, cell) for f, cell in zip(signature.features, cells, strict=True)]
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="'--features'") from error


def _cell(value: Any) -> Any:
    """Return a value as a CSV cell shows it: lists and booleans as JSON, null as nothing."""
    if value is None:
        return ""
    return json.dumps(value, ensure_ascii=False) if isinstance(value, bool | list) else value
