"""Reads PromQL by the metrics that a server really has: which labels a query's result bears.

A metric that nobody exports, or a label that it does not have, is an ``UnknownName``: Prometheus
would answer such a query with nothing, for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Set
from functools import cache
from typing import Any

import promql_parser as promql
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector

from skerry.telemetry.metrics import ALL, PREFIX, Kind

TARGET_LABELS = frozenset({"namespace", "job", "pod", "instance"})
"""What Prometheus adds to every series of a target; in Kubernetes by the chart's ServiceMonitor."""
_NO_VECTOR = frozenset({"scalar", "time", "vector"})

Labels = frozenset[str]


class UnknownName(Exception):
    """A metric or a label that there is not, or labels by which two sides can't be matched."""


@cache
def exported() -> Mapping[str, Labels]:
    """Return the labels of every series that a server exports, by name."""
    found = {"up": TARGET_LABELS}
    for metric in ALL:
        labels = TARGET_LABELS | set(metric.labels)
        name = PREFIX + metric.name
        if metric.kind is Kind.HISTOGRAM:
            found |= {f"{name}_sum": labels, f"{name}_count": labels}
            found[f"{name}_bucket"] = labels | {"le"}
        else:
            found[name] = labels
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    for family in registry.collect():
        for sample in family.samples:
            found[sample.name] = TARGET_LABELS | set(sample.labels)
    return found


def labels_of(query: str, recorded: Mapping[str, str] | None = None) -> Labels:
    """Return the labels that the result of a query may bear.

    recorded: expressions of recording rules by name; one may use those before it.

    Raises:
        UnknownName: the query names what there is not.
    """
    known = dict(exported())
    for name, expression in (recorded or {}).items():
        known[name] = _labels(promql.parse(expression), known)
    return _labels(promql.parse(query), known)


def series_of(query: str) -> set[str]:
    """Return the names of all series that a query reads."""
    names: set[str] = set()

    def visit(node: promql.Expr) -> None:
        if isinstance(node, promql.MatrixSelector):
            node = node.vector_selector
        if isinstance(node, promql.VectorSelector):
            names.add(node.name or "")

    promql.walk(promql.parse(query), visit)
    return names


def _labels(node: Any, known: Mapping[str, Labels]) -> Labels:
    match node:
        case promql.VectorSelector():
            return _selected(node, known)
        case promql.MatrixSelector():
            return _selected(node.vector_selector, known)
        case promql.AggregateExpr():
            return _aggregated(node, known)
        case promql.BinaryExpr():
            return _combined(node, known)
        case promql.Call():
            labels = frozenset().union(*(_labels(each, known) for each in node.args))
            if node.func.name == "histogram_quantile":
                _expect({"le"}, labels, node)
                return labels - {"le"}
            return frozenset() if node.func.name in _NO_VECTOR else labels
        case promql.ParenExpr() | promql.UnaryExpr() | promql.SubqueryExpr():
            return _labels(node.expr, known)
    return frozenset()  # A number or a text.


def _selected(node: promql.VectorSelector, known: Mapping[str, Labels]) -> Labels:
    labels = known.get(node.name or "")
    if labels is None:
        raise UnknownName(f"no metric is named {node.name}")
    _expect({matcher.name for matcher in node.matchers.matchers}, labels, node)
    return labels


def _aggregated(node: promql.AggregateExpr, known: Mapping[str, Labels]) -> Labels:
    labels = _labels(node.expr, known)
    if node.modifier is None:
        return frozenset()
    named = set(node.modifier.labels)
    _expect(named, labels, node)
    if node.modifier.type == promql.AggModifierType.By:
        return frozenset(named)
    return labels - named


def _combined(node: promql.BinaryExpr, known: Mapping[str, Labels]) -> Labels:
    left, right = _labels(node.lhs, known), _labels(node.rhs, known)
    if _is_number(node.lhs) or _is_number(node.rhs):
        return left | right
    modifier = node.modifier
    if modifier is None or modifier.matching is None:
        if left != right:
            raise UnknownName(f"{node.prettify()}: {sorted(left ^ right)} are on one side only")
        return left
    assert modifier.matching.type == promql.LabelModifierType.Include, (
        "ignoring() is not understood here"
    )
    named = set(modifier.matching.labels)
    _expect(named, left, node)
    _expect(named, right, node)
    one_to_one = modifier.card == promql.VectorMatchCardinality.OneToOne
    return frozenset(named) if one_to_one else left


def _is_number(node: Any) -> bool:
    """Tell whether a side is a number, such as ``1 / 60``."""
    if isinstance(node, promql.BinaryExpr):
        return _is_number(node.lhs) and _is_number(node.rhs)
    if isinstance(node, promql.ParenExpr):
        return _is_number(node.expr)
    return isinstance(node, promql.NumberLiteral)


def _expect(named: Set[str], labels: Labels, node: promql.Expr) -> None:
    unknown = sorted(named - labels)
    if unknown:
        raise UnknownName(f"{node.prettify()}: expected labels of {sorted(labels)}, got {unknown}")
