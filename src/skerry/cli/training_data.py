"""The table that ``skerry package --data`` names: CSV, .npy or Parquet."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from skerry.cli.errors import CommandFailed

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".csv", ".npy", ".parquet")


def read_table(file: Path) -> pd.DataFrame:
    """Return the table; an empty cell of a CSV file is a missing value, and nothing else is.

    Raises:
        CommandFailed: it can't be read, or holds no rows.
    """
    readers = {".csv": _read_csv, ".npy": _read_npy, ".parquet": _read_parquet}
    read = readers.get(file.suffix.lower())
    if read is None:
        raise CommandFailed(f"{file.name}: expected one of {', '.join(SUFFIXES)}")
    try:
        table = read(file)
    except (OSError, ValueError, EOFError) as error:  # what pandas, numpy and pyarrow raise
        raise CommandFailed(f"{file.name} can't be read: {error}") from error
    if table.empty:
        raise CommandFailed(f"{file.name} holds no rows")
    return table


def _read_csv(file: Path) -> pd.DataFrame:
    import pandas as pd

    return pd.read_csv(
        file, keep_default_na=False, na_values=[""], encoding="utf-8-sig", low_memory=False
    )


def _read_npy(file: Path) -> pd.DataFrame:
    import numpy as np
    import pandas as pd

    array = np.load(file, allow_pickle=False)
    if array.dtype.names is not None:
        return pd.DataFrame(array)
    if array.ndim != 2:
        raise ValueError(f"expected an array of rows and columns, got {array.ndim} dimensions")
    return pd.DataFrame(array, columns=[f"x{j}" for j in range(array.shape[1])])


def _read_parquet(file: Path) -> pd.DataFrame:
    import pandas as pd

    try:
        return pd.read_parquet(file)
    except ImportError as error:
        raise ValueError("Parquet needs pyarrow: pip install 'skerry[parquet]'") from error
