"""Finds the estimators inside a fitted object, and makes them fit for serving.

The walk follows fitted attributes and small containers; it never iterates a vocabulary.
"""

from __future__ import annotations

from collections.abc import Iterator
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

import numpy as np

_MAX_CONTAINER = 100_000
_MAX_OBJECTS = 1_000_000
_PLAIN = (str, bytes, int, float, complex, bool, np.generic, type(None), type)
_CODE = (FunctionType, BuiltinFunctionType, MethodType, ModuleType)
_SILENT = 0


def nested_estimators(model: object) -> Iterator[object]:
    """Yield ``model`` and every object with attributes that its fitted state holds, once each."""
    seen: set[int] = set()
    pending: list[object] = [model]
    while pending and len(seen) < _MAX_OBJECTS:
        value = pending.pop()
        if isinstance(value, _PLAIN) or id(value) in seen:
            continue
        seen.add(id(value))
        members = _members(value)
        if members is not None:
            pending.extend(members)
        elif hasattr(value, "__dict__") and not isinstance(value, _CODE):
            yield value
            pending.extend(vars(value).values())


def serve_alone(model: object) -> None:
    """Have every nested estimator compute on the calling thread, and print nothing.

    Threads come from the executor; joblib's would start anew for every request.
    """
    for estimator in nested_estimators(model):
        attributes = vars(estimator)
        if "n_jobs" in attributes:
            _assign(estimator, "n_jobs", 1)
        if isinstance(attributes.get("verbose"), int):
            _assign(estimator, "verbose", _SILENT)


def is_scikit_learn(estimator: object) -> bool:
    """Tell whether the object's class is scikit-learn's own, not a subclass of one."""
    return type(estimator).__module__.split(".", 1)[0] == "sklearn"


def class_path(estimator: object) -> str:
    """Return the full public name of the class, e.g. ``sklearn.pipeline.Pipeline``."""
    cls = type(estimator)
    parts = cls.__module__.split(".")
    if parts[0] == "sklearn":  # its private modules are not where people import from
        parts = [part for part in parts[:2] if not part.startswith("_")]
    return ".".join([*parts, cls.__qualname__])


def _members(value: object) -> list[Any] | None:
    """Return what a container holds, None for what is no container."""
    if isinstance(value, np.ndarray):
        small = value.dtype == object and value.size <= _MAX_CONTAINER
        return value.ravel().tolist() if small else []
    if isinstance(value, dict):
        return list(value.values()) if len(value) <= _MAX_CONTAINER else []
    if isinstance(value, list | tuple | set | frozenset):
        return list(value) if len(value) <= _MAX_CONTAINER else []
    return None


def _assign(estimator: object, name: str, value: int) -> None:
    try:
        setattr(estimator, name, value)
    except (AttributeError, TypeError, ValueError):
        return  # a third party's read-only parameter; it is slower, not wrong
