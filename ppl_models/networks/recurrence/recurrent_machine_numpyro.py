"""Sequences whose steps are RBMs with biases from a recurrent network (flax NNX)."""

from __future__ import annotations

from typing import Any, ClassVar

import jax
import jax.numpy as jnp
import numpyro.distributions as dist
from flax import nnx
from jax import lax, random
from jax.nn import log_sigmoid, sigmoid
from numpy.typing import NDArray
from numpyro.distributions import constraints

from ppl_models.networks.energies.energy_arguments import BLOCK
from ppl_models.networks.energies.energy_law_numpyro import log_sum, softplus
from ppl_models.networks.recurrence.recurrent_law_numpyro import ShiftedBiases


class RecurrentMachine(ShiftedBiases):
    """A recurrent network whose state gives the biases of an RBM: see `recurrent_machine`."""

    def __init__(
        self, data_dim: int, state_dim: int, hidden_dim: int, cell: str, rngs: nnx.Rngs
    ) -> None:
        super().__init__(data_dim, state_dim, hidden_dim, cell, rngs)
        self.weight = nnx.Param(0.01 * random.normal(rngs.params(), (data_dim, hidden_dim)))
        self.visible_bias = nnx.Param(jnp.zeros(data_dim))
        self.hidden_bias = nnx.Param(jnp.zeros(hidden_dim))

    def set_output_bias(self, bias: NDArray[Any]) -> None:
        """Set b, shape (data_dim,)."""
        self.visible_bias = nnx.Param(jnp.asarray(bias))

    def biases(self, state: jax.Array) -> tuple[jax.Array, jax.Array]:
        """b_t and c_t, (..., data_dim) and (..., hidden_dim)."""
        hidden = self.hidden_bias[...] + self.to_hidden(state)
        return self.visible_bias[...] + self.output(state), hidden


class RecurrentMachineLaw(dist.Distribution):
    """Sequences, each step an RBM's draw given those before it: see `recurrent_machine`."""

    arg_constraints: ClassVar[Any] = {}
    support: Any = constraints.independent(constraints.boolean, 2)
    sequential = True
    pytree_data_fields = ("inside", "given")
    pytree_aux_fields = ("network", "normalised", "burn_in")

    def __init__(
        self,
        network: RecurrentMachine,
        length: int,
        batch_shape: tuple[int, ...],
        *,
        inside: jax.Array | None = None,
        given: jax.Array | None = None,
        normalised: bool = False,
        burn_in: int = 20,
    ) -> None:
        self.network, self.inside, self.given = network, inside, given
        self.normalised, self.burn_in = normalised, burn_in
        super().__init__(batch_shape, (length, network.data_dim), validate_args=False)

    @property
    def has_rsample(self) -> bool:
        """No draw carries a gradient: it is the end of a chain."""
        return False

    @property
    def weight(self) -> jax.Array:
        """W, (D, H)."""
        return self.network.weight[...]

    def biases(self, value: jax.Array) -> tuple[jax.Array, jax.Array]:
        """b_t and c_t of every step, after the histories that are held, or the value's own."""
        return self.network.biases(self.network.states(value if self.given is None else self.given))

    def log_prob(self, value: Any, intermediates: Any = None) -> Any:
        """log f of whole sequences, less the constants where they are summed: (...,)."""
        del intermediates
        value = jnp.asarray(value)
        visible, hidden = self.biases(value)
        each = (value * visible).sum(-1) + softplus(hidden + value @ self.weight).sum(-1)
        if self.normalised:
            each = each - self._constants(visible, hidden)
        return self._summed(each)

    def _constants(self, visible: jax.Array, hidden: jax.Array) -> jax.Array:
        """log Z_t of each step, by a sum over the hidden units' states."""

        def term(states: jax.Array) -> jax.Array:
            inputs = visible[..., None, :] + states @ self.weight.T
            return hidden @ states.T + softplus(inputs).sum(-1)

        return log_sum(term, hidden.shape[-1], visible.dtype, at_once=BLOCK // 2)

    def _summed(self, each: jax.Array) -> jax.Array:
        """Over the steps that are inside."""
        return each.sum(-1) if self.inside is None else (each * self.inside).sum(-1)

    def transition(self, value: Any, key: Any) -> jax.Array:
        """One step of block Gibbs in every step of the sequences, their histories held."""
        value = jnp.asarray(value)
        return self._gibbs(value, *self.biases(value), key)

    def _gibbs(self, value: Any, visible: Any, hidden: Any, key: Any) -> jax.Array:
        up, down = random.split(key)
        inputs = hidden + value @ self.weight
        h = random.uniform(up, inputs.shape, inputs.dtype) < sigmoid(inputs)
        outputs = visible + h.astype(inputs.dtype) @ self.weight.T
        drawn = random.uniform(down, outputs.shape, outputs.dtype) < sigmoid(outputs)
        return drawn.astype(outputs.dtype)

    def log_conditionals(self, value: Any, columns: Any = None) -> jax.Array:
        """log p of each entry of a step given all others of it, summed over the steps.

        Args:
            value: x, (N, T, D).
            columns: (N, T, n), entries of each step; all without it.

        Returns:
            Shape (N, n), or (N, D).
        """
        value = jnp.asarray(value)
        if columns is None:
            columns = jnp.broadcast_to(jnp.arange(value.shape[-1]), value.shape)
        visible, hidden = self.biases(value)
        inputs = hidden + value @ self.weight
        here = softplus(inputs).sum(-1)

        def of(column: jax.Array) -> jax.Array:  # (N, T)
            own, bias = (
                jnp.take_along_axis(part, column[..., None], -1)[..., 0]
                for part in (value, visible)
            )
            turn = 1 - 2 * own
            there = softplus(inputs + turn[..., None] * self.weight[column]).sum(-1)
            return self._summed(log_sigmoid(here - there - turn * bias))

        return jnp.moveaxis(lax.map(of, jnp.moveaxis(columns.astype(int), -1, 0)), 0, -1)

    def reconstruct(self, value: jax.Array) -> jax.Array:
        """The mean of each step given the hidden units' chances at it, (..., T, D)."""
        visible, hidden = self.biases(value)
        h = sigmoid(hidden + value @ self.weight)
        return sigmoid(visible + h @ self.weight.T)

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()) -> jax.Array:
        """Step after step the end of a chain, which begins at independent entries."""
        net, shape = self.network, (*sample_shape, *self.batch_shape)

        def step(carry: Any, key: jax.Array) -> tuple[Any, jax.Array]:
            visible, hidden = net.biases(carry[0])
            start, rest = random.split(key)
            begun = random.uniform(start, visible.shape, visible.dtype) < sigmoid(visible)

            def move(number: Any, value: jax.Array) -> jax.Array:
                return self._gibbs(value, visible, hidden, random.fold_in(rest, number))

            drawn = lax.fori_loop(0, self.burn_in, move, begun.astype(visible.dtype))
            return net.advance(carry, net.input(drawn)), drawn

        _, found = lax.scan(step, net.first(shape), random.split(key, self.event_shape[0]))
        return jnp.moveaxis(found, 0, -2)
