"""Gibbs sampling of discrete latents on Pyro."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from numpy.typing import NDArray
from pyro.distributions.util import scale_and_mask
from torch import Tensor

from inference.engines.pyro.evaluation import repeatable, tensors
from inference.engines.pyro.inspection import inspect
from inference.engines.pyro.pairs import parts
from inference.engines.pyro.parameters import public_name
from inference.engines.pyro.particles import vectorises
from inference.engines.pyro.traces import run, whole_value
from inference.program.chains import Chains
from inference.program.discrete_states import (
    Entries,
    check_energies,
    entries_of,
    statistics_of,
)
from inference.program.posterior_scores import propose_nothing
from inference.program.structure import Structure

Values = dict[str, Tensor]


def gibbs(
    pair: Any,
    check: Callable[[Structure], None],
    batch: tuple[NDArray[Any], ...],
    *,
    num_warmup: int,
    num_samples: int,
    num_chains: int,
    rng_seed: int,
) -> Chains:
    """Chains of single-entry Gibbs sweeps over the discrete latents of a model.

    Args:
        pair: the pair; its guide is not used.
        check: refuses a structure.
        batch: the data.
        num_warmup: sweeps of each chain that are dropped.
        num_samples: sweeps of each chain that are kept.
        num_chains: how many; they and the states of an entry are scored in one pass where the
            model takes particles.
        rng_seed: seed of starting points and moves.

    Raises:
        ObjectiveError: naming a latent whose entries do not have finitely many states.
    """
    model, args = parts(pair)[0], tensors(pair, batch)
    kept: list[tuple[Values, Values, Tensor]] = []
    with repeatable(pair, rng_seed):
        structure = inspect(model, propose_nothing, args, {})
        check(structure)
        begun = [run(model, args) for _ in range(num_chains)]
        laws = {name: site["fn"] for name, site in begun[0].latents.items()}
        sweeps = Sweeps(model, args, structure, entries_of(structure, laws, "Gibbs"))
        latents = {
            name: torch.stack([whole_value(made.latents[name]) for made in begun]) for name in laws
        }
        for number in range(num_warmup + num_samples):
            latents = sweeps.sweep(latents)
            if number >= num_warmup:
                found = [run(model, args, values=each) for each in _each(latents)]
                computed = _stacked(made.computed for made in found)
                kept.append((latents, computed, sweeps.scores(latents)[0]))
        held = [n for n, node in begun[0].trace.nodes.items() if node["type"] == "param"]
    latents, computed = _stacked(draw[0] for draw in kept), _stacked(draw[1] for draw in kept)
    energies = -torch.stack([draw[2] for draw in kept], 1).cpu().numpy()
    check_energies(energies)
    draws = {n: v.transpose(0, 1).cpu().numpy() for n, v in {**latents, **computed}.items()}
    return Chains(
        draws=draws,
        statistics=statistics_of(energies, sweeps.entries),
        held=tuple(public_name(name) for name in held),
        summed=(),
    )


class Sweeps:
    """Moves of a model's latents in C chains, one entry after another.

    Args:
        model: the model.
        args: the data.
        structure: sites and plates.
        entries: the latents.
    """

    def __init__(
        self,
        model: Callable[..., Any],
        args: tuple[Any, ...],
        structure: Structure,
        entries: list[Entries],
    ) -> None:
        self.model, self.args, self.structure, self.entries = model, args, structure, entries
        self.together = vectorises(model, propose_nothing, args, {}, structure)
        plates = structure.nested.shared_plates
        self.rank = structure.nesting + 1
        self.kept = {0} | {plate.dim % self.rank for plate in plates}
        self.of_data = {n for n, site in structure.model.items() if site.plates >= set(plates)}

    def sweep(self, latents: Values) -> Values:
        """Every entry drawn anew given all others."""
        for entries in self.entries:
            for number in range(entries.count):
                latents = self._move(latents, entries, number)
        return latents

    def scores(self, latents: Values) -> tuple[Tensor, Tensor]:
        """log p(x, z) of all data, (K,), and of each datum given what they share, (K, N)."""
        if self.together:
            return self._scores(latents)
        each = [self._scores({n: v[None] for n, v in one.items()}) for one in _each(latents)]
        return torch.cat([one[0] for one in each]), torch.cat([one[1] for one in each])

    def _scores(self, latents: Values) -> tuple[Tensor, Tensor]:
        first = next(iter(latents.values()))
        many = len(first)
        shaped = {
            name: value.reshape(-1, *self.structure.padded_shape(self.structure.model[name]))
            if many > 1
            else value[0]
            for name, value in latents.items()
        }
        nesting = self.structure.nesting
        made = run(self.model, self.args, values=shaped, num_particles=many, nesting=nesting)
        total: Any = torch.zeros(many, device=first.device)
        by_datum: Any = torch.zeros(many, 1, device=first.device)
        for name, site in made.sites.items():
            own = site["fn"].log_prob(site["value"])
            terms = scale_and_mask(own, site["scale"], site["mask"])
            terms = terms.reshape((1,) * (self.rank - terms.dim()) + terms.shape)
            total = total + terms.reshape(len(terms), -1).sum(1)
            if name in self.of_data:
                private = [dim for dim in range(self.rank) if dim not in self.kept]
                summed = terms.sum(private) if private else terms
                by_datum = by_datum + summed.reshape(len(terms), -1)
        return total, by_datum

    def _move(self, latents: Values, entries: Entries, number: int) -> Values:
        value = latents[entries.name]
        count = len(value)
        here = torch.as_tensor(entries.numbers == number, device=value.device)
        states = torch.as_tensor(entries.states).to(value)
        tried = [torch.where(here, state, value) for state in states]
        many = len(tried)
        candidates = {
            name: torch.cat(tried) if name == entries.name else other.repeat(many, *_ones(other))
            for name, other in latents.items()
        }
        total, by_datum = self.scores(candidates)
        scores = (by_datum if entries.local else total[:, None]).reshape(many, count, -1)
        scores = scores.nan_to_num(nan=-torch.inf, neginf=-torch.inf)
        noise = -torch.empty_like(scores).exponential_().log()  # Gumbel: the largest is a draw
        chosen = states[(scores + noise).argmax(0)]
        moved = torch.where(here, chosen.reshape(count, *entries.spread), value)
        return {**latents, entries.name: moved}


def _ones(value: Tensor) -> tuple[int, ...]:
    return (1,) * (value.dim() - 1)


def _each(latents: Values) -> list[Values]:
    """The values of one chain after another."""
    many = len(next(iter(latents.values())))
    return [{name: value[index] for name, value in latents.items()} for index in range(many)]


def _stacked(runs: Iterable[Values]) -> Values:
    """One tensor by name, runs along its first axis."""
    every = list(runs)
    return {name: torch.stack([made[name] for made in every]) for name in every[0]}
