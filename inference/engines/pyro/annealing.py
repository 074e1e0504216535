"""Moves of a model's latents from its prior to its posterior, on Pyro."""

from __future__ import annotations

import contextlib
import math
import warnings
from collections.abc import Iterator
from typing import Any, NamedTuple

import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.engines.pyro.evaluation import repeatable, tensors
from inference.engines.pyro.inspection import inspect
from inference.engines.pyro.pairs import StoredPair, parts
from inference.engines.pyro.program import PyroProgram
from inference.engines.pyro.traces import run
from inference.engines.pyro.unbounded import log_jacobian, unbounded_values, unbounding
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
        structure: the sites, for so many rows.
        transforms: latent to the map from unbounded numbers to its support.
        position: (R, D).
        log_prior: log p(z) as a density of the position, (R,).
        log_likelihood: log p(x | z), (R,).
        prior_slope: gradient of log_prior, (R, D).
        likelihood_slope: gradient of log_likelihood, (R, D).
    """

    rows: Rows
    structure: Structure
    transforms: dict[str, Any]
    position: Tensor
    log_prior: Tensor
    log_likelihood: Tensor
    prior_slope: Tensor
    likelihood_slope: Tensor


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
        self.pair, self.model = pair, parts(pair)[0]
        self.leapfrog_steps, self.noise_scale = leapfrog_steps, noise_scale
        arrays = tensors(pair, batch)
        with self._running(0):
            self.structure = inspect(self.model, propose_nothing, arrays, {})
            check_annealable(self.structure, len(batch[0]), noise_scale)
            first, second = self._sites(arrays), self._sites(arrays)
            self._check_supports(first, second)
            unbounded = unbounded_values(first)
            self.shapes = {name: value.shape[1:] for name, value in unbounded.items()}
            if noise_scale is not None:
                check_mean(self._mean(*arrays), arrays[0])

    def _mean(self, *args: Any) -> Any:
        """What the model returns; of one that observes nothing, what it draws."""
        if self.structure.observed:
            return self.model(*args)
        made = run(self.model, args)
        return rows_drawn(made.returned, made.computed)

    def prior(self, rows: Rows, rng_seed: int) -> State:
        """Chains at draws from p(z)."""
        arrays = tensors(self.pair, rows)
        with self._running(rng_seed):
            return self._start(arrays, self._sites(arrays))

    def at(self, rows: Rows, latents: dict[str, NDArray[Any]]) -> State:
        """Chains at given latents, site to (R, *event)."""
        arrays = tensors(self.pair, rows)
        with self._running(0):
            sites = self._sites(arrays)
            for name, value in zip(
                latents, tensors(self.pair, tuple(latents.values())), strict=True
            ):
                if name in sites:
                    sites[name] = {**sites[name], "value": value}
            return self._start(arrays, sites)

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
        like = state.position
        with self._running(rng_seed):
            # Steps of random length, chosen apart from the state, come round to no period.
            jitter = 0.8 + 0.4 * torch.rand(len(like), dtype=like.dtype, device=like.device)
            step = (torch.as_tensor(step_size).to(like) * jitter)[:, None]
            start = torch.randn_like(like)
            momentum = start + 0.5 * step * (state.prior_slope + beta * state.likelihood_slope)
            position = like
            for _ in range(self.leapfrog_steps - 1):
                position = position + step * momentum
                momentum = momentum + step * self._force(state, position, beta)
            end = self._evaluated(state, position + step * momentum)
            momentum = momentum + 0.5 * step * (end.prior_slope + beta * end.likelihood_slope)
            log_ratio = _energy(state, beta, start) - _energy(end, beta, momentum)
            accept = accepted(log_ratio, torch.rand_like(log_ratio))
            moved = {
                name: torch.where(accept.reshape(-1, *(1,) * (new.dim() - 1)), new, old)
                for name, new, old in zip(State._fields[3:], end[3:], state[3:], strict=True)
            }
            return state._replace(**moved), log_ratio.clamp(max=0).exp().cpu().numpy()

    @contextlib.contextmanager
    def _running(self, rng_seed: int) -> Iterator[None]:
        """The pair in evaluation mode, with its parameters, and a random state of its own."""
        stored = (
            self.pair.scope() if isinstance(self.pair, StoredPair) else contextlib.nullcontext()
        )
        with stored, repeatable(self.pair, rng_seed), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what upstream only warns about was refused by name
            yield

    def _sites(self, rows: Rows) -> dict[str, Any]:
        """The latents' sites in a run of the model, where they are draws from the prior."""
        sites = run(self.model, rows).sites
        return {site.name: sites[site.name] for site in self.structure.latents}

    def _check_supports(self, first: dict[str, Any], second: dict[str, Any]) -> None:
        bounds = {}
        for name, site in first.items():
            here, there = unbounding(name, site), unbounding(name, second[name])
            point = here.inv(site["value"])
            bounds[name] = [(here(point).cpu().numpy(), there(point).cpu().numpy())]
        check_fixed_supports(bounds)

    def _start(self, rows: Rows, sites: dict[str, Any]) -> State:
        unbounded = unbounded_values(sites)
        position = torch.cat([unbounded[n].reshape(len(rows[0]), -1) for n in self.shapes], 1)
        transforms = {name: unbounding(name, site) for name, site in sites.items()}
        structure = inspect(self.model, propose_nothing, rows, {})
        none = torch.zeros(0)
        state = State(rows, structure, transforms, position, none, none, none, none)
        return self._evaluated(state, position)

    @torch.enable_grad()
    def _force(self, state: State, position: Tensor, beta: float) -> Tensor:
        position = position.detach().requires_grad_()
        log_prior, log_likelihood = self._densities(state, position)
        return _gradient(log_prior + beta * log_likelihood, position)

    @torch.enable_grad()
    def _evaluated(self, state: State, position: Tensor) -> State:
        """The densities and their gradients; the prior's gradient needs no decoder."""
        position = position.detach().requires_grad_()
        log_prior, log_likelihood = self._densities(state, position)
        return state._replace(
            position=position.detach(),
            log_prior=log_prior.detach(),
            log_likelihood=log_likelihood.detach(),
            prior_slope=_gradient(log_prior, position),
            likelihood_slope=_gradient(log_likelihood, position),
        )

    def _densities(self, state: State, position: Tensor) -> tuple[Tensor, Tensor]:
        """log p(z), as a density of the position, and log p(x | z), (R,) each."""
        latents, log_prior, start = {}, position.new_zeros(len(position)), 0
        for name, shape in self.shapes.items():
            size = math.prod(shape)
            unbounded = position[:, start : start + size].reshape(-1, *shape)
            start += size
            transform = state.transforms[name]
            latents[name] = transform(unbounded)
            log_prior = log_prior + log_jacobian(transform, unbounded, latents[name])
        means: list[Any] = []

        def model(*args: Any) -> None:
            means.append(self._mean(*args))

        program = PyroProgram(model, propose_nothing, state.rows, {}, state.structure)
        draws = program.draw(1, values={name: value[None] for name, value in latents.items()})
        log_prior = log_prior + sum(draws.log_p_sites[name][0] for name in latents)
        log_likelihood = position.new_zeros(len(position))
        for name in likelihood_sites(self.structure, self.noise_scale):
            log_likelihood = log_likelihood + draws.log_p_sites[name][0]
        if self.noise_scale is not None:
            noise = _noise_density(state.rows[0], means[-1], self.noise_scale)
            log_likelihood = log_likelihood + noise
        return log_prior, log_likelihood


def accepted(log_ratio: Tensor, uniform: Tensor) -> Tensor:
    """The Metropolis decision, (R,); a proposal without a density is never taken."""
    return uniform.log() < log_ratio


def _gradient(each: Tensor, position: Tensor) -> Tensor:
    """The gradient of a sum; zero where nothing depends on the position."""
    if not each.requires_grad:
        return torch.zeros_like(position)
    found = torch.autograd.grad(each.sum(), position, retain_graph=True, allow_unused=True)[0]
    return torch.zeros_like(position) if found is None else found


def _energy(state: State, beta: float, momentum: Tensor) -> Tensor:
    potential = state.log_prior + beta * state.log_likelihood
    return 0.5 * (momentum**2).sum(1) - potential


def _noise_density(x: Tensor, mean: Tensor, scale: float) -> Tensor:
    """log N(x; mean, scale^2), summed over the columns: (R,)."""
    each = -0.5 * ((x - mean) / scale) ** 2 - math.log(scale) - 0.5 * math.log(2 * math.pi)
    return each.reshape(len(each), -1).sum(1)
