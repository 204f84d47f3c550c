"""The scikit-learn runtime: serves whatever has ``predict``.

Importing this module loads no machine learning library; the first artifact does.
"""

from __future__ import annotations

from typing import BinaryIO

from skerry.core.errors import Unsupported
from skerry.core.servable import Servable
from skerry.runtimes.base import Known, LoadOptions, ReadModel
from skerry.runtimes.reading import read_pickle, read_skops


class ScikitRuntime:
    """Reads joblib, pickle and skops files, and serves the fitted objects in them."""

    formats = frozenset({"joblib", "pickle", "skops"})

    def read(self, file: BinaryIO, format: str, options: LoadOptions) -> ReadModel:
        """Return the model in ``file``; see ``Runtime.read``.

        Raises:
            Unreadable: truncated, damaged, or it names what can't be imported.
            Unsupported: a skops file with types that are not trusted, or another format.
        """
        if format not in self.formats:
            raise Unsupported(f"scikit-learn models do not come as {format!r}")
        return read_skops(file, options) if format == "skops" else read_pickle(file)

    def prepare(self, model: object, known: Known, options: LoadOptions) -> Servable:
        """Return a servable that has predicted already; see ``Runtime.prepare``.

        Raises:
            Unsupported: no ``predict``, not fitted, or input that JSON rows can't be.
        """
        from skerry.runtimes.sklearn_preparation import prepare

        read = model if isinstance(model, ReadModel) else ReadModel(model)
        return prepare(read.model, known, options, read.warnings)
