"""Networks in which no output sees its own entry or one after it (flax NNX)."""

from __future__ import annotations

from itertools import pairwise
from typing import Any, cast

import jax
import jax.numpy as jnp
from flax import nnx
from jax import lax
from numpy.typing import NDArray

from ppl_models.networks.autoregression.connections import START, Connections, units_by_degree
from ppl_models.networks.mlp_numpyro import ACTIVATION_FUNCTIONS, linear


class MaskedNetwork(nnx.Module):
    """Logits of binary entries, each from those before it: see `masked.MaskedNetwork`."""

    def __init__(
        self, connections: Connections, activation: str, rngs: nnx.Rngs, *, direct: bool = False
    ) -> None:
        self.connections = connections
        self.deterministic = False  # the name that nnx.Module.eval() sets
        self.activation = ACTIVATION_FUNCTIONS[activation]
        sizes = (connections.dim, *connections.hidden, connections.dim)
        self.layers = nnx.List(linear(*pair, rngs) for pair in pairwise(sizes))
        straight = direct and connections.hidden
        self.direct = linear(sizes[0], sizes[0], rngs, bias=False) if straight else None
        small = self.layers[0] if not connections.hidden else self.direct
        if small is not None:
            small.kernel = nnx.Param(START * _kernel(small))

    def set_output_bias(self, bias: NDArray[Any]) -> None:
        """Set the bias of the logits, shape (dim,)."""
        self.layers[-1].bias = nnx.Param(jnp.asarray(bias))

    def ranks(self, component: Any) -> Any:
        """The rank of each entry in one of the orders, (dim,)."""
        ranks = self.connections.ranks()
        return ranks[component] if isinstance(component, int) else jnp.asarray(ranks)[component]

    def features(self, inputs: jax.Array, component: Any) -> jax.Array:
        """The last hidden layer, (..., size)."""
        return self._hidden(inputs, component)[0]

    def _hidden(self, inputs: jax.Array, component: Any) -> tuple[jax.Array, jax.Array]:
        """The last hidden layer, and which outputs see what of it: units of at most their rank."""
        below, seen = inputs, jnp.asarray(self.ranks(component)) + 1
        *hidden, _ = self.layers
        for layer, degrees in zip(hidden, self.connections.degrees(), strict=True):
            own = jnp.asarray(degrees)[component]
            kernel = _kernel(layer) * (seen[:, None] <= own)
            below, seen = self.activation(below @ kernel + _bias(layer)), own
        return below, seen

    def __call__(self) -> MaskedNetwork:
        """The network itself, with the parameters that `nnx_module` gives it."""
        return self

    def logits(self, inputs: jax.Array, component: Any = 0) -> jax.Array:
        """Logits of all entries, (..., dim), from inputs (..., dim)."""
        below, seen = self._hidden(inputs, component)
        ranks = jnp.asarray(self.ranks(component))
        last = self.layers[-1]
        logits = below @ (_kernel(last) * (seen[:, None] <= ranks)) + _bias(last)
        if self.direct is not None:
            logits = logits + inputs @ (_kernel(self.direct) * (ranks[:, None] < ranks))
        return logits

    def complete(
        self, values: Any, held: Any, noise: Any, temperature: Any, component: Any
    ) -> tuple[jax.Array, jax.Array]:
        """Draw the entries that are not held: see `masked.MaskedNetwork.complete`.

        A unit is computed at the step of its degree, when all that it sees has been drawn, so that
        the whole costs one pass of the network.
        """
        dim = self.connections.dim
        order = jnp.argsort(jnp.asarray(self.ranks(component)))
        *hidden, last = self.layers
        degrees = self.connections.degrees()
        units = [jnp.asarray(units_by_degree(layer, dim))[component] for layer in degrees]
        rows = [
            (jnp.pad(_kernel(layer).T, ((0, 1), (0, 0)))[own], jnp.pad(_bias(layer), (0, 1))[own])
            for layer, own in zip(hidden, units, strict=True)
        ]
        out = [(_kernel(last).T[order], _bias(last)[order])]
        if self.direct is not None:
            out.append((_kernel(self.direct).T[order], jnp.zeros(dim)))
        scale = jnp.asarray(temperature, values.dtype)

        def step(carry: Any, shown: Any) -> tuple[Any, None]:
            drawn, layers, log_weight = carry
            place, own, weights, outputs = shown
            below, kept = drawn, []
            for layer, unit, (weight, bias) in zip(layers, own, weights, strict=True):
                found = self.activation(below @ weight.T + bias)
                layer = layer.at[..., unit].set(found, mode="drop")
                kept.append(layer)
                below = layer
            logit = below @ outputs[0][0] + outputs[0][1]
            for weight, _ in outputs[1:]:
                logit = logit + drawn @ weight
            entry, score = drawn_or_held(
                logit / scale, noise[..., place], values[..., place], held[..., place]
            )
            return (drawn.at[..., place].set(entry), kept, log_weight + score), None

        batch = values.shape[:-1]
        start = (
            jnp.zeros(values.shape, values.dtype),
            [jnp.zeros((*batch, size), values.dtype) for size in self.connections.hidden],
            jnp.zeros(batch, values.dtype),
        )
        shown = (order, units, rows, out)
        (drawn, _, log_weight), _ = lax.scan(step, start, shown)
        return drawn, log_weight


def drawn_or_held(
    logit: jax.Array, noise: Any, value: Any, held: Any
) -> tuple[jax.Array, jax.Array]:
    """A binary entry, drawn by logistic noise or held at a value, and log p of what is held."""
    entry = jnp.where(held, value, (logit + noise > 0).astype(value.dtype))
    score = -jax.nn.softplus(jnp.where(entry > 0.5, -logit, logit))
    return entry, jnp.where(held, score, 0.0)


def _kernel(layer: Any) -> jax.Array:
    return cast(jax.Array, layer.kernel[...])


def _bias(layer: Any) -> jax.Array:
    return cast(jax.Array, layer.bias[...])
