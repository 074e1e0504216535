"""Weights, evidence, draws and reconstructions of a pair on Pyro."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pyro
import torch
from numpy.typing import NDArray
from pyro.contrib.easyguide import EasyGuide

from inference.engines.pyro import discrete
from inference.engines.pyro.copies import untouched_parts
from inference.engines.pyro.inspection import inspect
from inference.engines.pyro.isolation import random_states, untouched
from inference.engines.pyro.ops import Ops
from inference.engines.pyro.pairs import evaluating, parts
from inference.engines.pyro.particles import vectorises
from inference.engines.pyro.program import PyroProgram
from inference.engines.pyro.random_state import seed_all
from inference.engines.pyro.traces import proposing, run
from inference.engines.thread_lock import ALONE
from inference.program.angles import angles, counted_once
from inference.program.distributions import unwrapped
from inference.program.draws import Draws
from inference.program.guide_means import guide_means
from inference.program.program import OWNED
from inference.program.structure import Structure


def log_weights(
    pair: Any, check: Callable[..., None], batch: tuple[NDArray[Any], ...], rng_seed: int
) -> Callable[..., tuple[NDArray[Any], NDArray[Any]]]:
    """A function (rows, K, (chunk, set)) to the log of the sum of K weights, and of squares, (N,).

    A fourth argument, latent to value of shape (N, *event), holds latents at values: the weights
    are then those of p(x, held). Sites that are for training only are left out.

    Args:
        pair: the pair.
        check: refuses a structure that has no weights per datum.
        batch: data to find the structure with.
        rng_seed: seed; every chunk of data and set of particles has draws of its own.
    """

    def total(
        draws: Draws, structure: Structure, held: Mapping[str, Any], num_particles: int
    ) -> tuple[NDArray[Any], NDArray[Any]]:
        log_w = draws.likelihood_weight(structure.training_only, held)
        # Where nothing is drawn, all particles are one and the same.
        log_w = log_w.expand(num_particles, *log_w.shape[1:])
        return log_w.logsumexp(0).cpu().numpy(), (2 * log_w).logsumexp(0).cpu().numpy()

    return _reading(pair, check, batch, rng_seed, total)


def site_densities(
    pair: Any,
    check: Callable[..., None],
    batch: tuple[NDArray[Any], ...],
    rng_seed: int,
    *,
    divergences: bool = False,
) -> Callable[..., Draws]:
    """A function (rows, K, (chunk, set)) to log p and log q of K draws per datum, by site.

    The function takes what that of `log_weights` takes; each density is (K, N), and the values that
    were drawn are not kept.

    Args:
        pair: the pair.
        check: refuses a structure that has no weights per datum.
        batch: data to find the structure with.
        rng_seed: seed; every chunk of data and set of particles has draws of its own.
        divergences: whether to work out KL(q || p) where it is valid and known.
    """

    def every(
        draws: Draws, structure: Structure, held: Mapping[str, Any], num_particles: int
    ) -> Draws:
        del structure, held
        found = as_arrays(draws)
        # (1, N) where nothing is drawn: all particles are one and the same.
        log_p, log_q = (
            {name: np.broadcast_to(v, (num_particles, *v.shape[1:])) for name, v in field.items()}
            for field in (found.log_p_sites, found.log_q_sites)
        )
        return replace(found, log_p_sites=log_p, log_q_sites=log_q)

    return _reading(pair, check, batch, rng_seed, every, divergences=divergences)


def as_arrays(draws: Draws) -> Draws:
    """The densities of draws in numpy's arrays."""
    fields = (draws.log_p_sites, draws.log_q_sites, draws.divergences)
    log_p, log_q, known = (
        {name: tensor.cpu().numpy() for name, tensor in field.items()} for field in fields
    )
    return Draws(log_p, log_q, known, draws.scored)


def _reading(
    pair: Any,
    check: Callable[..., None],
    batch: tuple[NDArray[Any], ...],
    rng_seed: int,
    read: Callable[[Draws, Structure, Mapping[str, Any], int], Any],
    *,
    divergences: bool = False,
) -> Callable[..., Any]:
    """A function to what `read` takes from draws; see `log_weights`."""
    model, guide = parts(pair)[0], proposing(parts(pair)[1])
    args = tensors(pair, batch)
    with evaluating(pair):  # or batch normalisation would count this as one more batch
        structure = inspect(model, guide, args, {})
        check(structure)
        broadcasts = vectorises(model, guide, args, {}, structure)

    def scored(
        rows: tuple[Any, ...],
        num_particles: int,
        draw: tuple[int, int],
        held: Mapping[str, NDArray[Any]] | None = None,
    ) -> Any:
        held = held or {}
        values = zip(held, tensors(pair, tuple(held.values())), strict=True)
        fixed = {name: value.expand(num_particles, *value.shape) for name, value in values}
        with repeatable(pair, _seed(rng_seed, *draw)):
            args = tensors(pair, rows)
            own = structure
            if fixed or angles(structure):  # values are looked at: in the shapes of these rows
                own = inspect(model, guide, args, {})
            program = PyroProgram(model, guide, args, {}, own, vectorised=broadcasts)
            draws = program.draw(num_particles, divergences=divergences, values=fixed)
            return read(counted_once(draws, own, Ops), structure, held, num_particles)

    return scored


