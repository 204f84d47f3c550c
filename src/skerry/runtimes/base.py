"""What every runtime offers: read an artifact, make it a servable, give it back.

A runtime never touches files by path and never sees a request; the loader calls it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import BinaryIO, Protocol

from skerry.core.servable import Servable
from skerry.core.signature import Signature


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How models are loaded here.

    parity: ``exact``, ``tolerant``, or ``native`` (scikit-learn itself, no other executor).
    skops_trusted: full names of the types that a skops file may hold besides the known ones.
    """

    parity: str = "exact"
    skops_trusted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ReadModel:
    """What came out of an artifact, and what there is to say about how it went.

    warnings: sentences for the operator.
    """

    model: object
    warnings: tuple[str, ...] = ()


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

    def prepare(self, model: object, signature: Signature | None, options: LoadOptions) -> Servable:
        """Return a servable that has predicted already.

        model: what ``read`` returned, or a fitted object; it belongs to the servable from now on.
        signature: the manifest's; None has it inferred from the fitted object.

        Raises:
            LoadError: the model can't be served, for the reason given.
        """
        ...
