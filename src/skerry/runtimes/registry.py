"""Which runtime serves which artifact format. Importing it loads no machine learning library."""

from __future__ import annotations

from skerry.core.errors import Unsupported
from skerry.runtimes.base import Runtime
from skerry.runtimes.sklearn import ScikitRuntime

_RUNTIMES: tuple[Runtime, ...] = (ScikitRuntime(),)


def runtime_for(format: str) -> Runtime:
    """Return the runtime for a format of ``core.manifest.FORMATS``.

    Raises:
        Unsupported: no runtime reads it.
    """
    for runtime in _RUNTIMES:
        if format in runtime.formats:
            return runtime
    known = ", ".join(sorted(name for runtime in _RUNTIMES for name in runtime.formats))
    if format == "onnx":
        raise Unsupported(f"ONNX artifacts are not supported yet; supported are {known}")
    raise Unsupported(f"format {format!r} is not supported; supported are {known}")
