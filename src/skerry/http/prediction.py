"""The steps of a prediction that wait for nothing: body → version and rows → answer.

Both ways to an answer take them: at once (``immediate.py``) and by a thread (``predict.py``).
"""

from __future__ import annotations

import time
from typing import NamedTuple

from skerry.core.errors import ModelError, SkerryError, ValueOutOfRange
from skerry.core.redaction import raised_text
from skerry.core.rows import Predictions, Rows
from skerry.core.servable import ServableInfo
from skerry.dataplane.router import Target, resolve_model, route
from skerry.dataplane.shadow_calls import Mirror
from skerry.http.context import RequestRecord, ServerContext
from skerry.http.dialect import Encode
from skerry.http.lean_route import LeanAnswer
from skerry.http.question import Question
from skerry.serving.handle import Handle, Slot


class Resolved(NamedTuple):
    """A request whose version and rows are known."""

    target: Target
    info: ServableInfo
    rows: Rows
    encode: Encode


def choose(context: ServerContext, record: RequestRecord, asked: Question, body: bytes) -> Target:
    """Choose the version that answers; refuse what there is no room for, before it is decoded.

    Nothing is awaited from here until a handle is acquired, or the answer is there: the serving
    map can't change in between.

    Raises:
        SkerryError: the subclass that says what is wrong.
    """
    routes = resolve_model(context.serving_map.current, asked.model, context.default_model)
    record.model = routes.name
    target = route(routes, asked.version, asked.fields, record.uniform)
    record.version, record.track = target.slot.version, target.track
    record.generation = target.generation
    info = target.slot.servable.info
    record.task, plan = info.task, info.plan
    n_rows = min(asked.dialect.rows_in(body), context.limits.max_batch_rows)
    if n_rows > plan.cheap_rows:
        context.executor.check_room(plan, n_rows)
    return target


def decode(
    context: ServerContext, record: RequestRecord, asked: Question, target: Target, body: bytes
) -> Resolved:
    """Validate the rows by the signature of the version that answers.

    Raises:
        SkerryError: the subclass that says what is wrong.
    """
    info = target.slot.servable.info
    max_rows = context.limits.max_batch_rows
    rows, encode = asked.dialect.decode(asked.fields, body, info, max_rows)
    record.rows, record.input = rows.n_rows, rows
    return Resolved(target, info, rows, encode)


def ask_now(record: RequestRecord, resolved: Resolved) -> Predictions | None:
    """Ask the servable to answer here and now, and note who did; what the model raises passes."""
    servable, rows = resolved.target.slot.servable, resolved.rows
    record.asked_s = started_s = time.perf_counter()
    predictions = servable.predict_now(rows)
    if predictions is None:
        record.asked_s = None
    else:
        record.inference_s = time.perf_counter() - started_s
        record.executor = servable.info.plan.executor_for(rows.n_rows)
    return predictions


def predict_now(
    context: ServerContext, record: RequestRecord, resolved: Resolved
) -> Predictions | None:
    """Predict here and now where that is quick, else return None.

    Raises:
        SkerryError: the model raised.
    """
    try:
        return ask_now(record, resolved)
    except Exception as error:
        raise told(context, record, resolved.target.slot, error) from error


def answer(resolved: Resolved, predictions: Predictions) -> LeanAnswer:
    """Return body and headers."""
    target = resolved.target
    model, version = target.slot.model, target.slot.version  # Its servable may be gone by now.
    body, own_headers, content_type = resolved.encode(predictions, model, version)
    headers = (
        (b"x-model-version", version.encode()),
        (b"x-model-track", target.track.encode()),
        (b"x-traffic-generation", target.generation.encode()),
        *own_headers,
    )
    return LeanAnswer(body, headers, content_type)


def mirror(record: RequestRecord, resolved: Resolved, predictions: Predictions) -> Mirror | None:
    """Return what the shadow is to be asked when the answer has been sent, None for nothing."""
    target, info, rows, _ = resolved
    if target.shadow is None:
        return None
    return Mirror(target, info, rows, predictions, record.request_id)


def told(
    context: ServerContext, record: RequestRecord, asked: Slot | Handle, error: BaseException
) -> SkerryError:
    """Return what the caller is told of an error; what a model raised goes to the log."""
    if isinstance(error, SkerryError):
        return error
    context.log.warning(
        "model_raised",
        request_id=record.request_id,
        model=asked.model,
        version=asked.version,
        exception=raised_text(error, record.input),
    )
    if isinstance(error, ValueError):
        return ValueOutOfRange(
            "the model can't compute with these values, though each is of the right type"
        )
    return ModelError(f"{asked.model}/{asked.version} raised on this request")
