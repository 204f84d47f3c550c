"""Many rows through boosted trees of few leaves: feature by feature, all trees at once.

The leaves of a tree are bits, the leftmost one the lowest. A split that sends a row to the right
takes away the leaves on its left; whatever the other splits do, the lowest bit that is left is the
row's leaf. Each feature has a table of what its splits leave in every tree, by how many of their
thresholds lie below a value. A row costs a search and a line of the table for each feature, and has
no branches, which a processor guesses wrongly half of the time.

Source: Lucchese et al., "QuickScorer: A Fast Algorithm to Rank Documents with Additive Ensembles of
Regression Trees", SIGIR 2015.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from skerry.runtimes.compiled.base import Matrix

Side = Literal["left", "right"]
_DTYPES = (np.uint8, np.uint16, np.uint32, np.uint64)
_MAX_LEAVES = 64
_TREES_BITS = 4096  # Trees at once times bits a tree, so that the tables stay in the cache.
_ROWS_AT_ONCE = 256
_MAX_BYTES = 32 * 2**20
_TABLE_PER_TREE = 32  # A table costs as much as so many rows of a tree in Treelite, or fewer.
_SIDES: Mapping[int, Side] = {2: "right", 3: "left"}
"""Treelite's ``Operator``, kLT and kLE: what goes to the left is less than the threshold, or at
most it. To ``searchsorted``, on which side of equal thresholds a value lies."""


class _Split(NamedTuple):
    """lost: leaves that a row loses by going right. missing_left: NaN goes left."""

    feature: int
    threshold: float
    lost: int
    missing_left: bool


class _Tree(NamedTuple):
    """leaves: their values, from left to right. sides: of its splits."""

    class_id: int
    sides: set[Side]
    splits: Sequence[_Split]
    leaves: Sequence[float]


class _Table(NamedTuple):
    """The splits of one feature.

    thresholds: ascending. left: [n_thresholds + 2, n_trees], the leaves that are left in each tree
    where so many thresholds lie below the value; last, where there is no value.
    """

    feature: int
    thresholds: NDArray[np.float64]
    left: NDArray[Any]


class _Group(NamedTuple):
    """Trees that are asked at once, those of one class beside each other.

    values: of all leaves, of the sums' dtype. starts: where each tree's begin, [n_trees].
    class_ids: whose trees these are. firsts: the first tree of each of them.
    """

    tables: Sequence[_Table]
    values: NDArray[Any]
    starts: NDArray[np.intp]
    class_ids: NDArray[np.intp]
    firsts: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class LeafBits:
    """The sums of all trees, for many rows.

    base: [n_classes], what the trees add to; of the dtype of the sums.
    in_order: one tree is added after the other, so that the last bits are those of such a loop.
    pays_from: rows from which on this takes less time than Treelite.
    """

    groups: Sequence[_Group]
    side: Side
    base: NDArray[Any]
    in_order: bool
    pays_from: int

    def __call__(self, matrix: Matrix) -> NDArray[Any]:
        """Return [n_rows, n_classes] for [n_rows, n_features]; several threads may call."""
        found = np.empty((len(matrix), len(self.base)), dtype=self.base.dtype)
        found[:] = self.base
        for start in range(0, len(matrix), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            columns = np.ascontiguousarray(matrix[rows].T)
            missing = np.isnan(columns) if np.isnan(columns).any() else None
            for group in self.groups:
                each = group.values.take(_leaves(group, self.side, columns, missing))
                if self.in_order:
                    _add_in_order(found[rows], each, group)
                else:
                    found[rows, group.class_ids] += np.add.reduceat(each, group.firsts, axis=1)
        return found


def leaf_bits(model: Any, base: NDArray[Any] | None = None) -> LeafBits | None:
    """Return the sums of a Treelite model's trees; None where its trees are too large for this.

    model: of one target, with a number for each leaf.
    base: [n_classes], what the trees add to one after the other, in its dtype; None for the
        model's own, and for any order.
    """
    header = model.get_header_accessor()
    class_ids = header.get_field("class_id").tolist()
    trees: list[_Tree] = []
    for class_id, i in sorted(zip(class_ids, range(model.num_tree), strict=True)):
        tree = _tree(model.get_tree_accessor(i), class_id)
        if tree is None:
            return None
        trees.append(tree)
    sides = {side for tree in trees for side in tree.sides}
    if len(sides) > 1:
        return None
    dtype = _dtype(max(len(tree.leaves) for tree in trees))
    at_once = _TREES_BITS // (8 * dtype().itemsize)
    n_splits = sum(len(tree.splits) for tree in trees)
    if n_splits * min(at_once, len(trees)) * dtype().itemsize > _MAX_BYTES:
        return None
    start = np.array(header.get_field("base_scores"), dtype=np.float64) if base is None else base
    groups = [
        _group(trees[i : i + at_once], dtype, start.dtype) for i in range(0, len(trees), at_once)
    ]
    n_tables = sum(len(group.tables) for group in groups)
    pays_from = max(2, _TABLE_PER_TREE * n_tables // len(trees))
    return LeafBits(groups, sides.pop() if sides else "left", start, base is not None, pays_from)


def _add_in_order(into: NDArray[Any], each: NDArray[Any], group: _Group) -> None:
    """Add the trees' numbers to the sums, the first tree's first. each: [n_rows, n_trees]."""
    ends = [*group.firsts[1:], each.shape[1]]
    for class_id, first, end in zip(group.class_ids, group.firsts, ends, strict=True):
        numbers = np.column_stack([into[:, class_id], each[:, first:end]])
        into[:, class_id] = np.add.accumulate(numbers, axis=1)[:, -1]


def _leaves(
    group: _Group,
    side: Side,
    columns: NDArray[np.float64],
    missing: NDArray[np.bool_] | None,
) -> NDArray[np.intp]:
    """Return the place among the values of each row's leaf in each tree: [n_rows, n_trees]."""
    left = None
    for feature, thresholds, lines in group.tables:
        line = thresholds.searchsorted(columns[feature], side)
        if missing is not None:
            line[missing[feature]] = len(lines) - 1
        mine = lines.take(line, axis=0)
        left = mine if left is None else np.bitwise_and(left, mine, out=left)
    if left is None:  # Trees without a split.
        return np.broadcast_to(group.starts, (columns.shape[1], len(group.starts)))
    # What is below the lowest bit has as many bits as the leaf has leaves on its left.
    below = ~left & (left - left.dtype.type(1))
    leaves: NDArray[np.intp] = np.bitwise_count(below).astype(np.intp)
    leaves += group.starts
    return leaves


