"""From a fitted object to a servable: refuse, infer, probe, prove. Runs once, when loading."""

from __future__ import annotations

import platform
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
import sklearn
from sklearn.base import is_classifier, is_outlier_detector, is_regressor
from sklearn.exceptions import NotFittedError
from sklearn.utils.validation import check_is_fitted

from skerry.core.errors import Unsupported
from skerry.core.phases import begin_phase
from skerry.core.plan import Executor, Parity, Plan
from skerry.core.rows import Predictions, Rows
from skerry.core.servable import ServableInfo
from skerry.core.signature import Output, Signature, Task
from skerry.runtimes.answers import (
    Answers,
    Shape,
    as_labels,
    joined,
    outputs_of,
    shape_of,
    split_probabilities,
)
from skerry.runtimes.base import Known, LoadOptions
from skerry.runtimes.compiled.answering import Answer, Answered
from skerry.runtimes.model_input import ModelInput
from skerry.runtimes.native import Native
from skerry.runtimes.nested import class_path, nested_estimators, serve_alone
from skerry.runtimes.one_call import label_rule
from skerry.runtimes.planning.planner import Planner
from skerry.runtimes.planning.proof import TOLERANCES, Proof
from skerry.runtimes.samples import draw_rows
from skerry.runtimes.signature_inference import InferredInput, infer_input
from skerry.runtimes.simplification import (
    as_matrix,
    same_labels,
    same_predictions,
    skips_finite_checks,
)
from skerry.runtimes.sklearn_servable import ScikitServable
from skerry.runtimes.warning_capture import captured_warnings

_PROBE_ROWS = 64
_INDEPENDENT_ROWS = 8
_SLOW = "it takes seconds to answer, so nulls and ranges were not tried; package it with --data"
_NOT_PROBED = "it answered none of the rows it was tried with; its signature is a guess"


def prepare(
    model: Any, known: Known, options: LoadOptions, warnings: tuple[str, ...]
) -> ScikitServable:
    """Return a servable for ``model``, which belongs to it from now on.

    Raises:
        Unsupported: it can't be served, for the reason given.
    """
    with captured_warnings(), np.errstate(all="ignore"):
        _refuse(model)
        serve_alone(model)
        inferred = infer_input(model, model.predict, known.signature)
        probes = _probe_rows(model, inferred)
        answers, outputs, first = _ask(model, inferred.model_input, probes)
        model_input, random = inferred.model_input, False
        if probes is not None and not inferred.is_slow:
            second = answers.of(model_input.of(probes), probes.n_rows)
            random = not same_predictions(first, second)
            model_input = as_matrix(
                model, model_input, lambda form: answers.of(form.of(probes), probes.n_rows)
            )
            if not random:
                answers = _in_one_call(answers, model_input, probes, first)
        else:
            warnings = (*warnings, _NOT_PROBED if probes is None else _SLOW)
        native = Native(model_input, answers, skips_finite_checks(model))
        signature, packages = Signature(inferred.features, outputs), _packages(model)
        plan, batch_rows = Plan.of_one(Executor.SKLEARN, options.parity), 1
        compiled: Mapping[Executor, Answer] = {}
        if probes is not None and not random:
            begin_phase("plan")
            planner = Planner(native, signature, probes, known, options, packages, inferred.is_slow)
            plan, compiled = planner.plan()
            batch_rows = _batch_rows(native, plan, signature, probes)
        info = ServableInfo(
            signature=signature,
            task=_task(model),
            estimator=class_path(model),
            packages=packages,
            plan=plan,
            has_probabilities=answers.shape is not Shape.NONE,
            draws_at_random=random,
            batch_rows=batch_rows,
            warnings=warnings,
        )
        return ScikitServable(info, native, compiled)


def _refuse(model: Any) -> None:
    if isinstance(model, type):
        raise Unsupported(f"it is the class {model.__name__}, not a fitted object of it")
    name = class_path(model)
    try:
        if not callable(getattr(model, "predict", None)):
            raise Unsupported(f"{name} has no predict{_why_no_predict(model)}")
        if hasattr(model, "fit"):
            check_is_fitted(model)
    except NotFittedError as error:
        raise Unsupported(f"{name} is not fitted: fit it before it is saved") from error


def _why_no_predict(model: Any) -> str:
    if isinstance(model, dict | list | tuple):
        return ": save the fitted model itself, not a collection that holds it"
    if getattr(model, "novelty", None) is False:
        return ": it predicts new rows only when fitted with novelty=True"
    if getattr(model, "refit", None) is False:
        return ": it keeps a model only when fitted with refit=True"
    return ""


