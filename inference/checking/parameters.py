"""Checks of parameters: there are some, they are found, and each has a gradient."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator

import numpy as np

from inference.checking.branches import used_elsewhere
from inference.checking.context import Context
from inference.checking.definition import Mistake, check

_MANY = 3  # names to write out


def _names(names: list[str]) -> str:
    shown = ", ".join(map(repr, names[:_MANY]))
    return shown + (f" and {len(names) - _MANY} more" if len(names) > _MANY else "")


@check(needs=("runs-together",))
def has_parameters(context: Context) -> Iterator[Mistake]:
    """There is something to train."""
    if not context.parameters:
        yield Mistake(
            "neither model nor guide has a parameter; register networks (pyro.module, nnx_module, "
            "or a pair that is an nn.Module with pyro.module in model and guide) or write param "
            "statements."
        )


@check(needs=("runs-together",))
def networks_are_registered(context: Context) -> Iterator[Mistake]:
    """Every network is registered."""
    _ = context.parameters
    missing = context.probe.unregistered([site.name for site in context.structure.latents])
    used, held = context.probe.networks_used(missing) if missing else (set(), set())
    for name in missing:
        said = (
            f"the pair holds the network {name!r}, but model and guide register none of its "
            "parameters, so it would never be trained"
        )
        if name in used:
            yield Mistake(
                f"{said}; call pyro.module or nnx_module on it in the model or guide that uses it."
            )
        else:
            how = "it is used without gradients alone" if name in held else "neither calls it"
            yield Mistake(
                f"{said}. That is right for what was trained before, or elsewhere: {how}.",
                level="note",
            )


@check(needs=("runs-together",))
def parameters_are_finite(context: Context) -> Iterator[Mistake]:
    """Parameters begin at finite values."""
    for name, parameter in context.parameters.items():
        if not np.isfinite(parameter.value).all():
            yield Mistake(f"parameter {name!r} begins at NaN or infinity; mend its initial value.")


@check(needs=("runs-together",))
def parameters_in_range(context: Context) -> Iterator[Mistake]:
    """Parameters begin inside of their constraint."""
    for name, parameter in context.parameters.items():
        if not parameter.inside:
            yield Mistake(
                f"parameter {name!r} begins outside of its constraint ({parameter.constraint}); "
                "give an initial value inside."
            )


@check(needs=("runs-together",))
def parameters_are_trained(context: Context) -> Iterator[Mistake]:
    """No parameter is frozen."""
    frozen = context.probe.frozen()
    if frozen:
        yield Mistake(
            f"{_names(frozen)} has requires_grad=False and stays as it is, which is right for what "
            "was trained before, such as a baseline; else remove requires_grad_(False).",
            level="note",
        )


_GRADIENTS = (
    "runs-together",
    "guide-proposes-all",
    "has-parameters",
    "finite-log-p",
    "finite-log-q",
)


def gradients_of(context: Context) -> list[str]:
    """The gradients that the pair has."""
    if context.does_nothing:
        return []
    if context.generates:
        return ["draw"]
    proposals = context.structure.proposals
    found = ["model"]
    if proposals and context.holds_draws:
        found.append("guide")
    if proposals and all(site.reparameterised for site in proposals):
        found.append("path")
    return found


@check(needs=_GRADIENTS)
def gradients_exist(context: Context) -> Iterator[Mistake]:
    """Gradients of log p and log q can be worked out."""
    for which in gradients_of(context):
        context.slopes(which)
    yield from ()


@check(needs=("gradients-exist",))
def gradients_are_finite(context: Context) -> Iterator[Mistake]:
    """Gradients are finite."""
    for which in gradients_of(context):
        bad = [n for n, g in context.slopes(which).gradient.items() if not np.isfinite(g).all()]
        if bad:
            yield Mistake(
                f"the gradient by {_names(bad)} is NaN or infinite though the density is finite; "
                "look for sqrt or norm at 0, or where(...) around a branch that is not finite."
            )
            return


def _without_gradient(context: Context, part: str) -> list[str]:
    """Parameters of a part that have no gradient, here or in another call of the program's."""
    none = without_gradient_here(context, part)
    none = [name for name in none if name not in _alive_far_off(context)] if none else []
    shorter = context.shorter if none else None
    if shorter is not None and not shorter.does_nothing:  # a classifier of rows without a label
        with contextlib.suppress(Exception):
            dead = _without_gradient(shorter, "model") + _without_gradient(shorter, "guide")
            return [name for name in none if name in dead]
    used = used_elsewhere(context, none) if none else ()
    return [name for name in none if name not in used]


