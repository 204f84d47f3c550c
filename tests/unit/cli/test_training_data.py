"""Tables for ``skerry package --data``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skerry.cli.errors import CommandFailed
from skerry.cli.training_data import read_table


def test_only_an_empty_cell_is_a_missing_value(tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    file.write_text("country,age\nNA,1\n,\nnull,3\n", encoding="utf-8")

    table = read_table(file)

    assert table["country"].isna().tolist() == [False, True, False]
    assert table["country"][0] == "NA"
    assert table["age"].isna().tolist() == [False, True, False]


def test_passes_over_a_byte_order_mark(tmp_path: Path) -> None:
    file = tmp_path / "data.csv"
    file.write_text("a\n1\n", encoding="utf-8-sig")

    assert read_table(file).columns.tolist() == ["a"]


def test_columns_of_an_array_are_numbered(tmp_path: Path) -> None:
    np.save(tmp_path / "data.npy", np.arange(6.0).reshape(3, 2))

    table = read_table(tmp_path / "data.npy")

    assert table.to_dict("list") == {"x0": [0.0, 2.0, 4.0], "x1": [1.0, 3.0, 5.0]}


def test_reads_parquet(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="needs the extra parquet")
    expected = pd.DataFrame({"a": [1.5, 2.5], "b": ["x", None]})
    expected.to_parquet(tmp_path / "data.parquet")

    pd.testing.assert_frame_equal(expected, read_table(tmp_path / "data.parquet"))


def test_runs_no_code_of_an_array_file(tmp_path: Path) -> None:
    np.save(tmp_path / "data.npy", np.array([[object()]], dtype=object), allow_pickle=True)

    with pytest.raises(CommandFailed, match=r"data\.npy can't be read"):
        read_table(tmp_path / "data.npy")


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("data.txt", b"a\n1\n", "data.txt: expected one of .csv, .npy, .parquet"),
        ("data.csv", b"", "data.csv can't be read: "),
        ("data.csv", b"a,b\n", "data.csv holds no rows"),
        ("data.csv", b"a\n\xff\xfe\n", "data.csv can't be read: "),
        ("data.npy", b"nonsense", "data.npy can't be read: "),
        ("data.npy", b"", "data.npy can't be read: "),
        ("data.parquet", b"nonsense", "data.parquet can't be read: "),
    ],
)
def test_says_what_is_wrong(tmp_path: Path, name: str, content: bytes, expected: str) -> None:
    (tmp_path / name).write_bytes(content)

    with pytest.raises(CommandFailed) as failed:
        read_table(tmp_path / name)

    assert failed.value.message.startswith(expected)
