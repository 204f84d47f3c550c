"""Rows of a CSV file as JSON values, in the order and with the types of a signature."""

from __future__ import annotations

import csv
import math
import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, TextIO

from skerry.cli.errors import CommandFailed
from skerry.core.signature import DType, Feature, Signature

_LONG_FILE_BYTES = 64 * 1024
_BOOLEANS = {"true": True, "1": True, "1.0": True, "false": False, "0": False, "0.0": False}


class CsvRows:
    """The rows of one CSV file with a header, read once, as they are asked for.

    ignored: columns of the file that are no features.
    """

    def __init__(self, file: TextIO, signature: Signature | None) -> None:
        self.name = os.path.basename(str(getattr(file, "name", "<stdin>")))
        self._size_bytes = _size_bytes(file)
        self._read_bytes = 0
        self._reader = csv.reader(self._lines(file), strict=True)
        self._line = 1
        header = [name.strip() for name in self._next() or []]
        if not header:
            raise CommandFailed(f"{self.name} is empty")
        self._columns = _columns(self.name, header, signature)
        self._width = len(header)
        used = {position for _, position in self._columns}
        self.ignored = tuple(name for j, name in enumerate(header) if j not in used)

    def __iter__(self) -> Iterator[list[Any]]:
        """Yield each row's values in signature order; an empty line is passed over.

        Raises:
            CommandFailed: a row of another width, or a cell that its feature can't take.
        """
        while (cells := self._next()) is not None:
            if cells:
                yield self._row(cells)

    def show_progress(self, stack: ExitStack) -> Callable[[int], None]:
        """Show a bar on a terminal's stderr for a long file; call the result with the rows done."""
        if self._size_bytes < _LONG_FILE_BYTES or not sys.stderr.isatty():
            return lambda done: None
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn
        from rich.progress import TimeRemainingColumn as Remaining

        bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TextColumn("{task.fields[rows]:,} rows"),
            Remaining(),
            console=Console(stderr=True),
            transient=True,
        )
        task = stack.enter_context(bar).add_task(self.name, total=self._size_bytes, rows=0)
        return lambda done: bar.update(task, completed=self._read_bytes, rows=done)

    def _lines(self, file: TextIO) -> Iterator[str]:
        for line in file:
            self._read_bytes += len(line.encode())
            yield line

    def _next(self) -> list[str] | None:
        try:
            cells = next(self._reader, None)
        except (csv.Error, UnicodeDecodeError) as error:
            raise CommandFailed(f"{self.name} line {self._line}: {error}") from error
        self._line = self._reader.line_num
        return cells

    def _row(self, cells: list[str]) -> list[Any]:
        if len(cells) != self._width:
            raise CommandFailed(
                f"{self.name} line {self._line}: expected {self._width} cells, got {len(cells)}"
            )
        try:
            return [
                None if position is None else to_value(feature, cells[position])
                for feature, position in self._columns
            ]
        except ValueError as error:
            raise CommandFailed(f"{self.name} line {self._line}: {error}") from error


def to_value(feature: Feature, cell: str) -> Any:
    """Return a cell as the feature's JSON value; an empty one is null.

    Raises:
        ValueError: it can't be one.
    """
    if cell == "":
        return None
    if not feature.used:
        return guess(cell)
    if feature.dtype is DType.STRING:
        return cell
    if feature.dtype is DType.BOOL:
        if cell.strip().lower() not in _BOOLEANS:
            raise ValueError(f"{feature.name}: expected true or false, got {cell!r}")
        return _BOOLEANS[cell.strip().lower()]
    value = _number(cell)
    if value is None:
        raise ValueError(f"{feature.name}: expected a number, got {cell!r}")
    return value


def guess(cell: str) -> Any:
    """Return a cell as the JSON value it looks like."""
    number = _number(cell)
    if number is not None:
        return number
    if cell.lower() in ("true", "false"):
        return cell.lower() == "true"
    return cell or None


def _number(cell: str) -> int | float | None:
    if "_" in cell:  # Python takes 1_000 for a number; nobody who writes CSV means that.
        return None
    for convert in (int, float):
        try:
            value = convert(cell)
        except ValueError:
            continue
        return value if isinstance(value, int) or math.isfinite(value) else None
    return None


def _columns(
    name: str, header: list[str], signature: Signature | None
) -> list[tuple[Feature, int | None]]:
    """Return each feature with the position of its column."""
    doubled = sorted({column for column in header if header.count(column) > 1})
    if doubled:
        raise CommandFailed(f"{name} has several columns named {', '.join(doubled)}")
    if signature is None:
        # No version would answer now. The server's refusal of the first rows says why.
        return [(Feature(column, DType.FLOAT64, used=False), j) for j, column in enumerate(header)]
    positions = {column: j for j, column in enumerate(header)}
    missing = [f.name for f in signature.features if f.used and f.name not in positions]
    if missing:
        raise CommandFailed(
            f"{name} lacks the columns {', '.join(missing)}; its header is {', '.join(header)}"
        )
    return [(feature, positions.get(feature.name)) for feature in signature.features]


def _size_bytes(file: TextIO) -> int:
    try:
        facts = os.fstat(file.fileno())
    except OSError:
        return 0
    return facts.st_size if stat.S_ISREG(facts.st_mode) else 0
