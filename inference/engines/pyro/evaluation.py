"""Weights, evidence, draws and reconstructions of a pair on Pyro."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pyro
import torch
from numpy.typing import NDArray
from pyro import poutine

from inference.engines.pyro.pairs import evaluating, parts
from inference.engines.pyro.program import PyroProgram, inspect, samples, vectorises
from inference.engines.structure import Structure


def log_weights(
    pair: Any, check: Callable[..., None], batch: tuple[NDArray[Any], ...], rng_seed: int
) -> Callable[[tuple[Any, ...], int, tuple[int, int]], NDArray[Any]]:
    """A function (rows, K, (chunk, set)) to the logsumexp of K log weights per datum, shape (N,).

    Args:
        pair: the pair.
        check: refuses a structure that has no weights per datum.
        batch: data to find the structure with.
        rng_seed: seed; every chunk of data and set of particles has draws of its own.
    """
    model, guide = parts(pair)
    args = _tensors(pair, batch)
    structure = inspect(model, guide, args, {})
    check(structure)
    broadcasts = vectorises(model, guide, args, {}, structure)

    def total(rows: tuple[Any, ...], num_particles: int, draw: tuple[int, int]) -> NDArray[Any]:
        with _repeatable(pair, _seed(rng_seed, *draw)):
            program = PyroProgram(
                model, guide, _tensors(pair, rows), {}, structure, vectorised=broadcasts
            )
            return program.draw(num_particles).log_w.logsumexp(0).cpu().numpy()

    return total


def structure(pair: Any, batch: tuple[NDArray[Any], ...]) -> Structure:
    """Sites and plates of a pair on one batch; leaves no parameters behind in Pyro's store."""
    store: Any = pyro.get_param_store()
    known = {key: dict(value) for key, value in store.get_state().items()}
    with store.scope(known), _repeatable(pair, 0):
        return inspect(*parts(pair), _tensors(pair, batch), {})


def log_evidence(pair: Any, *batch: NDArray[Any]) -> NDArray[Any]:
    """The pair's own closed form of log p(x), shape (N,)."""
    with _repeatable(pair, 0):
        return pair.log_evidence(*_tensors(pair, batch)).cpu().numpy()


def draw(pair: Any, size: int, rng_seed: int) -> tuple[NDArray[Any], NDArray[Any]]:
    """`size` rows from the model: the likelihood's means and the draws of `x`."""
    with _repeatable(pair, rng_seed):
        run = poutine.trace(parts(pair)[0]).get_trace(None, size=size)
        means: Any = run.nodes["_RETURN"]["value"]
        draws: Any = run.nodes["x"]["value"]
        return means.cpu().numpy(), draws.cpu().numpy()


def encode(pair: Any, *batch: NDArray[Any], rng_seed: int = 0) -> dict[str, NDArray[Any]]:
    """The guide's mean of each latent, or a draw where its distribution has no mean."""
    latents = {}
    with _repeatable(pair, rng_seed):
        run = poutine.trace(parts(pair)[1]).get_trace(*_tensors(pair, batch))
        for name, site in samples(run):
            if not site["is_observed"]:
                try:
                    latents[name] = site["fn"].mean.cpu().numpy()
                except NotImplementedError:
                    latents[name] = site["value"].cpu().numpy()
    return latents


def decode(pair: Any, latents: Mapping[str, NDArray[Any]], rng_seed: int = 0) -> NDArray[Any]:
    """The likelihood's mean at given latents, each with N rows."""
    names, values = list(latents), _tensors(pair, tuple(latents.values()))
    with _repeatable(pair, rng_seed):
        model = poutine.condition(parts(pair)[0], data=dict(zip(names, values, strict=True)))
        return model(None, size=len(values[0])).cpu().numpy()


def _seed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


@contextlib.contextmanager
def _repeatable(pair: Any, rng_seed: int) -> Iterator[None]:
    """A random state of its own, no gradients, evaluation mode."""
    with (
        torch.random.fork_rng(),
        torch.no_grad(),
        evaluating(pair),
        pyro.validation_enabled(False),
    ):
        torch.manual_seed(rng_seed)
        yield


def _tensors(pair: Any, batch: tuple[Any, ...]) -> tuple[torch.Tensor, ...]:
    """Copies on the pair's device; torch cannot take an array that is read-only."""
    module = getattr(pair, "wrapped", pair)
    first = next(module.parameters(), None) if isinstance(module, torch.nn.Module) else None
    device = None if first is None else first.device
    return tuple(torch.tensor(np.asarray(array), device=device) for array in batch)
