"""Unpickles joblib files and plain pickles while other threads keep getting their turns.

It is joblib's unpickler, which is Python code: the interpreter serves waiting threads between
bytecodes, where one written in C holds the GIL from one read to the next. What is left are single
operations on huge objects, and those are replaced here.
"""

from __future__ import annotations

import inspect
import pickle
import struct
import sys
from collections.abc import Callable
from typing import Any, ClassVar, cast

from joblib.numpy_pickle import NumpyUnpickler

from skerry.core.errors import Unreadable
from skerry.runtimes.large_dict import MANY_ENTRIES, set_items

_MEMO_SLICE = 20_000
_MAX_MEMO = 1 << 28
_SLICE_BYTES = 1024 * 1024
_OWN_REFERENCES = 3
"""To a dict whose stack and memo entries were taken out: two frames and the question itself."""


class InterruptibleUnpickler(NumpyUnpickler):  # type: ignore[misc]  # joblib ships no types
    """Reads one object from ``file_handle``: a joblib file without compression, or any pickle."""

    dispatch: ClassVar[dict[int, Callable[[Any], None]]] = NumpyUnpickler.dispatch.copy()

    def __init__(self, file_handle: object) -> None:
        known = inspect.signature(NumpyUnpickler.__init__).parameters
        # Older joblibs lack the parameter and always return the native byte order.
        extra = {"ensure_native_byte_order": True} if "ensure_native_byte_order" in known else {}
        super().__init__("", file_handle, **extra)
        # A list grows and shrinks in steps; a dict of a million objects doesn't.
        self.memo: list[Any] = []

    def read_object(self) -> object:
        """Return the object.

        Raises:
            Unreadable: a class or function that it names can't be imported.
            Exception: whatever reading a damaged file, or the code it names, raises.
        """
        try:
            return cast("object", self.load())
        finally:
            while self.memo:
                del self.memo[-_MEMO_SLICE:]

    def find_class(self, module: str, name: str) -> object:
        """Return the class or function, or say which module lacks."""
        try:
            return super().find_class(module, name)
        except ModuleNotFoundError as error:
            reason = f"the module {error.name!r} can't be imported here"
        except ImportError:
            reason = f"the module {module!r} can't be imported here"
        except AttributeError:
            reason = f"the module {module!r} has no {name!r} here"
        raise Unreadable(
            f"it needs {module}.{name}, and {reason};"
            " docs/repository.md shows two ways to add a module"
        )

    def _remember(self, index: int) -> None:
        missing = index - len(self.memo)
        if missing > _MAX_MEMO:
            raise pickle.UnpicklingError("memo index out of range")
        if missing >= 0:
            self.memo.extend([None] * (missing + 1))
        self.memo[index] = self.stack[-1]

    def _load_put(self) -> None:
        self._remember(int(self.readline()[:-1]))

    def _load_binput(self) -> None:
        self._remember(self.read(1)[0])

    def _load_long_binput(self) -> None:
        self._remember(struct.unpack("<I", self.read(4))[0])

    def _load_memoize(self) -> None:
        self.memo.append(self.stack[-1])

    def _load_setitems(self) -> None:
        items = self.pop_mark()
        target = self.stack[-1]
        if type(target) is dict and len(target) + len(items) // 2 > MANY_ENTRIES:
            self._set_many(target, items)
            return
        for i in range(0, len(items), 2):
            target[items[i]] = items[i + 1]

    def _set_many(self, target: dict[Any, Any], items: list[Any]) -> None:
        index = next((i for i, known in enumerate(self.memo) if known is target), None)
        self.stack[-1] = None
        if index is not None:
            self.memo[index] = None
        if sys.getrefcount(target) <= _OWN_REFERENCES:
            filled = set_items(target, items)
        else:  # it is already part of another object and must stay what it is
            filled = target
            for i in range(0, len(items), 2):
                target[items[i]] = items[i + 1]
        self.stack[-1] = filled
        if index is not None:
            self.memo[index] = filled

    def _load_bytearray8(self) -> None:
        """Grow the array as it is read: zeroing all of it first takes one long step."""
        (left,) = struct.unpack("<Q", self.read(8))
        array = bytearray()
        while left > 0:
            data = self.read(min(left, _SLICE_BYTES))
            if not data:
                raise EOFError
            array += data
            left -= len(data)
        self.append(array)

    dispatch[pickle.PUT[0]] = _load_put
    dispatch[pickle.BINPUT[0]] = _load_binput
    dispatch[pickle.LONG_BINPUT[0]] = _load_long_binput
    dispatch[pickle.MEMOIZE[0]] = _load_memoize
    dispatch[pickle.SETITEMS[0]] = _load_setitems
    dispatch[pickle.BYTEARRAY8[0]] = _load_bytearray8
