"""Guides with free parameters for each datum, on NumPyro."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import optax
from jax import Array, lax, random
from numpy.typing import NDArray

from inference.engines.numpyro import discrete
from inference.engines.numpyro.inspection import inspect
from inference.engines.numpyro.pairs import StoredPair, evaluating, parts
from inference.engines.numpyro.program import NumPyroProgram
from inference.engines.numpyro.traces import run
from inference.program.draws import Draws
from inference.program.free_guides import (
    PREFIX,
    Freed,
    check_freeable,
    check_independent,
    refused_family,
)
from inference.program.structure import Structure

Rows = tuple[Any, ...]
Parameters = Mapping[str, Mapping[str, NDArray[Any]]]


class FreedGuide:
    """Distributions of the guide's families, with parameters of their own for each datum.

    Args:
        pair: the pair.
        check: refuses data that the structure cannot score.
        batch: some rows of data, to find the latents with.

    Raises:
        ObjectiveError: naming a latent whose distribution cannot be freed.
    """

    def __init__(self, pair: Any, check: Callable[[Structure], None], batch: Rows) -> None:
        self.pair, self.values = pair, pair.values if isinstance(pair, StoredPair) else {}
        inner = pair.wrapped if isinstance(pair, StoredPair) else pair
        self.model, self.amortised = parts(inner)
        arrays = tuple(map(jnp.asarray, batch))
        with self._running():
            self.structure = inspect(self.model, self.amortised, arrays, {})
            check_freeable(self.structure, len(batch[0]))
            check(self.structure)
            self._kinds = self._found(self.values, arrays, 0)
            check_independent(self._kinds, self._found(self.values, arrays, 1))
        self.plate = self.structure.shared_plates[0]
        self._begin = jax.jit(self._amortised)
        self._improve = jax.jit(self._optimised, static_argnames=("objective", "steps"))
        self._score = jax.jit(self._densities, static_argnames="num_draws")

    def start(self, rows: Rows) -> Parameters:
        """The amortised guide's parameters for each datum, by site and name."""
        with self._running():
            return jax.device_get(self._begin(self.values, rows))

    def optimise(
        self,
        rows: Rows,
        start: Parameters,
        objective: Any,
        *,
        steps: int,
        learning_rate: float,
        rng_seed: int,
    ) -> Parameters:
        """Parameters after so many steps of Adam, the model's own held fixed.

        The step size falls to zero along a cosine. Data share neither parameters nor step sizes.
        """
        key = random.PRNGKey(rng_seed)
        with self._running():
            found = self._improve(
                self.values, rows, start, key, learning_rate, objective=objective, steps=steps
            )
            return jax.device_get(found)

    def draw(self, rows: Rows, parameters: Parameters, num_draws: int, rng_seed: int) -> Draws:
        """Densities of K draws per datum, by site."""
        key = random.PRNGKey(rng_seed)
        with self._running():
            found = self._score(self.values, rows, parameters, key, num_draws=num_draws)
        log_p, log_q = jax.device_get(found)
        return Draws(log_p, log_q, {}, frozenset())

    @contextlib.contextmanager
    def _running(self) -> Iterator[None]:
        with evaluating(self.pair), numpyro.validation_enabled(False):
            yield

    def _found(self, values: Any, rows: Rows, number: int) -> dict[str, Freed]:
        sites = run(self.amortised, random.PRNGKey(number), rows, params=values).sites
        return {site.name: freed(site.name, sites[site.name]) for site in self.structure.proposals}

    def _amortised(self, values: Any, rows: Rows) -> dict[str, Mapping[str, Array]]:
        return {name: one.parameters for name, one in self._found(values, rows, 0).items()}

    def _program(self, values: Any, rows: Rows, parameters: Any, key: Array) -> NumPyroProgram:
        def guide(*args: Any) -> None:
            with numpyro.plate(self.plate.name, len(args[0]), dim=self.plate.dim):
                for name, kind in self._kinds.items():
                    own: Any = numpyro.param(PREFIX + name)
                    numpyro.sample(name, distribution(kind, own))

        free = {PREFIX + name: own for name, own in parameters.items()}
        return NumPyroProgram(key, values | free, self.model, guide, rows, {}, lambda found: None)

    def _optimised(
        self,
        values: Any,
        rows: Rows,
        start: Any,
        key: Array,
        learning_rate: Any,
        *,
        objective: Any,
        steps: int,
    ) -> Any:
        optimiser = optax.adam(optax.cosine_decay_schedule(learning_rate, steps))

        def loss(parameters: Any, key: Array) -> Array:
            return -objective.surrogate(self._program(values, rows, parameters, key))

        def step(carry: Any, key: Array) -> tuple[Any, None]:
            parameters, state = carry
            updates, state = optimiser.update(jax.grad(loss)(parameters, key), state)
            return (optax.apply_updates(parameters, updates), state), None

        carry = start, optimiser.init(start)
        return lax.scan(step, carry, random.split(key, steps))[0][0]

    def _densities(
        self, values: Any, rows: Rows, parameters: Any, key: Array, *, num_draws: int
    ) -> Any:
        draws = self._program(values, rows, parameters, key).draw(num_draws)
        return draws.log_p_sites, draws.log_q_sites


