"""What every runtime offers: read an artifact, make it a servable, give it back.

A runtime never touches files by path and never sees a request; the loader calls it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, BinaryIO, Protocol

from skerry.core.plan import Parity, Plan
from skerry.core.servable import Servable
from skerry.core.signature import Signature


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How models are loaded here.

    plan_budget_s: seconds that the search for a faster executor may take.
    onnx_executor: ONNX Runtime is one of the executors that are tried.
    skops_trusted: full names of the types that a skops file may hold besides the known ones.
    """

    parity: Parity = Parity.EXACT
    plan_budget_s: float = 10.0
    onnx_executor: bool = False
    skops_trusted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadModel:
    """What came out of an artifact, and what there is to say about how it went.

    warnings: sentences for the operator.
    """

    model: object
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Known:
    """What a manifest tells of a model, so that it need not be found out again.

    signature: None has it inferred from the fitted object.
    samples: rows of values in signature order.
    plan: an execution plan that was measured on ``plan.cpu``.
    packages: versions of the packages that the plan was made with.
    """

    signature: Signature | None = None
    samples: tuple[tuple[Any, ...], ...] = ()
    plan: Plan | None = None
    packages: Mapping[str, str] = field(default_factory=dict)


class Runtime(Protocol):
    """Turns artifacts of some formats into servables. Blocking; calls may overlap in threads."""

    @property
    def formats(self) -> frozenset[str]:
        """The artifact formats it reads."""
        ...

    def read(self, file: BinaryIO, format: str, options: LoadOptions) -> object:
        """Return the model in ``file``, from its current position; ``prepare`` takes it.

        This runs code that the artifact names: verify its digest first. No other thread waits
        long for the GIL meanwhile, however large the model is.

        Raises:
            LoadError: it can't be read, or is of a type that is not trusted.
        """
        ...

    def prepare(self, model: object, known: Known, options: LoadOptions) -> Servable:
        """Return a servable that has predicted already.

        model: what ``read`` returned, or a fitted object; it belongs to the servable from now on.

        Raises:
            LoadError: the model can't be served, for the reason given.
        """
        ...
