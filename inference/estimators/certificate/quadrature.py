"""Sites as numpy: log densities, the states of discrete draws, Gauss-Hermite nodes of others."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

from inference.estimators.certificate.sites import Arrays, Site


def score(
    sites: Iterable[Site], values: Arrays, known: Mapping[str, NDArray[Any]]
) -> NDArray[np.float64]:
    """Sum of the sites' log densities at known values; those of discrete sites extend linearly."""
    return sum(
        (log_density(site, known[site.name], site.parameters(values, known)) for site in sites),
        start=np.zeros(()),
    )


def log_density(site: Site, value: NDArray[Any], parameters: Any) -> NDArray[np.float64]:
    """log density of a value, summed over the event."""
    if site.kind == "normal":
        loc, log_scale = parameters
        eps = (value - loc) * np.exp(-log_scale)
        return (-0.5 * eps**2 - log_scale - 0.5 * np.log(2 * np.pi)).sum(-1)
    if site.kind == "bernoulli":
        return (value * parameters - np.logaddexp(0, parameters)).sum(-1)
    chosen = value if site.kind == "one_hot" else np.eye(site.size)[value]
    return (chosen * log_softmax(parameters, axis=-1)).sum(-1)


def walk(
    sites: Iterable[Site], values: Arrays, known: Mapping[str, NDArray[Any]], order: int
) -> tuple[NDArray[np.float64], Arrays]:
    """Log masses and nodes of all sites in order, each on a new first axis.

    Args:
        sites: the sites to integrate over.
        values: parameter values.
        known: what the sites may depend on.
        order: Gauss-Hermite nodes for each Gaussian dimension.
    """
    log_mass, known = np.zeros(()), dict(known)
    for site in sites:
        parameters = site.parameters(values, known)
        if site.kind == "normal":
            extra, known[site.name] = normal_nodes(site, parameters, order)
        else:
            known[site.name] = stacked(states(site), np.ndim(parameters) - 1)
            extra = log_density(site, known[site.name], parameters)
        log_mass = log_mass + extra
    return log_mass, known


@functools.lru_cache(maxsize=64)
def hermite(order: int, dims: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log masses (M,) and nodes (M, dims) of a standard Gaussian; masses below 1e-18 left out."""
    nodes, masses = np.polynomial.hermite_e.hermegauss(order)
    masses = masses / masses.sum()
    kept = masses > 1e-18
    grids = np.meshgrid(*[nodes[kept]] * dims, indexing="ij")
    log_masses = np.meshgrid(*[np.log(masses[kept])] * dims, indexing="ij")
    found = np.sum(log_masses, axis=0).ravel(), np.stack(grids, axis=-1).reshape(-1, dims)
    for array in found:  # whoever asks is given the same
        array.flags.writeable = False
    return found


def states(site: Site) -> NDArray[Any]:
    """Every value of a discrete site, (M, event)."""
    if site.kind == "bernoulli":
        return np.array(list(itertools.product([0.0, 1.0], repeat=site.size)))
    return np.eye(site.size) if site.kind == "one_hot" else np.arange(site.size)


def stacked(nodes: NDArray[Any], rank: int) -> NDArray[Any]:
    """(M, event) as (M, 1, ..., 1, event) with `rank` ones."""
    return nodes.reshape(nodes.shape[:1] + (1,) * rank + nodes.shape[1:])


def normal_nodes(
    site: Site, parameters: Any, order: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log masses (M, ...) and Gauss-Hermite nodes (M, ..., size) of a Gaussian site."""
    log_mass, eps = hermite(order, site.size)
    loc = np.zeros(site.size) + parameters[0]
    rank = loc.ndim - 1
    log_masses = stacked(log_mass, rank) + np.zeros(loc.shape[:-1])
    return log_masses, loc + np.exp(parameters[1]) * stacked(eps, rank)


def flatten(
    sites: Iterable[Site], log_mass: NDArray[Any], known: Arrays, keep: int
) -> tuple[NDArray[Any], Arrays]:
    """All axes but the last `keep` (the data) and the event as one."""
    batch = log_mass.shape
    kept = (-1, *batch[len(batch) - keep :])
    flat = {}
    for site in sites:
        event = () if site.kind == "integer" else (site.size,)
        flat[site.name] = np.broadcast_to(known[site.name], batch + event).reshape(kept + event)
    return log_mass.reshape(kept), flat
