"""The ONNX runtime: serves ``.onnx`` files with ONNX Runtime, on the calling thread.

Importing this module loads no library; the first artifact does. The package is an extra.
"""

from __future__ import annotations

import importlib
from typing import Any, BinaryIO

from skerry.core.errors import Unreadable, Unsupported
from skerry.core.servable import Servable
from skerry.runtimes.base import Known, LoadOptions

_SHOWN_CHARACTERS = 200
_ERRORS_ONLY = 3


class OnnxRuntime:
    """Reads and serves ONNX models whose input is rows of features."""

    formats = frozenset({"onnx"})

    def read(self, file: BinaryIO, format: str, options: LoadOptions) -> object:
        """Return a session for the model in ``file``; see ``Runtime.read``.

        Raises:
            Unreadable: it is no ONNX model, or the package is not installed.
            Unsupported: another format.
        """
        del options
        if format not in self.formats:
            raise Unsupported(f"ONNX models do not come as {format!r}")
        return session_of(file.read())

    def prepare(self, model: object, known: Known, options: LoadOptions) -> Servable:
        """Return a servable that has predicted already; see ``Runtime.prepare``.

        Raises:
            Unsupported: its inputs or outputs are not those of a model of rows.
        """
        from skerry.runtimes.onnx_servable import prepare

        return prepare(model, known, options)


def session_of(content: bytes) -> Any:
    """Return an inference session that computes on the calling thread.

    Raises:
        Unreadable: it is no ONNX model, or the package is not installed.
    """
    try:
        onnxruntime = importlib.import_module("onnxruntime")
    except ImportError as error:
        raise Unreadable(
            "the package onnxruntime, which reads it, is not installed here"
        ) from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = _ERRORS_ONLY
    try:
        return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        text = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise Unreadable(f"ONNX Runtime refuses it: {text[:_SHOWN_CHARACTERS]}") from error