def copied(store: Any) -> AbstractContextManager[Any]:
    """A scope of a parameter store that begins as it is, and leaves nothing behind."""
    return store.scope({key: dict(value) for key, value in store.get_state().items()})


def structure(pair: Any, batch: tuple[NDArray[Any], ...]) -> Structure:
    """Sites and plates of a pair on one batch; leaves nothing behind in Pyro's store or a guide."""
    store: Any = pyro.get_param_store()
    with ALONE, copied(store), repeatable(pair, 0):
        try:
            found = inspect(*untouched_parts(pair), tensors(pair, batch), {})
            return replace(found, on=partial(structure, pair))
        except Exception:
            guide = parts(getattr(pair, "wrapped", pair))[1]
            if isinstance(guide, EasyGuide):
                guide.plates.clear()  # or it would keep those of a run that failed
            raise


def guide_log_probs(pair: Any, batch: tuple[NDArray[Any], ...], site: str) -> NDArray[Any]:
    """The guide's log probability of each value of a categorical latent, shape (N, values)."""
    with repeatable(pair, 0):
        found = run(parts(pair)[1], tensors(pair, batch))
        return discrete.logits(found.sites[site]["fn"]).cpu().numpy()


def critic_scores(
    pair: Any,
    objective: Any,
    owned: Mapping[str, NDArray[Any]],
    batch: tuple[NDArray[Any], ...],
    asked: str = "scores",
) -> NDArray[Any]:
    """What the critic that an objective owns says of each datum; its score, (N,), as a rule."""
    twin, values = copy.copy(objective), {n.removeprefix(OWNED): v for n, v in owned.items()}
    store: Any = pyro.get_param_store()
    with ALONE, store.scope(), repeatable(pair, 0), contextlib.ExitStack() as stack:
        for name, module in objective.networks.items():
            network = copy.deepcopy(module)
            mine = {n: torch.tensor(v) for n, v in values.items() if n.startswith(f"{name}.")}
            network.load_state_dict({n.removeprefix(f"{name}."): v for n, v in mine.items()})
            stack.enter_context(evaluating(network))
            setattr(twin, name, network)
        args = tensors(pair, batch)
        program = PyroProgram(*parts(pair), args, {}, Structure({}, {}))
        for name, value in values.items():
            program.parameter(name, value)
        return getattr(twin, asked)(program).cpu().numpy()


def log_evidence(pair: Any, *batch: NDArray[Any]) -> NDArray[Any]:
    """The pair's own closed form of log p(x), shape (N,)."""
    with repeatable(pair, 0):
        return pair.log_evidence(*tensors(pair, batch)).cpu().numpy()


@torch.no_grad()
def encode(
    pair: Any, *batch: NDArray[Any], rng_seed: int, num_draws: int
) -> dict[str, NDArray[Any]]:
    """The guide's mean of each latent: see `guide_means`."""
    args, guide = tensors(pair, batch), parts(pair)[1]

    def look(fixed: Mapping[str, Any]) -> dict[str, Any]:
        with repeatable(pair, rng_seed):
            return run(guide, args, values=fixed).latents

    def average(fixed: Mapping[str, Any], names: list[str]) -> dict[str, Any]:
        with repeatable(pair, rng_seed):
            every = (run(guide, args, values=fixed).latents for _ in range(num_draws))
            total = {name: value["value"] for name, value in next(every).items() if name in names}
            real = [name for name, value in total.items() if value.is_floating_point()]
            for sites in every:
                total |= {name: total[name] + sites[name]["value"] for name in real}
        return total | {name: total[name] / num_draws for name in real}

    def mode(site: Any) -> Any:
        categorical = discrete.family(site["fn"])[0] == "categorical"
        return discrete.logits(site["fn"]).argmax(-1) if categorical else None

    return guide_means(look, mode, average, lambda value: value.cpu().numpy())


def ask(pair: Any, ability: str, *batch: NDArray[Any], rng_seed: int = 0) -> NDArray[Any] | None:
    """What a distribution of the model makes, by a method, of data, or of a draw given them.

    None where no distribution of the model has the method.
    """
    args = tensors(pair, batch)
    with repeatable(pair, rng_seed):
        proposed = run(parts(pair)[1], args).latents
        values = {name: site["value"] for name, site in proposed.items()}
        for site in run(parts(pair)[0], args, values=values).sites.values():
            for part in unwrapped(site["fn"]):
                if hasattr(part, ability):
                    return getattr(part, ability)(site["value"]).cpu().numpy()
    return None


def _seed(*numbers: int) -> int:
    return int(np.random.SeedSequence(numbers).generate_state(1)[0])


@contextlib.contextmanager
def repeatable(pair: Any, rng_seed: int) -> Iterator[None]:
    """A random state of its own, no gradients, evaluation mode; nothing is left behind."""
    with (
        random_states(),
        torch.no_grad(),
        evaluating(pair),
        untouched(*parts(pair)),
        pyro.validation_enabled(False),
    ):
        seed_all(rng_seed)
        yield


def tensors(pair: Any, batch: tuple[Any, ...]) -> tuple[torch.Tensor, ...]:
    """Copies on the pair's device; torch cannot take an array that is read-only."""
    module = getattr(pair, "wrapped", pair)
    first = next(module.parameters(), None) if isinstance(module, torch.nn.Module) else None
    device = None if first is None else first.device
    return tuple(torch.tensor(np.asarray(array), device=device) for array in batch)
