"""The condition of ``skerry traffic promote --if``: numbers, comparisons, and, or, not.

What it may hold is checked node by node before anything is asked of a server; simpleeval, with
these operators and no function, evaluates it. Nothing is ever executed.
"""

from __future__ import annotations

import ast
import math
import operator
import warnings
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Self

from simpleeval import SimpleEval

_MAX_CHARACTERS = 1000
_MAX_DEPTH = 50
_COMPARISONS: dict[type[ast.AST], Callable[..., object]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
}
_ARITHMETIC: dict[type[ast.AST], Callable[..., object]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_SIGNS: dict[type[ast.AST], Callable[..., object]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
}
_OPERATORS = {**_COMPARISONS, **_ARITHMETIC, **_SIGNS, ast.Not: operator.not_}


class WrongCondition(ValueError):
    """The text is no condition; the message says where, and what one may hold."""


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that was checked. parts: all of them must hold."""

    parts: tuple[ast.expr, ...]

    @classmethod
    def parse(cls, text: str, names: Collection[str]) -> Self:
        """Read a condition over these names.

        Raises:
            WrongCondition: it is none, or uses another name.
        """
        root = _parse(text)
        _Check(tuple(names)).truth(root, 0)
        return cls(tuple(_conjuncts(root)))

    def objections(self, values: Mapping[str, float | None]) -> list[str]:
        """Return a sentence for every part that does not hold; none where the condition holds.

        A part does not hold where a name in it has no value, nor where it divides by zero.
        """
        found = [_objection(part, values) for part in self.parts]
        return [sentence for sentence in found if sentence is not None]

    def values_seen(self, values: Mapping[str, float | None]) -> str:
        """Return the values of its names, in the order in which they stand."""
        names = dict.fromkeys(name for part in self.parts for name in _names(part))
        return ", ".join(_shown(name, values.get(name)) for name in names)


class _Check:
    """Lets pass what a condition may hold, and nothing else."""

    def __init__(self, names: tuple[str, ...]) -> None:
        self._names = names

    def truth(self, node: ast.expr, depth: int) -> None:
        """Let a comparison pass, and what and, or, not make of comparisons."""
        _check_depth(depth)
        match node:
            case ast.BoolOp(values=values):
                for value in values:
                    self.truth(value, depth + 1)
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                self.truth(operand, depth + 1)
            case ast.Compare(left=left, ops=operators, comparators=others):
                for each in operators:
                    if type(each) not in _COMPARISONS:
                        raise self._refusal(node, "a comparison (== != < <= > >=)")
                for side in (left, *others):
                    self.number(side, depth + 1)
            case _:
                raise self._refusal(node, "a comparison, such as errors <= 0")

    def number(self, node: ast.expr, depth: int) -> None:
        """Let a number pass, a name, and what + - * / make of them."""
        _check_depth(depth)
        match node:
            case ast.Constant(value=value) if _is_number(value):
                return
            case ast.Name(id=name) if name in self._names:
                return
            case ast.BinOp(left=left, op=each, right=right) if type(each) in _ARITHMETIC:
                self.number(left, depth + 1)
                self.number(right, depth + 1)
            case ast.UnaryOp(op=each, operand=operand) if type(each) in _SIGNS:
                self.number(operand, depth + 1)
            case _:
                raise self._refusal(node, "a number, or a name that is known")

    def _refusal(self, node: ast.expr, expected: str) -> WrongCondition:
        got = ast.unparse(node)
        return WrongCondition(
            f"expected {expected}, got {got[:60]}; known names: {', '.join(self._names)}"
        )


def _parse(text: str) -> ast.expr:
    if len(text) > _MAX_CHARACTERS:
        raise WrongCondition(f"expected at most {_MAX_CHARACTERS} characters, got {len(text)}")
    if "#" in text:  # Python would pass over the rest of the line, and what it demands.
        raise WrongCondition("expected no comment, got #")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python's advice on code is none for conditions.
            return ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else str(error) or "nested too deeply"
        raise WrongCondition(
            f"expected comparisons joined by and, or, not, got {text[:60]!r}: {reason}"
        ) from error


def _is_number(value: object) -> bool:
    if isinstance(value, bool):  # Python takes True for a number.
        return False
    return isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))


def _check_depth(depth: int) -> None:
    if depth > _MAX_DEPTH:
        raise WrongCondition(f"expected at most {_MAX_DEPTH} levels, got more")


def _conjuncts(node: ast.expr) -> Iterator[ast.expr]:
    """Yield what must hold, so that an objection names the part that does not."""
    if isinstance(node, ast.BoolOp) and isinstance(node.op, ast.And):
        for value in node.values:
            yield from _conjuncts(value)
    else:
        yield node


def _objection(part: ast.expr, values: Mapping[str, float | None]) -> str | None:
    names = list(dict.fromkeys(_names(part)))
    known = {name: value for name in names if (value := values.get(name)) is not None}
    text = ast.unparse(part)
    seen = ", ".join(_shown(name, values.get(name)) for name in names) or "without a name"
    if len(known) < len(names):
        return f"{seen}: {text} is false"
    try:
        evaluator = SimpleEval(operators=_OPERATORS, functions={}, names=known)
        holds = evaluator.eval(text, previously_parsed=part)
    except ArithmeticError as error:
        return f"{seen}: {text} is false ({error})"
    return None if holds else f"{seen}: {text} is false"


def _names(part: ast.expr) -> Iterator[str]:
    for node in ast.walk(part):
        if isinstance(node, ast.Name):
            yield node.id


def _shown(name: str, value: float | None) -> str:
    return f"{name} is not known" if value is None else f"{name} = {value:.9g}"