def _alive_far_off(context: Context) -> set[str]:
    """Parameters with a gradient at other values: what rectified units let through is by chance."""
    found = set[str]()
    for seed, which in itertools.product(range(3), gradients_of(context)):
        with contextlib.suppress(Exception):  # so far from where they begin nothing need be defined
            gradient = context.slopes(which, seed, shift=1.0).gradient
            found |= {name for name, slope in gradient.items() if slope is not None and slope.any()}
    return found


def without_gradient_here(context: Context, part: str) -> list[str]:
    """Parameters of a part that have no gradient in this call."""
    run = context.guide if part == "guide" else context.model
    none, own = [], gradients_of(context)
    if part == "guide" and not {"guide", "path"} & set(own):
        return []  # no gradient is known that goes through them
    for name in dict.fromkeys(each for each in run.parameters if each not in run.baselines):
        slopes = [context.slopes(which).gradient.get(name) for which in own]
        known = [slope for slope in slopes if slope is not None and slope.size]  # of none: nothing
        if known and not any(slope.any() for slope in known):
            none.append(name)
    return none


@check(needs=("gradients-exist",))
def model_parameters_have_gradients(context: Context) -> Iterator[Mistake]:
    """Every parameter of the model has a gradient."""
    none = _without_gradient(context, "model")
    frozen = [name for name in none if _frozen(context, name)]
    if frozen and not _any_gradient(context):
        yield Mistake(
            f"{'what the model draws' if context.generates else 'the log density'} depends on "
            f"{_names(frozen)}, but no parameter of the pair has a gradient, so that nothing can "
            "be trained; look for .detach(), .data, no_grad() or stop_gradient."
        )
    elif frozen:
        yield Mistake(_is_frozen(frozen), level="note")
    lent = [name for name in none if name not in frozen and name in context.model.lent]
    if lent:
        said = "which the library itself asks for where it puts latents into another form."
        yield Mistake(f"the log density does not depend on {_names(lent)}, {said}", level="note")
    unused = [name for name in none if name not in (*frozen, *lent)]
    left = context.probe.children_left_out(unused) if unused else set[str]()
    if left and _any_gradient(context):
        said = "came with an object that is registered whole, of which nothing here calls these."
        yield Mistake(f"{_names(sorted(left))} {said}", level="note")
        unused = [name for name in unused if name not in left]
    if unused:
        yield Mistake(
            f"the log density does not depend on the model's {_names(unused)}; use it or remove it."
        )


@check(needs=("gradients-exist",))
def guide_parameters_have_gradients(context: Context) -> Iterator[Mistake]:
    """Every parameter of the guide has a gradient."""
    none = _without_gradient(context, "guide")
    switched_off = context.probe.without_gradients("guide") if none else set()
    held = [name for name in none if name in switched_off]
    if held and _any_gradient(context):
        yield Mistake(_is_frozen(held), level="note")
        none = [name for name in none if name not in held]
    if none and context.library_guide:
        yield Mistake(
            f"the bound does not depend on {_names(none)} of the library's own guide: where they "
            "begin, at least, they change nothing.",
            level="note",
        )
    elif none:
        yield Mistake(
            f"the bound does not depend on the guide's {_names(none)}, or its gradient is cut; use "
            "it, remove it, or look for .detach(), .data, no_grad() or stop_gradient."
        )


def _is_frozen(names: list[str]) -> str:
    return (
        f"{_names(names)} is used, but without a gradient, and stays as it is. That is right for "
        "what was trained before; else look for .detach(), .data, no_grad() or stop_gradient."
    )


def _frozen(context: Context, name: str) -> bool:
    """Whether a parameter changes a density, or a draw, that has no gradient by it."""
    for which in gradients_of(context):
        slopes = context.slopes(which, along=frozenset([name]))
        if abs(slopes.difference) > slopes.rounding + 1e-6:
            return True
    return False


def _any_gradient(context: Context) -> bool:
    every = (context.slopes(which).gradient.values() for which in gradients_of(context))
    return any(slope.any() for slopes in every for slope in slopes)
