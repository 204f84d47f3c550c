"""Which version answers a request: a pure function of the serving snapshot and what was asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from skerry.core.errors import ModelNotFound, ModelNotReady, VersionNotFound
from skerry.core.names import natural_key
from skerry.serving.handle import Slot
from skerry.serving.serving_map import ModelRoutes, ServingSnapshot, ShadowRoute

RETRY_AFTER_S = 1
_SHOWN_VERSIONS = 3


@dataclass(frozen=True, slots=True)
class Target:
    """Where a request goes.

    track: ``stable``, ``canary`` or ``pinned``. generation: of the traffic policy in force.
    shadow: who is asked the same afterwards; None for nobody, as for a pinned request.
    """

    slot: Slot
    track: str
    generation: str
    shadow: ShadowRoute | None = None


def resolve_model(
    snapshot: ServingSnapshot, model: str | None, default_model: str | None
) -> ModelRoutes:
    """Return the model that a request means.

    model: the name in the path, None where the path has none.
    default_model: what the settings make of that; None leaves the only model there is.

    Raises:
        ModelNotFound: no such model, or several and none named.
        ModelNotReady: no model at all, or none yet.
    """
    name = model or default_model
    if name is None:
        if not snapshot.candidates:
            raise ModelNotReady("no model is loaded", retry_after_s=RETRY_AFTER_S)
        if len(snapshot.candidates) > 1:
            names = ", ".join(snapshot.candidates)
            raise ModelNotFound(
                f"there are several models ({names}): ask for one by"
                " /api/v1/models/MODEL/predict, or set SKERRY_DEFAULT_MODEL"
            )
        name = snapshot.candidates[0]
    routes = snapshot.models.get(name)
    if routes is not None:
        return routes
    if name in snapshot.candidates or name == default_model:
        raise ModelNotReady(f"model {name} is not loaded", retry_after_s=RETRY_AFTER_S)
    raise ModelNotFound(f"model {name!r} does not exist")


def route(
    routes: ModelRoutes, version: str | None, fields: Mapping[bytes, bytes], uniform: float
) -> Target:
    """Return the version that answers: pin beats header beats sticky key beats weight.

    version: the one that path or header pin, None where they pin none.
    fields: the request's headers by lower-case name.
    uniform: drawn from [0, 1) for this request; it decides where nothing else does.

    Raises:
        VersionNotFound: as the name says.
        ModelNotReady: it is known but can't answer now.
    """
    if version is not None:
        return Target(_pinned(routes, version), "pinned", routes.generation)
    if routes.split is None:
        raise _nothing_ready(routes)
    chosen, track = routes.split.choose(fields, uniform)
    return Target(routes.slots[chosen], track, routes.generation, routes.shadow)


def slot_of(snapshot: ServingSnapshot, model: str, version: str | None) -> Slot:
    """Return the version that a question about a model means; the stable one where it names none.

    Raises:
        ModelNotFound, VersionNotFound: as the names say.
        ModelNotReady: it is known but can't answer now.
    """
    routes = resolve_model(snapshot, model, None)
    if version is not None:
        return _pinned(routes, version)
    if routes.split is None:
        raise _nothing_ready(routes)
    return routes.slots[routes.split.stable]


def _nothing_ready(routes: ModelRoutes) -> ModelNotReady:
    newest = sorted(routes.states, key=natural_key, reverse=True)[:_SHOWN_VERSIONS]
    states = ", ".join(f"{version} is {routes.states[version]}" for version in newest)
    return ModelNotReady(
        f"model {routes.name} has no version that is READY: {routes.reason or states}",
        retry_after_s=RETRY_AFTER_S,
    )


def _pinned(routes: ModelRoutes, version: str) -> Slot:
    slot = routes.slots.get(version)
    if slot is not None:
        return slot
    state = routes.states.get(version)
    if state is None:
        raise VersionNotFound(f"{routes.name} has no version {version!r}")
    raise ModelNotReady(
        f"{routes.name}/{version}: expected READY, got {state}", retry_after_s=RETRY_AFTER_S
    )