def _tree(accessor: Any, class_id: int) -> _Tree | None:
    """Read one tree; None where it has too many leaves, or splits of another kind."""
    fields = (
        accessor.get_field(name).tolist()
        for name in ("cleft", "cright", "split_index", "threshold", "default_left", "leaf_value")
    )
    lefts, rights, features, thresholds, missing_left, values = fields
    is_split = accessor.get_field("cleft") >= 0
    n_leaves = int((~is_split).sum())
    operators = set(accessor.get_field("cmp")[is_split].tolist())
    is_usual = operators <= _SIDES.keys() and not accessor.get_field("has_categorical_split").any()
    if n_leaves > _MAX_LEAVES or not is_usual:
        return None
    leaves: list[float] = []
    splits: list[_Split] = []

    def below(node: int) -> int:
        """Return the leaves below a node, and note them and the splits."""
        if lefts[node] < 0:
            leaves.append(values[node])
            return 1 << (len(leaves) - 1)
        lost = below(lefts[node])
        splits.append(
            _Split(features[node], thresholds[node], lost, missing_left=bool(missing_left[node]))
        )
        return lost | below(rights[node])

    below(0)
    return _Tree(class_id, {_SIDES[operator] for operator in operators}, splits, leaves)


def _dtype(n_leaves: int) -> type[np.unsignedinteger[Any]]:
    return next(dtype for dtype in _DTYPES if n_leaves <= 8 * dtype().itemsize)


def _group(
    trees: Sequence[_Tree], dtype: type[np.unsignedinteger[Any]], value_dtype: np.dtype[Any]
) -> _Group:
    by_feature: defaultdict[int, list[tuple[_Split, int]]] = defaultdict(list)
    for t, tree in enumerate(trees):
        for split in tree.splits:
            by_feature[split.feature].append((split, t))
    tables = [_table(j, by_feature[j], len(trees), dtype) for j in sorted(by_feature)]
    values = np.array([value for tree in trees for value in tree.leaves], dtype=value_dtype)
    starts = np.cumsum([0, *(len(tree.leaves) for tree in trees[:-1])], dtype=np.intp)
    class_ids, firsts = np.unique([tree.class_id for tree in trees], return_index=True)
    return _Group(tables, values, starts, class_ids, firsts)


def _table(
    feature: int,
    splits: Sequence[tuple[_Split, int]],
    n_trees: int,
    dtype: type[np.unsignedinteger[Any]],
) -> _Table:
    """Tabulate the splits of one feature, each with the number of its tree."""
    splits = sorted(splits, key=lambda pair: pair[0].threshold)
    left = np.full((len(splits) + 2, n_trees), np.iinfo(dtype).max, dtype=dtype)
    for k, (split, t) in enumerate(splits):
        kept = dtype(np.iinfo(dtype).max - split.lost)
        left[k + 1, t] = kept
        if not split.missing_left:
            left[-1, t] &= kept
    np.bitwise_and.accumulate(left[:-1], axis=0, out=left[:-1])
    return _Table(feature, np.array([split.threshold for split, _ in splits]), left)
