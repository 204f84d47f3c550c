"""The whole zoo, fitted once a test run."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from threadpoolctl import threadpool_limits

from tests.zoo import Specimen, drawing, estimators
from tests.zoo_pipelines import pipelines


@cache
def specimens() -> Mapping[str, Specimen]:
    """Return every specimen by its name."""
    with threadpool_limits(1):  # on a busy machine, OpenMP's threads mostly wait for each other
        every = [*estimators(), *pipelines(), *drawing()]
    assert len({specimen.name for specimen in every}) == len(every)
    return {specimen.name: specimen for specimen in every}