def _probe_rows(model: Any, inferred: InferredInput) -> Rows | None:
    """Return drawn rows that the model answers, else the one that it was seen to answer."""
    if inferred.is_slow and inferred.accepted is not None:
        return inferred.accepted
    try:
        drawn = draw_rows(Signature(inferred.features, ()), _PROBE_ROWS, seed=0)
    except ValueError:  # a range in the manifest that holds no whole number
        return inferred.accepted
    if _answered(model, inferred.model_input, drawn):
        return drawn
    kept = [
        i for i in range(drawn.n_rows) if _answered(model, inferred.model_input, drawn.take([i]))
    ]
    return drawn.take(kept) if kept else inferred.accepted


def _answered(model: Any, model_input: ModelInput, rows: Rows) -> bool:
    try:
        model.predict(model_input.of(rows))
    except Exception:  # noqa: BLE001 - whatever it raises, it does not take these rows
        return False
    return True


def _ask(
    model: Any, model_input: ModelInput, probes: Rows | None
) -> tuple[Answers, tuple[Output, ...], Predictions]:
    """Find out how the model answers, from one answer of each kind; return that, too."""
    if probes is None:
        classes = getattr(model, "classes_", None)
        labels = np.zeros(1) if classes is None else np.asarray(classes)[:1]
        outputs = outputs_of(model, labels, Shape.NONE, ())
        return Answers(model, Shape.NONE), outputs, Predictions(labels)
    given = model_input.of(probes)
    labels = as_labels(model.predict(given))
    try:
        probabilities = model.predict_proba(given)
    except Exception:  # noqa: BLE001 - a model may have the method and not the means
        outputs = outputs_of(model, labels, Shape.NONE, ())
        return Answers(model, Shape.NONE), outputs, Predictions(labels)
    shape = shape_of(labels, probabilities)
    widths: list[int] = []
    if shape is Shape.SINGLE:
        widths = [np.asarray(probabilities).shape[1]]
    elif shape is Shape.SEVERAL:
        widths = [np.asarray(each).shape[1] for each in probabilities]
    outputs = outputs_of(model, labels, shape, widths)
    return Answers(model, shape), outputs, joined(shape, labels, probabilities)


def _in_one_call(
    answers: Answers, model_input: ModelInput, probes: Rows, expected: Predictions
) -> Answers:
    """Return answers from ``predict_proba`` alone where that is proved to be enough."""
    model = answers.model
    rule = label_rule(model, answers.shape, expected.labels)
    if rule is None:
        return answers
    probabilities = model.predict_proba(model_input.of(probes))
    several = probabilities if isinstance(probabilities, list) else [probabilities]
    if any(np.asarray(each).dtype != np.float64 for each in several):
        return answers
    labels, uncertain = rule(split_probabilities(answers.shape, probabilities))
    sure = slice(None) if uncertain is None else ~uncertain
    holds = same_labels(labels[sure], expected.labels[sure])
    return Answers(model, answers.shape, rule) if holds else answers


def _batch_rows(native: Native, plan: Plan, signature: Signature, probes: Rows) -> int:
    """Return how many rows of several requests one call may answer.

    A model may look at all rows of a call, to centre them for instance: then a caller's answer
    would depend on who else asks. A compiled form has been asked rows alone and together already.
    """
    if plan.batch_rows == 1 or plan.executor_for(1) is not Executor.SKLEARN:
        return plan.batch_rows
    if probes.n_rows < 2:
        return 1
    rows = probes.take(range(min(_INDEPENDENT_ROWS, probes.n_rows)))
    proof = Proof(signature, TOLERANCES[Parity.EXACT])
    together = native.ask(rows)
    proof.compare(rows, together, lambda each: Answered(native.ask(each), None))
    return plan.batch_rows if proof.holds else 1


def _task(model: Any) -> Task:
    try:
        if is_classifier(model):
            return Task.CLASSIFICATION
        if is_regressor(model):
            return Task.REGRESSION
        if is_outlier_detector(model):
            return Task.OUTLIER_DETECTION
    except AttributeError:
        pass  # It has predict, and no other relation to scikit-learn.
    if hasattr(model, "classes_"):
        return Task.CLASSIFICATION
    groups = hasattr(model, "fit_predict") or hasattr(model, "n_components")
    return Task.CLUSTERING if groups else Task.REGRESSION


def _packages(model: Any) -> dict[str, str]:
    """Return the versions of what serves: Python, scikit-learn, numpy, and what wraps the model."""
    found = {
        "python": platform.python_version(),
        "scikit-learn": sklearn.__version__,
        "numpy": np.__version__,
    }
    for estimator in nested_estimators(model):
        top = type(estimator).__module__.split(".", 1)[0]
        version = getattr(sys.modules.get(top), "__version__", None)
        if top not in ("sklearn", "numpy", "scipy") and isinstance(version, str):
            found[top] = version
    return found
