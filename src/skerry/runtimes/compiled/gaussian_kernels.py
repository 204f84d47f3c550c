"""Covariance functions of Gaussian processes: the stationary ones, their sums and products."""

from __future__ import annotations

from typing import Any

import numpy as np

from skerry.runtimes.compiled.base import Array, Matrix, NotCompiled
from skerry.runtimes.compiled.kernels import Kernel, squared_distances


def covariance(kernel: Any, points: Array) -> tuple[Kernel, float]:
    """Return the kernel between rows and the points, and its value for a row and itself.

    Raises:
        NotCompiled: a part of it has no compiled form, or depends on more than distances.
    """
    points = np.ascontiguousarray(points, dtype=np.float64)
    compiled = _compiled(kernel, points)
    return compiled, float(kernel.diag(points[:1])[0])


def _compiled(kernel: Any, points: Matrix) -> Kernel:
    name = type(kernel).__name__ if type(kernel).__module__.startswith("sklearn.") else ""
    if name in ("Sum", "Product"):
        return _pair(kernel, points, is_sum=name == "Sum")
    if name == "ConstantKernel":
        value = float(kernel.constant_value)
        return lambda rows: np.full((len(rows), len(points)), value)
    if name == "WhiteKernel":  # noise is no part of a prediction
        return lambda rows: np.zeros((len(rows), len(points)))
    if name == "RationalQuadratic":
        return _rational(kernel, points)
    if name == "RBF" or (name == "Matern" and kernel.nu in (0.5, 1.5, 2.5, np.inf)):
        return _scaled(kernel, points, np.inf if name == "RBF" else kernel.nu)
    raise NotCompiled(f"the covariance {kernel} has no compiled form")


def _pair(kernel: Any, points: Matrix, *, is_sum: bool) -> Kernel:
    parts = [kernel.k1, kernel.k2]
    constants = [k for k in parts if type(k).__name__ == "ConstantKernel"]
    if len(constants) == 1:
        other = _compiled(parts[1 - parts.index(constants[0])], points)
        return _with_constant(other, float(constants[0].constant_value), is_sum=is_sum)
    a, b = (_compiled(part, points) for part in parts)
    return (lambda rows: a(rows) + b(rows)) if is_sum else (lambda rows: a(rows) * b(rows))


def _with_constant(kernel: Kernel, value: float, *, is_sum: bool) -> Kernel:
    def changed(rows: Matrix) -> Matrix:
        found = kernel(rows)
        if is_sum:
            found += value
        else:
            found *= value
        return found

    return changed


def _rational(kernel: Any, points: Matrix) -> Kernel:
    scale = 1.0 / (2.0 * float(kernel.alpha) * float(kernel.length_scale) ** 2)
    squares, power = squared_distances(points, scale), -float(kernel.alpha)

    def rational(rows: Matrix) -> Matrix:
        found = squares(rows)
        found += 1.0
        return np.power(found, power, out=found)

    return rational


def _scaled(kernel: Any, points: Matrix, nu: float) -> Kernel:
    """Return a Matérn kernel; of infinite nu it is the squared exponential one."""
    length = np.squeeze(np.asarray(kernel.length_scale, dtype=np.float64))
    scaled, is_one = np.ascontiguousarray(points / length), bool(np.all(length == 1.0))
    squares = squared_distances(scaled, -0.5 if np.isinf(nu) else 2.0 * nu)

    def squared_exponential(rows: Matrix) -> Matrix:
        found = squares(rows if is_one else rows / length)
        return np.exp(found, out=found)

    def matern(rows: Matrix) -> Matrix:
        distances = np.sqrt(squares(rows if is_one else rows / length))
        smooth = np.exp(-distances)
        if nu > 1.0:
            smooth *= 1.0 + distances + (distances**2 / 3.0 if nu > 2.0 else 0.0)
        return smooth

    return squared_exponential if np.isinf(nu) else matern
