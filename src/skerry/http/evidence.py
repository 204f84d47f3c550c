"""What the versions of a model did lately, so that a canary can be judged."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query

from skerry.core.errors import VersionNotFound
from skerry.core.names import shown
from skerry.core.traffic import TrafficInForce
from skerry.dataplane.time_slots import LONGEST_WINDOW_S
from skerry.http.auth import require_reader
from skerry.http.context import ServerContext, context_of
from skerry.http.openapi import problems
from skerry.http.schemas import EvidenceView

router = APIRouter(
    prefix="/api/v1/models/{model}",
    tags=["traffic"],
    dependencies=[Depends(require_reader)],
    responses=problems(400, 401, 404),
)
Context = Annotated[ServerContext, Depends(context_of)]
Window = Annotated[
    int, Query(ge=1, le=LONGEST_WINDOW_S, description="seconds before now that are counted")
]
Version = Annotated[
    str | None, Query(description="the canary to compare; the policy's where it is left out")
]


@router.get("/evidence", response_model=EvidenceView)
async def get_evidence(
    context: Context, model: str, window_s: Window = 300, version: Version = None
) -> dict[str, Any]:
    """Return what each version did in the window, and how the canary compares with stable."""
    traffic = context.traffic.describe(model)
    in_force = context.catalog.traffic.get(model, TrafficInForce(None))
    canaries = [canary.version for canary in in_force.canaries]
    report = context.evidence.report(
        model,
        window_s,
        stable=in_force.stable,
        canary=version or next(iter(canaries), None),
        disagreement_rates=_disagreement_rates(context, model),
    )
    if version is not None and version not in context.catalog.versions(model):
        _check_seen(model, version, {each.version for each in report.versions})
    return {
        "model": model,
        "scope": "process",
        "window_s": window_s,
        "generation": traffic["generation"],
        "versions": [each.to_dict() for each in report.versions],
        "comparison": report.comparison.to_dict(),
    }


def _disagreement_rates(context: ServerContext, model: str) -> dict[str, float]:
    rates = {
        version: context.shadows.disagreement_rate(model, version)
        for version in context.catalog.versions(model)
    }
    return {version: rate for version, rate in rates.items() if rate is not None}


def _check_seen(model: str, version: str, seen: set[str]) -> None:
    """Raise for a version that neither is on the volume nor was lately."""
    if version not in seen:
        raise VersionNotFound(f"{model} has no version {shown(version)}")
