"""A loaded version as the data plane sees it, and the facts about it that the API shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from skerry.core.plan import Plan
from skerry.core.rows import Predictions, Rows
from skerry.core.signature import Signature, Task


@dataclass(frozen=True, slots=True)
class ServableInfo:
    """Facts about a servable that do not change while it is served.

    estimator: the fitted object's class, e.g. ``sklearn.pipeline.Pipeline``.
    has_probabilities: it answers with one for each class of each output.
    draws_at_random: two calls on the same rows may differ (a stratified dummy).
    batch_rows: as many rows of several requests may be answered by one call; 1 where that would
        gain nothing, or where rows are not answered independently of each other.
    warnings: sentences for the operator, e.g. another scikit-learn version at training.
    """

    signature: Signature
    task: Task
    estimator: str
    packages: Mapping[str, str]
    plan: Plan
    has_probabilities: bool = False
    draws_at_random: bool = False
    batch_rows: int = 1
    warnings: tuple[str, ...] = ()


class Servable(Protocol):
    """Something that predicts. Calls may come from several threads at once."""

    @property
    def info(self) -> ServableInfo:
        """Facts about it."""
        ...

    def predict(self, rows: Rows) -> Predictions:
        """Answer validated rows. Blocking; whatever the model raises passes through."""
        ...

    def predict_now(self, rows: Rows) -> Predictions | None:
        """Answer on the event loop, in well under a millisecond, or return None.

        None says that ``predict`` has to be asked, in a thread. What the model raises passes.
        """
        ...

    def release(self) -> None:
        """Free its memory in small steps. It must be in nobody's use, now and later."""
        ...
