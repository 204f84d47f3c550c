"""Composition root: builds every part from the settings; the lifespan owns the tasks."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from fastapi import FastAPI
from starlette.types import ASGIApp

from skerry import __version__
from skerry.controlplane.catalog import Catalog
from skerry.controlplane.catalog_metrics import CatalogCollector
from skerry.controlplane.handover import share_interpreter
from skerry.controlplane.loader import Loader
from skerry.controlplane.manager import Manager, ManagerConfig
from skerry.controlplane.memory import available_bytes, limit_bytes
from skerry.controlplane.memory_metrics import MemoryCollector
from skerry.controlplane.model_control import ModelControl
from skerry.controlplane.traffic_control import TrafficControl
from skerry.controlplane.traffic_store import EnvStore, FileStore, TrafficStore
from skerry.controlplane.transition import TransitionPolicy
from skerry.controlplane.watcher import watch
from skerry.core.plan import Parity
from skerry.core.version_policy import VersionPolicy
from skerry.dataplane.drift import Drift, DriftCollector
from skerry.dataplane.evidence import Evidence
from skerry.dataplane.executor import Executor
from skerry.dataplane.queue_metrics import QueueCollector
from skerry.dataplane.shadow import Shadows
from skerry.dataplane.shadow_metrics import ShadowCollector
from skerry.dataplane.threads import cpus
from skerry.http import (
    docs,
    evidence,
    health,
    inference_v2,
    metadata_v2,
    metrics,
    models,
    predict,
    repository_v2,
    shadow,
    traffic,
)
from skerry.http.admission import Admission
from skerry.http.console import routes as console
from skerry.http.context import LifeCycle, Limits, ServerContext, Tokens
from skerry.http.edge import Edge
from skerry.http.errors import install_error_handlers
from skerry.http.immediate import ImmediateAnswers
from skerry.http.lean_route import LeanRoutes
from skerry.http.openapi import install_openapi
from skerry.runtimes.base import LoadOptions
from skerry.serving.serving_map import ServingMap
from skerry.settings import Settings
from skerry.telemetry.exposition import BuildCollector, Exposition
from skerry.telemetry.logs import EventLog
from skerry.telemetry.serving_metrics import ServingCollector, ServingMetrics

if TYPE_CHECKING:
    from skerry.telemetry.tracing import Tracing

ROUTES = (
    predict,
    models,
    traffic,
    evidence,
    shadow,
    health,
    metrics,
    docs,
    console,
    metadata_v2,
    inference_v2,
    repository_v2,
)


@dataclass(frozen=True, slots=True)
class Parts:
    """The server's parts, put together; nothing of it runs yet."""

    manager: Manager
    context: ServerContext


def build_parts(settings: Settings, log: EventLog, tracing: Tracing | None = None) -> Parts:
    """Return every part, made from the settings. tracing: None where there is none."""
    serving_map = ServingMap()
    catalog = Catalog(settings.models, serving_map, log)
    counted = ServingMetrics()
    threads = settings.executor_threads or cpus()
    executor = Executor(threads, settings.max_queue_rows, counted)
    shadows = Shadows(
        serving_map, log, keep=settings.shadow_keep, keep_inputs=settings.shadow_keep_inputs
    )
    drift = Drift(catalog.reference, random.random, log)
    manager = Manager(
        ManagerConfig(
            models_dir=settings.models_dir,
            models=frozenset(settings.models),
            version_policy=VersionPolicy.from_value(settings.version_policy, "version_policy"),
            transition_policy=TransitionPolicy(settings.transition_policy),
            settle_time_s=settings.settle_time_s,
            load_timeout_s=settings.load_timeout_s,
        ),
        _store(settings),
        Loader(
            LoadOptions(
                parity=Parity(settings.parity),
                plan_budget_s=settings.plan_budget_s,
                onnx_executor=settings.onnx_executor,
                skops_trusted=settings.skops_trusted,
            ),
            settings.require_manifest,
            available_bytes,
        ),
        catalog,
        log,
        tracing,
    )
    context = ServerContext(
        catalog=catalog,
        traffic=TrafficControl(manager),
        model_control=ModelControl(manager),
        serving_map=serving_map,
        evidence=Evidence(time.monotonic),
        shadows=shadows,
        executor=executor,
        limits=Limits(settings.max_batch_rows, settings.max_body_bytes, settings.request_timeout_s),
        tokens=Tokens(settings.api_token, settings.admin_token),
        life=LifeCycle(),
        log=log,
        metrics=counted,
        tracing=tracing,
        drift=drift,
        exposition=Exposition(
            [
                ServingCollector(counted, catalog.keys),
                DriftCollector(drift),
                ShadowCollector(shadows, catalog.keys),
                QueueCollector(executor, serving_map),
                CatalogCollector(catalog),
                MemoryCollector(limit_bytes),
                BuildCollector(__version__, version("scikit-learn")),
            ]
        ),
        default_model=settings.default_model,
        log_sample=settings.log_sample,
        draw=random.random,
    )
    return Parts(manager, context)


