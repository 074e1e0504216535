"""Draws from a guide, and what the model says about data at given latents, on Pyro."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pyro.distributions.util import scale_and_mask

from inference.engines.pyro.evaluation import repeatable, tensors
from inference.engines.pyro.inspection import inspect
from inference.engines.pyro.pairs import parts
from inference.engines.pyro.particles import vectorises
from inference.engines.pyro.program import PyroProgram
from inference.engines.pyro.traces import Run, run, whole_value
from inference.program.posterior_scores import (
    GuideDraws,
    ScoredDraws,
    following_their_data,
    propose_nothing,
)
from inference.program.structure import Structure, can_draw

Rows = tuple[Any, ...]
_AT_ONCE = 10_000  # draws times rows in one pass


def guide_draws(
    pair: Any, check: Callable[[Structure], None], batch: Rows, num_draws: int, rng_seed: int
) -> GuideDraws:
    """S draws of the latents of a whole batch from the guide.

    Args:
        pair: the pair.
        check: refuses a structure.
        batch: the data.
        num_draws: S.
        rng_seed: seed of the draws.
    """
    (model, guide), args = parts(pair), tensors(pair, batch)
    latents: dict[str, list[NDArray[Any]]] = {}
    log_q = []
    with repeatable(pair, rng_seed):
        structure = inspect(model, guide, args, {})
        check(structure)
        broadcasts = vectorises(model, guide, args, {}, structure)
        program = PyroProgram(model, guide, args, {}, structure, vectorised=broadcasts)
        most = max(1, _AT_ONCE // len(args[0]))
        for start in range(0, num_draws, most):
            count = min(most, num_draws - start)
            draws = program.draw(count)
            for site in (s for s in structure.latents if s.name in draws.values):
                shape = (count, *site.batch_shape, *site.event_shape)
                drawn = draws.values[site.name].reshape(shape)
                latents.setdefault(site.name, []).append(drawn.cpu().numpy())
            # Without a latent there is nothing to propose, and one row stands for all draws: log q
            # is zero for every cell of each.
            own = draws.log_q_without(structure.training_only) + torch.zeros_like(draws.log_p)
            log_q.append(own.expand(count, *own.shape[1:]).cpu().numpy())
    return GuideDraws({n: np.concatenate(v) for n, v in latents.items()}, np.concatenate(log_q))


def score_draws(
    pair: Any, batch: Rows, latents: Mapping[str, NDArray[Any]], num_draws: int, rng_seed: int
) -> ScoredDraws:
    """Likelihood, predictive draws and joint density of a batch at S values of its latents.

    Args:
        pair: the pair; its guide is not used.
        batch: the data.
        latents: every latent of the model, (S, *batch, *event).
        num_draws: S.
        rng_seed: seed of the predictive draws.
    """
    model, args = parts(pair)[0], tensors(pair, batch)
    given = dict(zip(latents, tensors(pair, tuple(latents.values())), strict=True))
    each, scored = [], dict[str, Any]()
    values, made = dict[str, torch.Tensor](), dict[str, Any]()
    with repeatable(pair, rng_seed):
        structure = inspect(model, propose_nothing, args, {})
        hidden = structure.training_only
        program = PyroProgram(model, propose_nothing, args, {}, structure, vectorised=False)
        for index in range(num_draws):
            values = {name: value[index] for name, value in given.items()}
            draws = program.draw(1, values={name: value[None] for name, value in values.items()})
            seen = run(model, args, values=values)
            scored, made = _observed(seen, hidden), _generated(model, args, values).sites
            each.append(
                {
                    "log_likelihood": {n: _masked_log_prob(site) for n, site in scored.items()},
                    "predictive": {n: made[n]["value"] for n in scored},
                    "computed": seen.computed,
                    "log_p": {"": draws.likelihood_weight(hidden)[0]},
                }
            )
        following = frozenset[str]()
        if not can_draw(model):

            def densities(rows: Sequence[Any]) -> dict[str, NDArray[Any]]:
                sites = run(model, tuple(rows), values=values).sites
                laws = ((name, sites[name]["fn"]) for name in scored)
                return {n: fn.log_prob(scored[n]["value"]).cpu().numpy() for n, fn in laws}

            drawn = {name: made[name]["value"] for name in scored}
            following = following_their_data(structure, args, drawn, densities)
    return ScoredDraws(
        log_likelihood=_stacked([one["log_likelihood"] for one in each]),
        predictive=_stacked([one["predictive"] for one in each]),
        observed={name: whole_value(site).cpu().numpy() for name, site in scored.items()},
        computed=_stacked([one["computed"] for one in each]),
        log_p=_stacked([one["log_p"] for one in each])[""],
        following=following,
    )


def prior_draws(
    pair: Any, batch: Rows, num_draws: int, rng_seed: int
) -> tuple[dict[str, NDArray[Any]], dict[str, NDArray[Any]]]:
    """S draws of (latents, data) from the model, each (S, *batch, *event) by site.

    What the model is given besides x, and how many rows there are, is taken from the batch.
    """
    model, args = parts(pair)[0], tensors(pair, batch)
    with repeatable(pair, rng_seed):
        seen = run(model, args)
        data, latents = _observed(seen, set()), sorted(seen.latents)
        hidden = {n for n, site in data.items() if site["infer"].get("training_only")}
        made = [_generated(model, args, {}).sites for _ in range(num_draws)]
    return (
        _stacked([{n: sites[n]["value"] for n in latents} for sites in made]),
        _stacked([{n: sites[n]["value"] for n in data if n not in hidden} for sites in made]),
    )


def _generated(model: Callable[..., Any], args: Rows, latents: Mapping[str, torch.Tensor]) -> Run:
    """A run of the model that draws its data, at given latents."""
    # A model that reads the rows before the one that it draws has to read its own.
    size = len(args[0]) if can_draw(model) else None
    return run(model, args, values=latents, size=size, blind=size is None)


def _observed(seen: Run, hidden: set[str]) -> dict[str, Any]:
    """The sites that observe data."""
    return {n: site for n, site in seen.sites.items() if site["is_observed"] and n not in hidden}


def _masked_log_prob(site: Mapping[str, Any]) -> torch.Tensor:
    return scale_and_mask(site["fn"].log_prob(site["value"]), 1.0, site["mask"])


def _stacked(runs: list[dict[str, torch.Tensor]]) -> dict[str, NDArray[Any]]:
    """One array by name, runs along its first axis."""
    return {name: torch.stack([run[name] for run in runs]).cpu().numpy() for name in runs[0]}
