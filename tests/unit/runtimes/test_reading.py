from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import pickletools
import sys
import threading
import warnings
import zlib
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import sklearn
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression

from skerry.core.errors import LoadError, Unreadable, Unsupported
from skerry.runtimes.base import LoadOptions
from skerry.runtimes.registry import runtime_for
from skerry.runtimes.sklearn import ScikitRuntime
from skerry.runtimes.warning_capture import captured_warnings

X = np.arange(40.0).reshape(20, 2)
MODEL = LogisticRegression().fit(X, [0, 1] * 10)


class Raises:
    """Unpickles to an exception."""

    def __init__(self, error: type[BaseException], *arguments: object) -> None:
        self.error, self.arguments = error, arguments

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return _raise, (self.error, self.arguments)


def _raise(error: type[BaseException], arguments: tuple[object, ...]) -> None:
    raise error(*arguments)


def _read(data: bytes, format: str = "pickle", *trusted: str) -> Any:
    return ScikitRuntime().read(io.BytesIO(data), format, LoadOptions(skops_trusted=trusted)).model


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    "compress",
    [bytes, gzip.compress, bz2.compress, lzma.compress, zlib.compress],
    ids=["plain", "gzip", "bz2", "xz", "zlib"],
)
def test_reads_pickles_of_every_protocol_and_compression(
    protocol: int, compress: Callable[[bytes], bytes]
) -> None:
    model = _read(compress(pickle.dumps(MODEL, protocol)))
    assert np.array_equal(model.predict_proba(X), MODEL.predict_proba(X))


@pytest.mark.parametrize("compress", [0, 3, ("gzip", 3), ("bz2", 3), ("lzma", 3), ("xz", 3)])
@pytest.mark.parametrize("format", ["joblib", "pickle"])
def test_reads_joblib_files_by_either_name(
    tmp_path: Path, compress: int | tuple[str, int], format: str
) -> None:
    forest = RandomForestClassifier(3, random_state=0).fit(X, [0, 1] * 10)
    joblib.dump(forest, tmp_path / "model", compress=compress)
    model = _read((tmp_path / "model").read_bytes(), format)
    assert np.array_equal(model.predict_proba(X), forest.predict_proba(X))


def test_reads_a_pickle_whose_unused_memo_entries_were_removed() -> None:
    for protocol in (2, 4):
        data = pickletools.optimize(pickle.dumps([MODEL, MODEL], protocol))
        first, second = _read(data)
        assert first is second


def test_an_array_of_objects_is_read(tmp_path: Path) -> None:
    joblib.dump({"names": np.array(["a", None, 3], dtype=object)}, tmp_path / "model")
    assert _read((tmp_path / "model").read_bytes(), "joblib")["names"].tolist() == ["a", None, 3]


def test_a_large_array_is_read_in_every_protocol() -> None:
    array = np.arange(300_000.0)
    for protocol in range(2, 6):
        assert np.array_equal(_read(pickle.dumps(array, protocol)), array)


@settings(deadline=None)  # a busy machine is no failure
@given(st.binary(max_size=200))
def test_bytes_that_are_no_pickle_raise_nothing_else(data: bytes) -> None:
    with suppress(Unreadable):
        _read(data)
    with pytest.raises(Unreadable):
        _read(b"\xff" + data)


@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_what_is_cut_off_anywhere_is_unreadable(protocol: int) -> None:
    data = pickle.dumps(MODEL, protocol)
    for length in range(0, len(data), 13):
        with pytest.raises(Unreadable):
            _read(data[:length])


