"""Normalising flow, NumPyro (Dinh et al. 2015; Papamakarios et al. 2017; Durkan et al. 2019)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
from flax import nnx
from jax.core import Tracer
from numpy.typing import NDArray
from numpyro.contrib.module import nnx_module
from numpyro.distributions import constraints

from ppl_models._pair import Pair
from ppl_models.flows._density_numpyro import FlowDistribution, FlowNetwork, Mixture
from ppl_models.flows._dequantisation_numpyro import Quantised, noise_network, proposal, uniform
from ppl_models.flows._plan import (
    BASES,
    DEQUANTISATIONS,
    PREPROCESS,
    check_levels,
    check_margin,
    check_plan,
    noise_plan,
)
from ppl_models.flows._steps_numpyro import Logit, steps_of
from ppl_models.networks.arguments import check_choice, check_size
from ppl_models.networks.condition import OptionalCondition

__all__ = ["Flow"]


class Flow(Pair):
    """The pair of `flow.py` on NumPyro."""

    engine = "numpyro"

    def __init__(
        self,
        *,
        data_dim: int = 64,
        kind: str = "maf",
        length: int = 5,
        hidden: Sequence[int] = (128, 128),
        activation: str = "relu",
        batch_norm: bool = False,
        permutations: str = "reverse",
        base: str = "normal",
        components: int = 10,
        preprocess: str = "none",
        margin: float = 0.05,
        rescale: bool = False,
        bins: int = 8,
        bound: float = 5.0,
        dequantisation: str = "none",
        levels: int = 256,
        noise_length: int = 2,
        classes: int | None = None,
        condition_dim: int | None = None,
        seed: int = 0,
    ) -> None:
        self.optional = OptionalCondition(classes, condition_dim)
        plan = check_plan(
            kind=kind,
            data_dim=data_dim,
            length=length,
            hidden=hidden,
            activation=activation,
            batch_norm=batch_norm,
            permutations=permutations,
            rescale=rescale,
            bins=bins,
            bound=bound,
            context=self.optional.width,
            seed=seed,
        )
        self.data_dim = plan.dim
        outside = check_margin(margin)
        self.outside = outside if preprocess == "logit" else None
        self.mixture = check_choice("base", base, BASES) == "mixture"
        check_choice("preprocess", preprocess, PREPROCESS)
        check_size("components", components)
        random = nnx.Rngs(seed)
        before = [] if self.outside is None else [Logit(margin)]
        of_noise = Mixture(components, data_dim, random) if self.mixture else None
        self.flow = FlowNetwork([*before, *steps_of(plan, random)], of_noise)
        self.dequantisation = check_choice("dequantisation", dequantisation, DEQUANTISATIONS)
        self.levels = check_levels(levels)
        own = noise_plan(plan, check_size("noise_length", noise_length), self.optional.width)
        if dequantisation == "variational":
            self.noise = noise_network(own, random)

    def model(
        self, x: jax.Array | None = None, y: jax.Array | None = None, *, size: int | None = None
    ) -> jax.Array:
        """Score x, shape (N, data_dim), or draw `size` rows, or one for each y; returns the rows.

        Where the pair has a condition, `size` need not be given.
        """
        rows = self.optional.rows(x, y, size)
        network = nnx_module("flow", self.flow)
        with numpyro.plate("data", rows):
            law = self._law(network, rows, y)
            if self.dequantisation != "none":
                levels = Quantised(jnp.asarray(numpyro.sample("v", law)), self.levels)
                numpyro.sample("x", levels, obs=x)
                return levels.mean
            if x is not None:
                law.look_at(x)
            value = numpyro.sample("x", law, obs=x)
        return jnp.asarray(value)

    def guide(self, x: jax.Array, y: jax.Array | None = None) -> None:
        """Propose the image v whose grey levels are x; nothing where there is no such latent."""
        rows = self.optional.rows(x, y, None)
        if self.dequantisation == "none":
            return
        law: Any = uniform(x, self.levels)
        if self.dequantisation == "variational":
            network = nnx_module("noise", self.noise)
            law = proposal(network, x, None if y is None else self._seen(y), self.levels)
        with numpyro.plate("data", rows):
            numpyro.sample("v", law)

    def check_batch(self, *arrays: Any) -> None:
        """Refuse a condition that is missing, is not the pair's, or that it does not take."""
        self.optional.check(arrays)

    def example(self) -> tuple[NDArray[Any], ...]:
        """A row of data, and a condition where there is one."""
        return (*super().example(), *self.optional.example())

    def _law(self, network: Any, rows: int, y: jax.Array | None) -> FlowDistribution:
        support: Any = constraints.real_vector
        if self.outside is not None:
            support = constraints.independent(
                constraints.interval(-self.outside, 1 + self.outside), 1
            )
        return FlowDistribution(
            network,
            None if y is None else self._seen(y),
            (rows,),
            self.data_dim,
            reparameterised=not self.mixture,
            support=support,
        )

    def _seen(self, y: jax.Array) -> jax.Array:
        """The condition as the networks see it, shape (N, width)."""
        if not isinstance(y, Tracer):
            self.optional.check_values(np.asarray(y))
        if self.optional.classes:
            return nnx.one_hot(jnp.asarray(y), self.optional.classes)
        return jnp.asarray(y)