def freed(name: str, site: Mapping[str, Any]) -> Freed:
    """A guide's distribution with its parameters written out for each datum.

    Raises:
        ObjectiveError: if its family is not one of those that can be freed.
    """
    fn: Any = site["fn"]
    base: Any = fn
    while isinstance(base, (dist.Independent, dist.ExpandedDistribution)):
        base = base.base_dist
    shape, kind, own = tuple(fn.shape()), discrete.family(base)[0], type(base)
    event_dims = fn.event_dim - base.event_dim
    if site["scale"] is not None and not np.all(np.asarray(site["scale"]) == 1):
        raise refused_family(name, base)
    if kind:
        return Freed(kind, event_dims, {"logits": discrete.logits(fn)})
    if own is dist.Normal:
        loc, scale = (jnp.broadcast_to(part, shape) for part in (base.loc, base.scale))
        return Freed("normal", event_dims, {"loc": loc, "log_scale": jnp.log(scale)})
    if own is dist.MultivariateNormal:
        tril = jnp.broadcast_to(base.scale_tril, (*shape, shape[-1]))
        diagonal = jnp.log(jnp.diagonal(tril, axis1=-2, axis2=-1))
        free = jnp.tril(tril, -1) + diagonal[..., None] * jnp.eye(shape[-1])
        loc = jnp.broadcast_to(base.loc, shape)
        return Freed("multivariate-normal", event_dims, {"loc": loc, "tril": free})
    if own is dist.LowRankMultivariateNormal:
        factor = jnp.broadcast_to(base.cov_factor, (*shape, base.cov_factor.shape[-1]))
        diagonal = jnp.log(jnp.broadcast_to(base.cov_diag, shape))
        loc = jnp.broadcast_to(base.loc, shape)
        parameters = {"loc": loc, "factor": factor, "log_diagonal": diagonal}
        return Freed("low-rank-normal", event_dims, parameters)
    raise refused_family(name, base)


def distribution(kind: Freed, free: Mapping[str, Array]) -> dist.Distribution:
    """The distribution of a family at free parameters."""
    if kind.family == "normal":
        fn: Any = dist.Normal(free["loc"], jnp.exp(free["log_scale"]))
    elif kind.family == "multivariate-normal":
        own = free["tril"]
        diagonal = jnp.exp(jnp.diagonal(own, axis1=-2, axis2=-1))
        tril = jnp.tril(own, -1) + diagonal[..., None] * jnp.eye(own.shape[-1])
        fn = dist.MultivariateNormal(free["loc"], scale_tril=tril)
    elif kind.family == "low-rank-normal":
        fn = dist.LowRankMultivariateNormal(
            free["loc"], free["factor"], jnp.exp(free["log_diagonal"])
        )
    elif kind.family == "bernoulli":
        fn = dist.Bernoulli(logits=free["logits"])
    elif kind.family == "categorical":
        fn = dist.Categorical(logits=free["logits"])
    else:
        fn = dist.Multinomial(total_count=1, logits=free["logits"])
    return fn.to_event(kind.event_dims)
