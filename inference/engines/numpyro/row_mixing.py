"""Whether operations may carry what belongs to one row into another, read off without running them.

An array that holds rows has an axis as long as there are rows. What works entry by entry, or along
other axes, leaves rows apart; of the rest it is not known.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax.extend.core import Literal

_WORDS = """
    abs acos acosh add add_any and asin asinh atan atan2 atanh broadcast_in_dim cbrt ceil clamp
    convert_element_type copy copy_p cos cosh digamma div eq erf erf_inv erfc exp exp2 expand_dims
    expm1 floor ge gt igamma igammac integer_pow is_finite le lgamma log log1p logistic lt max min
    mul ne neg not or pow regularized_incomplete_beta rem round rsqrt select_n sign sin sinh sqrt
    square squeeze stack stop_gradient sub tan tanh transpose xor
"""
_ENTRY_BY_ENTRY = frozenset(_WORDS.split())
_REDUCED = frozenset("reduce_" + of for of in ("sum", "max", "min", "prod", "and", "or"))
_AXIS = {"cumsum": "axis", "cumprod": "axis", "cummax": "axis", "cummin": "axis"} | {
    "cumlogsumexp": "axis",
    "split": "axis",
    "sort": "dimension",
    "concatenate": "dimension",
}


def may_mix(function: Callable[..., Any], arguments: Any, rows: int) -> bool:
    """Whether results of a function may depend on an argument's other rows.

    Args:
        function: is traced and not run.
        arguments: its argument, a tree of arrays, some with so many rows.
        rows: how many.
    """
    traced = jax.make_jaxpr(function)(arguments).jaxpr
    return _follow(traced, [True] * len(traced.invars), rows) is None


def _follow(jaxpr: Any, marked: Sequence[bool], rows: int) -> list[bool] | None:
    """Which results depend on marked arguments; None where rows may be mixed on the way."""
    seen = {var for var, mark in zip(jaxpr.invars, marked, strict=True) if mark}

    def has(var: Any) -> bool:
        return not isinstance(var, Literal) and var in seen

    for each in jaxpr.eqns:
        marks = [has(var) for var in each.invars]
        if not any(marks):
            continue
        found: list[bool] | None = None
        inner = each.params.get("jaxpr", each.params.get("call_jaxpr"))
        inner = getattr(inner, "jaxpr", inner)
        if inner is not None and each.primitive.name not in ("scan", "while", "cond"):
            found = _follow(inner, marks, rows)
        elif _keeps_rows(each, marks, rows):
            found = [True] * len(each.outvars)
        if found is None:
            return None
        seen |= {var for var, mark in zip(each.outvars, found, strict=True) if mark}
    return [has(var) for var in jaxpr.outvars]


def _keeps_rows(each: Any, marks: Sequence[bool], rows: int) -> bool:
    name, given = each.primitive.name, each.params
    shapes = [var.aval.shape for var in each.invars]
    first = shapes[0]
    if name in _ENTRY_BY_ENTRY:
        return True
    if name in _REDUCED or name in ("argmax", "argmin"):
        return all(first[axis] != rows for axis in given["axes"])
    if name in _AXIS:
        return all(shape[given[_AXIS[name]]] != rows for shape in shapes)
    if name == "dot_general":
        sums = zip(shapes, given["dimension_numbers"][0], strict=True)
        return all(shape[axis] != rows for shape, axes in sums for axis in axes)
    if name == "reshape":
        return _to_rows(first, rows) == _to_rows(each.outvars[0].aval.shape, rows)
    if name in ("slice", "dynamic_slice"):
        result = each.outvars[0].aval.shape
        return all(size == kept for size, kept in zip(first, result, strict=True) if size == rows)
    if name == "gather":  # of what no row has made, at a place that each row names
        return not marks[0]
    if name == "conv_general_dilated":
        batch = given["dimension_numbers"].lhs_spec[0]
        return not marks[1] and all(s != rows for n, s in enumerate(first) if n != batch)
    return False


def _to_rows(shape: Sequence[int], rows: int) -> tuple[int, int]:
    """How many entries lie before the axis of the rows, and how many after it; none: -1."""
    if rows not in shape:
        return -1, math.prod(shape)
    place = list(shape).index(rows)
    return math.prod(shape[:place]), math.prod(shape[place:])
