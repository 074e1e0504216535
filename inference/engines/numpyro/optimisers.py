"""What `fit` accepts as an optimiser on NumPyro."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Sequence
from typing import Any, cast

import jax
import jax.numpy as jnp
import optax
from numpyro.optim import _NumPyroOptim

from inference.descriptions import said
from inference.errors import ArgumentError
from inference.literals import spelled
from inference.program.phases import Phase
from inference.program.program import OWNED
from inference.program.schedules import multiplier
from inference.program.trainer import Settings


def build_optimiser(
    optimiser: Any,
    learning_rate: float | None,
    schedule: Any,
    total_steps: int | None,
    clip_norm: float | None,
) -> Any:
    """An optimiser for `numpyro.infer.SVI`.

    Args:
        optimiser: None for Adam; a `numpyro.optim` object; an optax transformation; or an optax
            constructor such as `optax.adamw`, which is called with the learning rate, or the name
            of one with settings, such as `"adam:b1=0.5"`.
        learning_rate: for Adam or the constructor; 1e-3 by default.
        schedule: a factor on the learning rate (see `inference.program.schedules.multiplier`).
        total_steps: the number of steps of the whole run, if it is known.
        clip_norm: largest global norm of the gradient, or None.

    Raises:
        ArgumentError: if it is none of these, or if an argument could have no effect.
    """
    if isinstance(optimiser, str):
        optimiser = _named(optimiser)
    ready = isinstance(optimiser, (optax.GradientTransformation, _NumPyroOptim))
    if ready and (learning_rate is not None or schedule is not None):
        raise ArgumentError(
            "learning_rate= and schedule= cannot reach inside a finished optimiser; give them to "
            "it, for example optax.adam(optax.cosine_decay_schedule(1e-3, 10_000))."
        )
    if isinstance(optimiser, _NumPyroOptim):
        if clip_norm is not None:
            raise ArgumentError(
                "clip_norm= cannot be added to a numpyro.optim object; use an optax optimiser or "
                "numpyro.optim.ClippedAdam."
            )
        return optimiser
    if not ready:
        constructor = optax.adam if optimiser is None else optimiser
        if not callable(constructor):
            raise ArgumentError(
                "optimizer= of a NumPyro pair must be an optax transformation or constructor, or a "
                f"numpyro.optim object; got {type(optimiser).__name__}."
            )
        # As a float: a whole number beyond 64 bits is none of jax's.
        rate = 1e-3 if learning_rate is None else float(learning_rate)
        factor = multiplier(schedule, total_steps, jnp.cos)
        try:
            if factor is not None:
                _check_traced(factor)
            made = constructor(rate if factor is None else lambda step: rate * factor(step))
        except (TypeError, AttributeError) as error:
            raise ArgumentError(
                "optimizer= and schedule= of a NumPyro pair must be an optax constructor, which "
                f"takes a learning rate, and a function from the step to a factor on it: {error}."
            ) from error
        if not isinstance(made, optax.GradientTransformation):
            raise ArgumentError(
                "optimizer= must make an optax transformation from a learning rate."
            )
        optimiser = made
    if clip_norm is None:
        return optimiser
    clip: Any = optax.clip_by_global_norm(float(clip_norm))
    return optax.chain(clip, cast(optax.GradientTransformation, optimiser))


def _check_traced(factor: Any) -> None:
    """Check that a schedule is one number to a compiled step, too, which it sees no value of.

    Raises:
        ArgumentError: if it is not.
    """
    try:
        found = jax.eval_shape(lambda step: jnp.asarray(factor(step)), jnp.int32(0))
        why = f"it is {found.dtype} of shape {found.shape}"
    except (TypeError, AttributeError, ValueError) as error:
        found, why = None, f"it raises {type(error).__name__}: {said(error)}"
    if found is None or found.shape != () or found.dtype.kind not in "biuf":
        raise ArgumentError(
            "schedule must be a function of jax from the step to a factor on the learning rate; "
            f"of a step within a compiled loop {why}. Use jax.numpy in it: jnp.where for a "
            "condition, such as lambda step: jnp.where(step < 100, 1.0, 0.1)."
        )


def _named(text: str) -> Any:
    try:
        name, settings = spelled(text)
        constructor = getattr(optax, name)
        inspect.signature(constructor).bind(1e-3, **settings)
    except (ValueError, TypeError, AttributeError) as error:
        raise ArgumentError(
            f"optimizer={text!r} is no constructor of optax with settings of its own, such as "
            f"'adam:b1=0.5': {str(error).rstrip('.')}."
        ) from error
    return functools.partial(constructor, **settings)


def optimiser_of(settings: Settings, phases: Sequence[Phase]) -> Any:
    """The optimiser of the run, or, where sides take turns, of both sides."""

    def build(learning_rate: float | None, steps: int | None) -> Any:
        return build_optimiser(
            settings.optimiser, learning_rate, settings.schedule, steps, settings.clip_norm
        )

    if not phases:
        return build(settings.learning_rate, settings.total_steps)
    own, pair = settings.sides(phases)
    pair_side, own_side = (
        (build(side.learning_rate, side.total_steps), side.clip) for side in (pair, own)
    )
    return by_owner(pair_side, own_side)


def by_owner(pair: tuple[Any, float | None], own: tuple[Any, float | None]) -> Any:
    """One optimiser for the pair's parameters beside another for what the objective owns.

    A side whose gradient is zero throughout takes no step, so that neither momentum nor weight
    decay moves it when it is not its turn.

    Args:
        pair: an optax transformation or a `numpyro.optim` object, and the largest absolute value
            of a parameter, or None.
        own: the same for what the objective owns.

    Raises:
        ArgumentError: if what a `numpyro.optim` object moves shall be clipped.
    """
    if any(clip is not None and isinstance(side, _NumPyroOptim) for side, clip in (pair, own)):
        raise ArgumentError(
            "a numpyro.optim object keeps the parameters in its state, so that a critic's cannot "
            "be clipped; pass an optax optimiser, such as optimizer=optax.rmsprop."
        )
    sides = {
        owned: (_transformation(side), clip) for owned, (side, clip) in ((False, pair), (True, own))
    }

    def part(tree: Any, *, owned: bool) -> dict[str, Any]:
        return {name: leaf for name, leaf in tree.items() if name.startswith(OWNED) == owned}

    def init(params: Any) -> Any:
        return tuple(side.init(part(params, owned=owned)) for owned, (side, _) in sides.items())

    def update(updates: Any, state: Any, params: Any = None) -> Any:
        moved, states = {}, []
        for (owned, (side, clip)), before in zip(sides.items(), state, strict=True):
            mine, values = part(updates, owned=owned), part(params, owned=owned)
            steps, after = side.update(mine, before, values)
            if clip is not None and values is not None:
                inside = functools.partial(_kept_inside, bound=clip)
                steps = jax.tree.map(inside, values, steps)
            live = jnp.array([(leaf != 0).any() for leaf in jax.tree.leaves(mine)]).any()
            steps, after = jax.tree.map(
                lambda new, old, live=live: jnp.where(live, new, old),
                (steps, after),
                (jax.tree.map(jnp.zeros_like, steps), before),
            )
            moved |= steps
            states.append(after)
        return moved, tuple(states)

    return optax.GradientTransformation(init, update)


def _transformation(optimiser: Any) -> Any:
    """A `numpyro.optim` object, which keeps the parameters itself, as an optax transformation."""
    if not isinstance(optimiser, _NumPyroOptim):
        return optimiser

    def update(updates: Any, state: Any, params: Any = None) -> Any:
        after = optimiser.update(updates, state)
        return jax.tree.map(jnp.subtract, optimiser.get_params(after), params), after

    return optax.GradientTransformation(optimiser.init, update)


def _kept_inside(value: jax.Array, step: jax.Array, *, bound: float) -> jax.Array:
    """The step, cut so that it ends between -bound and bound."""
    return jnp.clip(value + step, -bound, bound) - value
