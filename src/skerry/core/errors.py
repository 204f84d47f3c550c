"""Every error Skerry raises on purpose.

SkerryError
├── RequestError       the caller can mend it, or retry
│   ├── MalformedJson, InvalidBody, BadHeader, BadEncoding, UnsupportedMediaType
│   ├── HeadersTooLarge, BodyTooLarge, BodyTimeout
│   ├── WrongFeatureCount, RaggedBatch, EmptyBatch, BatchTooLarge
│   ├── NonFiniteValue, ValueOutOfRange, UnknownFeature, MissingFeature, UnknownCategory
│   ├── Unauthorized, MutationsDisabled
│   ├── ModelNotFound, VersionNotFound, RouteNotFound, MethodNotAllowed, ConflictingVersion
│   ├── InvalidPolicy, StoreReadOnly, VersionNotReady, NothingToRollBack, GenerationChanged
│   └── QueueFull, ModelNotReady, DeadlineExceeded
├── ServerError        ours or the model's: ModelError, InternalError
└── LoadError          a version that can't be served; it never reaches a caller
    ├── DigestMismatch, Unreadable, Unsupported
    └── SamplesDiffer, InsufficientMemory, LoadTimeout
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Self


@dataclass(frozen=True, slots=True)
class Mismatch:
    """One place in the input that is not what it should be.

    loc: keys and indices from the body's root, e.g. ``("features", 3)``.
    """

    loc: tuple[str | int, ...]
    expected: str
    got: str

    def __str__(self) -> str:
        """Return the mismatch as ``features[3]: expected …, got …``."""
        return f"{format_loc(self.loc)}: expected {self.expected}, got {self.got}"


def format_loc(loc: tuple[str | int, ...]) -> str:
    """Return a location as a person writes it: ``features[3].age``."""
    text = ""
    for part in loc:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{part}" if text else part
    return text or "body"


class SkerryError(Exception):
    """Anything Skerry raises on purpose; ``detail`` is a sentence fit for the caller."""

    def __init__(
        self,
        detail: str,
        *,
        mismatches: tuple[Mismatch, ...] = (),
        retry_after_s: int | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.mismatches = mismatches
        self.retry_after_s = retry_after_s

    @classmethod
    def at(cls, loc: tuple[str | int, ...], expected: str, got: str, hint: str = "") -> Self:
        """Return an error about one place in the input, with an optional closing hint."""
        mismatch = Mismatch(loc, expected, got)
        return cls(f"{mismatch}{hint}", mismatches=(mismatch,))


class RequestError(SkerryError):
    """A request that can't be answered as it stands."""


class MalformedJson(RequestError):
    """The body is not JSON."""


class InvalidBody(RequestError):
    """The body is JSON, but not of the route's schema."""


class BadHeader(RequestError):
    """A header whose value is outside its grammar or range."""


class BadEncoding(RequestError):
    """A compressed body that can't be inflated."""


class UnsupportedMediaType(RequestError):
    """A Content-Type or Content-Encoding that the route does not take."""


class HeadersTooLarge(RequestError):
    """Request line and headers are over the limit."""


class BodyTooLarge(RequestError):
    """The body, or what it inflates to, is over the limit."""


class BodyTimeout(RequestError):
    """The body did not arrive within the request's time."""


class WrongFeatureCount(RequestError):
    """A row has more or fewer values than the model has features."""


class RaggedBatch(RequestError):
    """Rows of one batch differ in length."""


class EmptyBatch(RequestError):
    """A batch without rows."""


class BatchTooLarge(RequestError):
    """A batch with more rows than the limit."""


class NonFiniteValue(RequestError):
    """NaN, infinity or a missing value where the model takes none."""


class ValueOutOfRange(RequestError):
    """A value of the right type that the model can't compute with."""


class UnknownFeature(RequestError):
    """A feature name that the model does not have."""


class MissingFeature(RequestError):
    """A feature of the model that the row lacks."""


class UnknownCategory(RequestError):
    """A category that the model's encoder has not seen and does not accept."""


class Unauthorized(RequestError):
    """No token, or not the right one."""


class MutationsDisabled(RequestError):
    """A change that this server, or this token, does not allow."""


class ModelNotFound(RequestError):
    """No model has this name."""


class VersionNotFound(RequestError):
    """The model has no such version."""


class RouteNotFound(RequestError):
    """No route has this path."""


class MethodNotAllowed(RequestError):
    """The route exists, but not for this method."""


class ConflictingVersion(RequestError):
    """Path and header pin different versions."""


class InvalidPolicy(RequestError):
    """A traffic policy that does not validate."""


class StoreReadOnly(RequestError):
    """The traffic store can't be written by this process."""


class VersionNotReady(RequestError):
    """A change of traffic that needs a READY version."""


class NothingToRollBack(RequestError):
    """No previous traffic policy is known."""


class GenerationChanged(RequestError):
    """Somebody else changed the traffic policy first."""


class QueueFull(RequestError):
    """As many rows wait as may wait."""


class ModelNotReady(RequestError):
    """The model or version exists but can't answer now."""


class DeadlineExceeded(RequestError):
    """The request's time passed before its answer was there."""


class ServerError(SkerryError):
    """Not the caller's fault."""


class ModelError(ServerError):
    """The model raised on a valid row."""


class InternalError(ServerError):
    """A defect in Skerry."""


class LoadError(SkerryError):
    """A version can't be served; ``category`` is the metric's label."""

    category: ClassVar[str]


class DigestMismatch(LoadError):
    """The artifact is not the one that the manifest or the traffic policy names."""

    category = "digest_mismatch"


class Unreadable(LoadError):
    """The artifact or the manifest can't be read: truncated, not a pickle, a missing module."""

    category = "unreadable"


class Unsupported(LoadError):
    """It can be read but not served: no ``predict``, not fitted, features that JSON can't carry."""

    category = "unsupported"


class SamplesDiffer(LoadError):
    """The golden samples do not reproduce."""

    category = "samples_differ"


class InsufficientMemory(LoadError):
    """The estimate does not fit the memory that is left."""

    category = "memory"


class LoadTimeout(LoadError):
    """The load took longer than the limit."""

    category = "timeout"


def as_exception(caught: BaseException) -> Exception:
    """Return what somebody else's code raised as something that a future can hold.

    ``SystemExit`` in a model must not end the server, and a future refuses ``StopIteration``.
    """
    if isinstance(caught, Exception) and not isinstance(caught, StopIteration):
        return caught
    return RuntimeError(f"{type(caught).__name__}: {caught}")
