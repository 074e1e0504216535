"""What an objective owns beside a pair on NumPyro: networks, parameters, state between steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from numpy.typing import NDArray

from inference.engines.numpyro.networks import Owned
from inference.errors import ObjectiveError
from inference.program.belongings import check_columns
from inference.program.program import OWNED, OWNED_STATE


@dataclass
class State:
    """What a step leaves for the next one.

    Attributes:
        networks: of the pair's networks, such as the averages of batch normalisation.
        own: of the objective.
    """

    networks: dict[str, Any] = field(default_factory=dict)
    own: dict[str, Any] = field(default_factory=dict)

    @staticmethod
    def of(params: Mapping[str, Any]) -> State:
        """What the step before has left the objective."""
        return State(own={n: s for n, s in params.items() if n.startswith(OWNED_STATE)})


class Belongings:
    """What a program keeps for its objective, among the values of parameter sites.

    Attributes:
        params: values of parameter sites.
        carried: state for the next step.
        attached: whether `attach` has told NumPyro's SVI what the objective owns.
        owned: what the objective asks for, while `attach` finds that out; otherwise None.
    """

    params: dict[str, Any]
    carried: State
    attached: bool
    owned: dict[str, Any] | None

    @property
    def mutable_state(self) -> dict[str, Any] | None:
        """What the networks and the objective carry from step to step; None if there is nothing."""
        return {**self.carried.networks, **self.carried.own} or None

    def network(self, name: str, module: Any, *, trained: bool = True) -> Owned:
        """A flax NNX module as something that the objective owns."""
        owned = Owned(name, module)
        if not trained:
            return owned.bind(owned.params, owned.rest, None)
        values = self._own(f"{OWNED}{name}$params", owned.params)
        state = self._own(OWNED_STATE + name, owned.rest) if owned.rest else {}
        return owned.bind(values, state, lambda new: self.keep(name, new), self._own_key)

    def parameter(self, name: str, initial: NDArray[Any]) -> Array:
        """A trained array that the objective owns.

        Raises:
            ObjectiveError: under a plain SVI, which has not been told of it, and of another shape.
        """
        value = self._own(OWNED + name, _in_precision(initial))
        check_columns(name, value.shape, initial.shape)
        return value

    def state(self, name: str, initial: Any) -> Array:
        """A number or array that the objective carries from step to step."""
        return self._own(OWNED_STATE + name, _in_precision(np.asarray(initial, np.float32)))

    def keep(self, name: str, value: Array) -> None:
        """Set it for the next step."""
        self.carried.own[OWNED_STATE + name] = _in_precision(lax.stop_gradient(value))

    def _own_key(self) -> Array:
        """A key for random numbers of what the objective owns."""
        program: Any = self
        return program.next_key(1)

    def _own(self, name: str, initial: Any) -> Array:
        if self.owned is not None:
            self.owned[name] = initial
        # SVI.evaluate leaves the state out, which then is as it was in the beginning.
        left_out = self.attached and name.startswith(OWNED_STATE)
        if name not in self.params and self.owned is None and not left_out:
            raise ObjectiveError(
                "the objective has parameters or state of its own, which NumPyro's SVI has to be "
                "told of: SVI(*objective.attach(model, guide), optim, loss=objective)."
            )
        return jax.tree.map(jnp.asarray, self.params.get(name, initial))


def _in_precision(value: Any) -> Any:
    """Real numbers in what jax computes in, for what is carried from step to step."""
    real = getattr(value, "dtype", None) in (np.float32, np.float64)
    return value.astype(jnp.result_type(float)) if real else value
