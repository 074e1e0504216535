"""Running averages of what a pair has learnt, on NumPyro: SVI that carries them in its state."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from numpyro.infer import SVI
from numpyro.infer.svi import SVIState

from inference.program.phases import OWN
from inference.program.program import OWNED

_AVERAGES = "averages"  # beside the state of networks, whose names end with "$state"


class AveragingSVI(SVI):
    """SVI with exponential averages of the pair's values over the steps.

    See `fit(average_decay=)`. They are of the parameters, unconstrained, and of the real numbers
    in the state of networks; not of what the objective owns.

    Args:
        model: the model.
        guide: the guide.
        optim: the optimiser.
        loss: the objective.
        decay: d in a_t = (1 - w_t) a_{t-1} + w_t v_t, w_t = (1 - d) / (1 - d^t), so that a_t is
            the mean of v_1 ... v_t with weights d^(t - s).
        follows: whether the averages move in this one's steps.
    """

    def __init__(
        self, model: Any, guide: Any, optim: Any, loss: Any, *, decay: float, follows: bool
    ) -> None:
        super().__init__(model, guide, optim, loss)
        self.decay, self.follows = decay, follows

    def init(self, rng_key: Array, *args: Any, **kwargs: Any) -> SVIState:
        """A state whose averages begin at the values of now, and forget them in the first step."""
        state = super().init(rng_key, *args, **kwargs)
        return _with(state, {"of": self._pairs(state), "weight": jnp.ones(())})

    def update(self, svi_state: SVIState, *args: Any, **kwargs: Any) -> tuple[SVIState, Array]:
        """One step, and one of the averages after it."""
        averages = (svi_state.mutable_state or {})[_AVERAGES]
        state, loss = super().update(_without(svi_state), *args, **kwargs)
        if self.follows:
            weight = averages["weight"]
            moved = jax.tree.map(
                lambda old, new: _moved(old, new, weight), averages["of"], self._pairs(state)
            )
            averages = {"of": moved, "weight": weight / (weight + self.decay)}
        return _with(state, averages), loss

    def values(self, svi_state: SVIState) -> dict[str, Any]:
        """The values to evaluate the pair with: the averages, and what the objective owns."""
        averages = (svi_state.mutable_state or {})[_AVERAGES]["of"]
        params = self.constrain_fn(  # pyright: ignore[reportOptionalCall]
            self.optim.get_params(svi_state.optim_state) | averages["parameters"]
        )
        return params | (_without(svi_state).mutable_state or {}) | averages["state"]

    def _pairs(self, state: SVIState) -> dict[str, Any]:
        """What is averaged, unconstrained."""
        parts = {
            "parameters": self.optim.get_params(state.optim_state),
            "state": _without(state).mutable_state or {},
        }
        return {
            part: {name: value for name, value in values.items() if not name.startswith(OWNED)}
            for part, values in parts.items()
        }


def values_of(svi: SVI, svi_state: SVIState) -> dict[str, Any]:
    """What the pair is evaluated with, and what the objective owns, by name."""
    if isinstance(svi, AveragingSVI):
        return svi.values(svi_state)
    return {**svi.get_params(svi_state), **(svi_state.mutable_state or {})}


def svi_of(
    model: Any, guide: Any, optim: Any, objective: Any, *, turn: str | None, decay: float | None
) -> SVI:
    """SVI in a turn of the objective, or where there are none, with averages if they decay."""
    loss = objective if turn is None else objective.during(turn)
    if decay is None:
        return SVI(model, guide, optim, loss=loss)
    owned = turn is not None and any(
        each.name == turn and each.trains == OWN for each in objective.phases
    )
    return AveragingSVI(model, guide, optim, loss, decay=decay, follows=not owned)


def _moved(average: Array, value: Array, weight: Array) -> Array:
    """The average moved towards a value; exactly there under weight 1, and where it stays."""
    if not jnp.issubdtype(average.dtype, jnp.floating):  # whole numbers, random keys
        return value
    step = value - average
    near = jnp.where(weight < 0.5, average + weight * step, value - (1 - weight) * step)
    return jnp.where(average == value, average, near.astype(average.dtype))


def _with(state: SVIState, averages: dict[str, Any]) -> SVIState:
    return state._replace(mutable_state={**(state.mutable_state or {}), _AVERAGES: averages})


def _without(state: SVIState) -> SVIState:
    carried = {n: v for n, v in (state.mutable_state or {}).items() if n != _AVERAGES}
    return state._replace(mutable_state=carried or None)
