"""Which runtime serves which artifact format. Importing it loads no machine learning library."""

from __future__ import annotations

from skerry.core.errors import Unsupported
from skerry.runtimes.base import Runtime
from skerry.runtimes.onnx import OnnxRuntime
from skerry.runtimes.sklearn import ScikitRuntime

_RUNTIMES: tuple[Runtime, ...] = (ScikitRuntime(), OnnxRuntime())


def runtime_for(format: str) -> Runtime:
    """Return the runtime for a format of ``core.manifest.FORMATS``.

    Raises:
        Unsupported: no runtime reads it.
    """
    for runtime in _RUNTIMES:
        if format in runtime.formats:
            return runtime
    known = ", ".join(sorted(name for runtime in _RUNTIMES for name in runtime.formats))
    raise Unsupported(f"format {format!r} is not supported; supported are {known}")
