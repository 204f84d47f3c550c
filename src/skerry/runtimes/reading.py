"""From an artifact's bytes to the object in it, with a reason for whatever goes wrong.

Every exception of the code that a file names ends here, as ``Unreadable`` or ``Unsupported``.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import BinaryIO

from skerry.core.errors import LoadError, Unreadable, Unsupported
from skerry.core.garbage_collection import garbage_collection_paused
from skerry.runtimes.base import LoadOptions, ReadModel
from skerry.runtimes.warning_capture import captured_warnings

_ENDS_EARLY = "it ends early: it is truncated, or still being copied"
_SHOWN_CHARACTERS = 200


def read_pickle(file: BinaryIO) -> ReadModel:
    """Return what a pickle or joblib file holds, compressed or not, by whichever name.

    Raises:
        Unreadable: truncated, damaged, no pickle, or it names what can't be imported.
    """

    def read() -> object:
        from skerry.runtimes.compression import decompressed
        from skerry.runtimes.unpickler import InterruptibleUnpickler

        return InterruptibleUnpickler(decompressed(file)).read_object()

    return _read(read, "a pickle")


def read_skops(file: BinaryIO, options: LoadOptions) -> ReadModel:
    """Return what a skops file holds.

    Raises:
        Unreadable: truncated, damaged, no skops file, or the package is not installed.
        Unsupported: it holds types that are neither known nor in ``options.skops_trusted``.
    """
    try:
        skops = importlib.import_module("skops.io")
    except ImportError as error:
        raise Unreadable("the package skops, which reads it, is not installed here") from error

    def read() -> object:
        start = file.tell()
        found = skops.get_untrusted_types(file=file)
        untrusted = sorted(set(found) - set(options.skops_trusted))
        if untrusted:
            raise Unsupported(
                f"it holds types that are not trusted: {', '.join(untrusted)};"
                " name them in SKERRY_SKOPS_TRUSTED if you trust them"
            )
        file.seek(start)
        model: object = skops.load(file, trusted=found)
        return model

    return _read(read, "a skops file")


def _read(read: Callable[[], object], kind: str) -> ReadModel:
    try:
        with captured_warnings() as caught, garbage_collection_paused():
            model = read()
            return ReadModel(model, _sentences(caught))
    except LoadError:
        raise
    except (EOFError, MemoryError) as error:
        # A damaged length makes an unpickler ask for more memory than there is.
        raise Unreadable(f"{_ENDS_EARLY} ({type(error).__name__})") from error
    except (Exception, SystemExit) as error:  # the code that a pickle names may raise anything
        raise Unreadable(_reason(error, kind)) from error


def _reason(error: BaseException, kind: str) -> str:
    text = str(error)
    if "exhausted" in text or "truncated" in text or "ran out of data" in text:
        return _ENDS_EARLY
    shown = type(error).__name__
    # Texts of foreign code may name files of this machine.
    if text and not any(mark in text for mark in "/\\\n"):
        shown += f": {text[:_SHOWN_CHARACTERS]}"
    return f"it is damaged, or not {kind} ({shown})"


def _sentences(caught: list[Warning]) -> tuple[str, ...]:
    """Return one sentence for each scikit-learn version that the model was fitted with."""
    from sklearn.exceptions import InconsistentVersionWarning

    pairs = {
        (warning.original_sklearn_version, warning.current_sklearn_version): None
        for warning in caught
        if isinstance(warning, InconsistentVersionWarning)
    }
    return tuple(
        f"fitted with scikit-learn {trained}, served with {serving}: answers may differ"
        for trained, serving in pairs
    )
