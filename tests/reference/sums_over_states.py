"""The exact gradient of a random program's ELBO, in float64 of torch.

Summed over all states of discrete latents, over Gauss-Hermite nodes of Gaussian ones, and over the
parts of the data that the plate can take.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from random_programs import LEVEL, SPREAD, RandomProgram, Site
from torch import Tensor


def gradient(program: RandomProgram) -> dict[str, Any]:
    """By parameter."""
    values = {
        name: torch.tensor(np.float32(value).item(), dtype=torch.double, requires_grad=True)
        for name, value in program.values.items()
    }
    parts = list(itertools.combinations(range(program.rows), program.taken))
    bounds = torch.stack([_elbo(program, values, list(part)) for part in parts])
    slopes = torch.autograd.grad(bounds.mean(), list(values.values()), allow_unused=True)
    return {
        name: np.array(0.0 if slope is None else slope.item())
        for name, slope in zip(values, slopes, strict=True)
    }


def _elbo(program: RandomProgram, values: Mapping[str, Tensor], part: list[int]) -> Tensor:
    """The bound where the plate takes these rows, summed over states and nodes."""
    drawn, log_mass, terms = _nodes(program), torch.zeros(()), torch.zeros(())
    x = torch.tensor(program.x[..., part], dtype=torch.double)
    x = x if x.ndim < 2 else x.sum(0)
    for name in program.guide_order:
        site = program.latents[name]
        field = _field(program, site, values[f"guide_{name}"], site.guide_parents, drawn)
        field = field + site.slope * x if site.slope else field
        if site.kind == "normal":
            width = values[f"width_{name}"].exp()
            points, masses = np.polynomial.hermite_e.hermegauss(site.states)
            node = drawn[name]
            drawn[name] = field + width * torch.tensor(points)[node]
            density = _log_p(site, field, drawn[name], width)
            mass = torch.tensor(np.log(masses / masses.sum()))[node]
        else:
            density = mass = _log_p(site, field, drawn[name])
        log_mass = log_mass + mass.flatten(1).sum(1) if mass.ndim > 1 else log_mass + mass
        terms = terms - _weighed(program, site, density)
    for name, site in {**program.latents, **program.observed}.items():
        field = _field(program, site, values[f"model_{name}"], site.parents, drawn)
        seen = drawn.get(name)
        if seen is None:
            seen = torch.tensor(program.observations[name], dtype=torch.double)
            seen = seen if site.frame == "global" else seen[..., part]
        spread = torch.tensor(1.0 if name in program.observed else SPREAD, dtype=torch.double)
        terms = terms + _weighed(program, site, _log_p(site, field, seen, spread))
    return (log_mass.exp() * terms).sum()


def _nodes(program: RandomProgram) -> dict[str, Tensor]:
    """Every joint state, by latent: (S, ...); of a Gaussian draw the number of its node."""
    sizes = {n: int(np.prod(program.shape(s))) for n, s in program.latents.items()}
    each = [range(s.states) for n, s in program.latents.items() for _ in range(sizes[n])]
    grid, found, start = torch.tensor(list(itertools.product(*each))), {}, 0
    for name, site in program.latents.items():
        columns = grid[:, start : start + sizes[name]]
        found[name] = columns.reshape(len(grid), *program.shape(site))
        start += sizes[name]
    return found


def _field(
    program: RandomProgram, site: Site, base: Tensor, parents: Mapping[str, float], drawn: Any
) -> Tensor:
    for name, weight in parents.items():
        value = drawn[name].double()
        while value.ndim < 1 + LEVEL[site.frame]:
            value = value[:, None]
        base = base + weight * value
    return base + torch.zeros(1, *program.shape(site), dtype=torch.double)


def _log_p(site: Site, field: Tensor, value: Tensor, spread: Any = None) -> Tensor:
    if site.kind == "normal":
        return -0.5 * ((value - field) / spread) ** 2 - spread.log() - 0.5 * np.log(2 * np.pi)
    if site.kind == "bernoulli":
        logits = torch.stack([torch.zeros_like(field), field], -1)
    else:
        logits = torch.stack([torch.zeros_like(field), field, -0.5 * field], -1)
    logits = logits.log_softmax(-1).expand(*value.shape, -1)
    return logits.gather(-1, value[..., None])[..., 0]


def _weighed(program: RandomProgram, site: Site, density: Tensor) -> Tensor:
    scale = site.scale * program.outer
    if site.frame != "global":
        scale *= program.rows / program.taken
    if site.mask is not None:
        density = torch.where(torch.tensor(site.mask), density, torch.zeros(()))
    return scale * (density.flatten(1).sum(1) if density.ndim > 1 else density)
