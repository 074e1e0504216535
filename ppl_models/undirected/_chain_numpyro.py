"""Pairs whose model is the chain of a corruption and a reconstruction, NumPyro."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from jax import lax, random

from ppl_models._pair import Pair
from ppl_models.networks.chains.chain_arguments import Chain
from ppl_models.networks.chains.counting_measure_numpyro import CountingMeasure

Reconstruction = Callable[[jax.Array, jax.Array | None], Any]


class ChainPair(Pair):
    """The base of `_chain.py` on NumPyro; `reconstruction()` gives the law as a function.

    Attributes:
        chain: what x is, how it is corrupted, and how long chains are.
        noise_shape: of the standard normal noise that a reconstruction takes; None for none.
    """

    engine = "numpyro"
    chain: Chain
    noise_shape: tuple[int, ...] | None = None

    def reconstruction(self) -> Reconstruction:
        """From a corrupted copy and noise to the law of x; asks for the parameters once."""
        raise NotImplementedError

    def corruption(self, x: jax.Array) -> Any:
        """The law of the corrupted copy, event (data_dim,)."""
        amount = self.chain.amount
        if self.chain.binary:
            return dist.BernoulliProbs((1 - amount) * x + 0.5 * amount).to_event(1)
        return dist.Normal(x, amount).to_event(1)

    def transition(self, x: jax.Array, key: Any, law: Reconstruction) -> jax.Array:
        """One step of the chain that the pair defines: corrupt, reconstruct, draw."""
        of_copy, of_noise, of_draw = random.split(key, 3)
        c, noise = self.corruption(x).sample(of_copy).astype(x.dtype), None
        if self.noise_shape is not None:
            noise = random.normal(of_noise, (*x.shape[:-1], *self.noise_shape), x.dtype)
        return law(c, noise).sample(of_draw).astype(x.dtype)

    def model(self, x: jax.Array | None = None, *, size: int = 1) -> jax.Array:
        """Score x, shape (N, data_dim), or draw `size` rows by chains; returns x's mean given c."""
        law = self.reconstruction()

        def copies(key: Any, shape: tuple[int, ...]) -> jax.Array:
            of_start, of_copy = random.split(key)
            begun = self._ends(of_start, shape, law) if x is None else jnp.broadcast_to(x, shape)
            return self.corruption(begun).sample(of_copy).astype(begun.dtype)

        with numpyro.plate("data", size if x is None else len(x)):
            measure = CountingMeasure((self.data_dim,), copies, binary=self.chain.binary)
            c = jnp.asarray(numpyro.sample("c", measure))
            given = law(c.astype(jnp.result_type(float)), self._noise())
            numpyro.sample("x", given, obs=x)
        return jnp.asarray(given.mean)

    def guide(self, x: jax.Array) -> None:
        """Corrupt x: c, shape (N, data_dim), and the reconstruction's noise; nothing is trained."""
        with numpyro.plate("data", len(x)):
            numpyro.sample("c", self.corruption(x))
            self._noise()

    def _noise(self) -> jax.Array | None:
        if self.noise_shape is None:
            return None
        law = dist.Normal(jnp.zeros(self.noise_shape), 1.0).to_event(len(self.noise_shape))
        return jnp.asarray(numpyro.sample("noise", law))

    def _ends(self, key: Any, shape: tuple[int, ...], law: Reconstruction) -> jax.Array:
        """Ends of chains that begin at independent entries."""
        start, key = random.split(key)
        middle = jnp.broadcast_to(jnp.asarray(self.chain.middle), shape)
        if self.chain.binary:
            value = random.bernoulli(start, middle).astype(middle.dtype)
        else:
            value = middle + random.normal(start, shape, middle.dtype)

        def step(number: Any, value: jax.Array) -> jax.Array:
            return self.transition(value, random.fold_in(key, number), law)

        return lax.fori_loop(0, self.chain.burn_in, step, value)
