"""Moves of a model's latents from its prior to its posterior, on NumPyro."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
from jax import Array, lax, random
from numpy.typing import NDArray
from numpyro.handlers import substitute

from inference.engines.numpyro.compilation import Compiled
from inference.engines.numpyro.inspection import inspect
from inference.engines.numpyro.pairs import StoredPair, evaluating, parts
from inference.engines.numpyro.program import NumPyroProgram
from inference.engines.numpyro.traces import rows_of, run
from inference.engines.numpyro.unbounded import log_jacobian, unbounded_values, unbounding
from inference.program.annealing_conditions import (
    check_annealable,
    check_fixed_supports,
    check_mean,
    likelihood_sites,
)
from inference.program.generators import rows_drawn
from inference.program.posterior_scores import propose_nothing
from inference.program.structure import Structure

Rows = tuple[Any, ...]


class State(NamedTuple):
    """Where the chains are: R rows, the latents as D unbounded numbers each.

    Attributes:
        rows: the data, one row for each chain.
        position: (R, D).
        log_prior: log p(z) as a density of the position, (R,).
        log_likelihood: log p(x | z), (R,).
        prior_slope: gradient of log_prior, (R, D).
        likelihood_slope: gradient of log_likelihood, (R, D).
    """

    rows: Rows
    position: Array
    log_prior: Array
    log_likelihood: Array
    prior_slope: Array
    likelihood_slope: Array


class Annealer:
    """Hamiltonian Monte Carlo on p(z) p(x | z)^beta, all rows at once.

    Args:
        pair: the pair; its guide is not used.
        batch: some rows of data, to find the latents with.
        leapfrog_steps: steps of one move.
        noise_scale: scale of Gaussian noise around what the model returns, in place of the
            model's own likelihood of x; or None.

    Raises:
        ObjectiveError: naming a latent that cannot be moved.
    """

    def __init__(
        self, pair: Any, batch: Rows, *, leapfrog_steps: int, noise_scale: float | None
    ) -> None:
        self.pair, self.values = pair, pair.values if isinstance(pair, StoredPair) else {}
        self.model = parts(pair.wrapped if isinstance(pair, StoredPair) else pair)[0]
        self.leapfrog_steps, self.noise_scale = leapfrog_steps, noise_scale
        arrays = tuple(map(jnp.asarray, batch))
        model = substitute(self.model, data=self.values)
        with self._running():
            self.structure = inspect(model, propose_nothing, arrays, {})
            check_annealable(self.structure, len(batch[0]), noise_scale)
            unbounded = jax.eval_shape(
                lambda: unbounded_values(self._sites(self.values, arrays, 0))
            )
            self.shapes = {name: value.shape[1:] for name, value in unbounded.items()}
            if any(site.support != "real" for site in self.structure.latents):
                check_fixed_supports(jax.device_get(Compiled(self._bounds)(self.values, arrays)))
            if noise_scale is not None:
                check_mean(jax.eval_shape(lambda: self._of_one_run(*arrays)), arrays[0])
        self._prior, self._at, self._move = map(Compiled, (self._start, self._place, self._step))

    def _of_one_run(self, *args: Any) -> Any:
        made = run(self.model, random.PRNGKey(0), args, params=self.values)
        if self.structure.observed:
            return made.returned
        return rows_drawn(made.returned, made.computed)

    def _mean(self, *args: Any) -> Any:
        """What the model returns; of one that observes nothing, what it draws."""
        if self.structure.observed:
            return self.model(*args)
        return rows_of(lambda: self.model(*args))

    def prior(self, rows: Rows, rng_seed: int) -> State:
        """Chains at draws from p(z)."""
        with self._running():
            return self._prior(self.values, rows, np.uint32(rng_seed))

    def at(self, rows: Rows, latents: dict[str, NDArray[Any]]) -> State:
        """Chains at given latents, site to (R, *event)."""
        with self._running():
            return self._at(self.values, rows, latents)

    def move(
        self, state: State, beta: float, step_size: NDArray[Any], rng_seed: int
    ) -> tuple[State, NDArray[Any]]:
        """One move that leaves p(z) p(x | z)^beta as it is.

        Args:
            state: where the chains are.
            beta: the power.
            step_size: of the leapfrog steps, (R,).
            rng_seed: seed of momenta and decisions.

        Returns:
            Where they are then, and the probability with which each moved, (R,), NaN where the
            density at its end is not a number.
        """
        with self._running():
            step = np.asarray(step_size, np.float32)
            state, chance = self._move(
                self.values, state, np.float32(beta), step, np.uint32(rng_seed)
            )
        return state, np.asarray(chance)

    @contextlib.contextmanager
    def _running(self) -> Iterator[None]:
        """The pair in evaluation mode; the data were checked once."""
        with evaluating(self.pair), numpyro.validation_enabled(False):
            yield

    def _sites(self, values: Any, rows: Rows, rng_seed: Any) -> dict[str, Any]:
        """The latents' sites in a run of the model, where they are draws from the prior."""
        sites = run(self.model, random.PRNGKey(rng_seed), rows, params=values).sites
        return {site.name: sites[site.name] for site in self.structure.latents}

    def _bounds(self, values: Any, rows: Rows) -> dict[str, list[tuple[Array, Array]]]:
        """The same unbounded numbers in the supports of two runs of the model."""
        first, second = (self._sites(values, rows, key) for key in (0, 1))
        bounds = {}
        for name, site in first.items():
            here, there = unbounding(name, site), unbounding(name, second[name])
            point = here.inv(site["value"])
            bounds[name] = [(here(point), there(point))]
        return bounds

    def _start(self, values: Any, rows: Rows, rng_seed: Any) -> State:
        sites = self._sites(values, rows, rng_seed)
        return self._evaluated(values, rows, self._position(unbounded_values(sites)))

    def _place(self, values: Any, rows: Rows, latents: dict[str, Any]) -> State:
        sites = self._sites(values, rows, 0)
        placed = {name: {**site, "value": latents[name]} for name, site in sites.items()}
        return self._evaluated(values, rows, self._position(unbounded_values(placed)))

    def _step(
        self, values: Any, state: State, beta: Any, step_size: Any, rng_seed: Any
    ) -> tuple[State, Array]:
        keys = random.split(random.PRNGKey(rng_seed), 3)
        # Steps of random length, chosen apart from the state, come round to no period.
        jitter = random.uniform(keys[0], step_size.shape, minval=0.8, maxval=1.2)
        step = (step_size * jitter)[:, None]

        def force(position: Array) -> Array:
            def total(position: Array) -> Array:
                log_prior, log_likelihood = self._densities(values, state.rows, position)
                return (log_prior + beta * log_likelihood).sum()

            return jax.grad(total)(position)

        def leap(carry: tuple[Array, Array], _: None) -> tuple[tuple[Array, Array], None]:
            position = carry[0] + step * carry[1]
            return (position, carry[1] + step * force(position)), None

        start = random.normal(keys[1], state.position.shape)
        momentum = start + 0.5 * step * (state.prior_slope + beta * state.likelihood_slope)
        (position, momentum), _ = lax.scan(
            leap, (state.position, momentum), None, self.leapfrog_steps - 1
        )
        end = self._evaluated(values, state.rows, position + step * momentum)
        momentum = momentum + 0.5 * step * (end.prior_slope + beta * end.likelihood_slope)
        log_ratio = _energy(state, beta, start) - _energy(end, beta, momentum)
        accept = accepted(log_ratio, random.uniform(keys[2], log_ratio.shape))
        moved = {
            name: jnp.where(accept.reshape(-1, *(1,) * (new.ndim - 1)), new, old)
            for name, new, old in zip(State._fields[1:], end[1:], state[1:], strict=True)
        }
        return state._replace(**moved), jnp.exp(jnp.minimum(log_ratio, 0.0))

    def _evaluated(self, values: Any, rows: Rows, position: Array) -> State:
        """The densities and their gradients; the prior's gradient needs no decoder."""

        def prior(position: Array) -> tuple[Array, Array]:
            each = self._densities(values, rows, position)[0]
            return each.sum(), each

        def likelihood(position: Array) -> tuple[Array, Array]:
            each = self._densities(values, rows, position)[1]
            return each.sum(), each

        (_, log_prior), prior_slope = jax.value_and_grad(prior, has_aux=True)(position)
        (_, log_likelihood), slope = jax.value_and_grad(likelihood, has_aux=True)(position)
        return State(rows, position, log_prior, log_likelihood, prior_slope, slope)

    def _densities(self, values: Any, rows: Rows, position: Array) -> tuple[Array, Array]:
        """log p(z), as a density of the position, and log p(x | z), (R,) each."""
        sites = self._sites(values, rows, 0)  # for their bounds; compilation keeps nothing else
        latents, log_prior, start = {}, jnp.zeros(len(position)), 0
        for name, shape in self.shapes.items():
            size = math.prod(shape)
            unbounded = position[:, start : start + size].reshape(-1, *shape)
            start += size
            transform = unbounding(name, sites[name])
            latents[name] = transform(unbounded)
            log_prior += log_jacobian(transform, unbounded, latents[name])
        means: list[Any] = []

        def model(*args: Any) -> None:
            means.append(self._mean(*args))

        program = NumPyroProgram(
            random.PRNGKey(0), values, model, propose_nothing, rows, {}, _unchecked
        )
        draws = program.draw(1, values={name: value[None] for name, value in latents.items()})
        log_prior += sum(draws.log_p_sites[name][0] for name in latents)
        log_likelihood = jnp.zeros(len(position))
        for name in likelihood_sites(self.structure, self.noise_scale):
            log_likelihood += draws.log_p_sites[name][0]
        if self.noise_scale is not None:
            log_likelihood += _noise_density(rows[0], means[-1], self.noise_scale)
        return log_prior, log_likelihood

    def _position(self, unbounded: dict[str, Array]) -> Array:
        return jnp.concatenate(
            [unbounded[n].reshape(len(unbounded[n]), -1) for n in self.shapes], 1
        )


def accepted(log_ratio: Array, uniform: Array) -> Array:
    """The Metropolis decision, (R,); a proposal without a density is never taken."""
    return jnp.log(uniform) < log_ratio


def _energy(state: State, beta: Any, momentum: Array) -> Array:
    potential = state.log_prior + beta * state.log_likelihood
    return 0.5 * (momentum**2).sum(1) - potential


def _noise_density(x: Any, mean: Any, scale: float) -> Array:
    """log N(x; mean, scale^2), summed over the columns: (R,)."""
    each = -0.5 * ((x - mean) / scale) ** 2 - math.log(scale) - 0.5 * math.log(2 * math.pi)
    return each.reshape(len(each), -1).sum(1)


def _unchecked(structure: Structure) -> None:
    """The structure was checked when the annealer was made."""