@pytest.mark.parametrize("compress", [gzip.compress, bz2.compress, lzma.compress, zlib.compress])
def test_compressed_data_that_are_cut_off_are_unreadable(
    compress: Callable[[bytes], bytes],
) -> None:
    data = compress(pickle.dumps(MODEL))
    with pytest.raises(Unreadable):
        _read(data[: len(data) // 2])


def test_a_module_that_is_missing_is_named_with_where_to_read_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "their_transformers.py").write_text("class Clip:\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    module = __import__("their_transformers")
    data = pickle.dumps(module.Clip())
    (tmp_path / "their_transformers.py").unlink()
    del sys.modules["their_transformers"]
    monkeypatch.undo()
    with pytest.raises(Unreadable, match=r"their_transformers.*docs/repository\.md") as caught:
        _read(data)
    assert str(tmp_path) not in caught.value.detail


def test_a_class_that_is_missing_is_named_with_its_module() -> None:
    data = pickle.dumps(MODEL, 2).replace(b"LogisticRegression", b"LogisticDepression")
    with pytest.raises(Unreadable, match="LogisticDepression") as caught:
        _read(data)
    assert "/lib/" not in caught.value.detail


@pytest.mark.parametrize(
    "error", [ValueError, MemoryError, RecursionError, OSError, KeyError, SystemExit, EOFError]
)
def test_whatever_unpickling_raises_is_a_reason(error: type[BaseException]) -> None:
    with pytest.raises(Unreadable):
        _read(pickle.dumps(Raises(error)))


def test_a_reason_never_holds_a_path() -> None:
    with pytest.raises(Unreadable) as caught:
        _read(pickle.dumps(Raises(ValueError, "no such file: /home/ada/secret.csv")))
    assert caught.value.detail == "it is damaged, or not a pickle (ValueError)"


def test_another_scikit_learn_version_is_a_sentence_and_no_output(
    capfd: pytest.CaptureFixture[str],
) -> None:
    version = sklearn.__version__.encode()
    data = pickle.dumps(MODEL).replace(version, b"0" * len(version))
    read = ScikitRuntime().read(io.BytesIO(data), "pickle", LoadOptions())
    assert read.warnings == (
        f"fitted with scikit-learn {'0' * len(version)}, served with {sklearn.__version__}:"
        " answers may differ",
    )
    assert capfd.readouterr() == ("", "")


def test_captures_that_overlap_leave_the_filters_as_they_were() -> None:
    before = list(warnings.filters)
    show = warnings.showwarning
    entered, leave = threading.Event(), threading.Event()
    in_thread: list[Warning] = []

    def overlap() -> None:
        with captured_warnings() as caught:
            entered.set()
            leave.wait(10)
            warnings.warn("theirs", UserWarning, stacklevel=1)
            in_thread.extend(caught)

    thread = threading.Thread(target=overlap)
    with captured_warnings() as mine:
        thread.start()
        entered.wait(10)
        warnings.warn("mine", UserWarning, stacklevel=1)
    leave.set()
    thread.join()
    assert [str(w) for w in mine] == ["mine"]
    assert [str(w) for w in in_thread] == ["theirs"]
    assert (list(warnings.filters), warnings.showwarning) == (before, show)


def test_reads_skops_files() -> None:
    model = _read(skops.io.dumps(MODEL), "skops")
    assert np.array_equal(model.predict_proba(X), MODEL.predict_proba(X))


def test_a_skops_type_that_is_not_trusted_is_named_with_the_setting() -> None:
    data = skops.io.dumps([MODEL, Raises(ValueError)])
    with pytest.raises(Unsupported, match="SKERRY_SKOPS_TRUSTED") as caught:
        _read(data, "skops")
    assert "Raises" in caught.value.detail


def test_a_damaged_skops_file_is_unreadable() -> None:
    data = skops.io.dumps(MODEL)
    for damaged in (b"", b"no zip", data[: len(data) // 2]):
        with pytest.raises(Unreadable):
            _read(damaged, "skops")


@pytest.mark.parametrize(("format", "words"), [("h5", "'h5'")])
def test_a_format_without_a_runtime_is_refused(format: str, words: str) -> None:
    with pytest.raises(LoadError, match=words):
        runtime_for(format)


def test_importing_the_runtimes_loads_no_machine_learning_library(tmp_path: Path) -> None:
    import subprocess

    code = (
        "import sys, skerry.runtimes.registry, skerry.runtimes.samples, skerry.runtimes.training;"
        "print(sorted({'sklearn', 'pandas', 'joblib', 'skops', 'scipy'} & set(sys.modules)))"
    )
    found = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert found.stdout == "[]\n"