def build_app(settings: Settings, parts: Parts) -> ASGIApp:
    """Return the ASGI application; its lifespan starts and stops the control plane."""
    context = parts.context

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        share_interpreter()
        async with asyncio.TaskGroup() as tasks:
            running = [
                tasks.create_task(_control_plane(settings, parts)),
                tasks.create_task(context.drift.run()),
            ]
            yield
            for task in running:
                task.cancel()
        context.shadows.close()
        context.executor.close()

    app = FastAPI(
        title="Skerry",
        version=__version__,
        description="Serves scikit-learn models.",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
        root_path=settings.root_path,
    )
    app.state.context = context
    for part in ROUTES:
        app.include_router(part.router)
    install_error_handlers(app)
    install_openapi(app)
    if context.tracing is not None:
        # Not imported where it is not asked for.
        from skerry.http.instrumentation import instrument

        instrument(app, context.tracing, settings.root_path)
    return Edge(app, _lean_routes(settings), context)


def build_immediate(settings: Settings, parts: Parts) -> ImmediateAnswers:
    """Return what answers quick predictions before the application is asked."""
    return ImmediateAnswers(_lean_routes(settings), parts.context)


def build_admission(settings: Settings, parts: Parts) -> Admission:
    """Return what decides who is answered while more is asked than can be."""
    context = parts.context
    return Admission(
        _lean_routes(settings),
        context.serving_map,
        context.default_model,
        context.executor,
        max_batch_rows=settings.max_batch_rows,
        timeout_s=settings.request_timeout_s,
    )


def _lean_routes(settings: Settings) -> LeanRoutes:
    routes = [*predict.router.routes, *inference_v2.router.routes]
    return LeanRoutes(routes, settings.root_path)


async def _control_plane(settings: Settings, parts: Parts) -> None:
    """Run the manager and its watcher. Should one die, /livez says so and serving goes on."""
    manager, context = parts.manager, parts.context
    interval_s = settings.poll_interval_s
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(manager.run(interval_s))
            volume, store = settings.models_dir, _traffic_file(settings).parent
            tasks.create_task(watch(volume, manager.wake, interval_s, recursive=True))
            if store != volume:
                tasks.create_task(watch(store, manager.wake, interval_s, recursive=False))
    except Exception as error:  # noqa: BLE001 - reported, and a restart mends it
        context.life.control_plane_error = "the control plane has stopped"
        context.log.emit("error", "control_plane_stopped", {"exception": repr(error)})


def _store(settings: Settings) -> TrafficStore:
    if settings.traffic is not None:
        return EnvStore(settings.traffic)
    return FileStore(_traffic_file(settings))


def _traffic_file(settings: Settings) -> Path:
    return settings.traffic_file or settings.models_dir / "traffic.yaml"
