"""Many gradients of one objective at fixed parameters, on Pyro."""

from __future__ import annotations

import contextlib
import copy
import time
from collections.abc import Mapping
from typing import Any

import numpy as np
import pyro
import torch
from numpy.typing import NDArray
from pyro.infer import elbo as upstream

from inference.engines.pyro.copies import isolate
from inference.engines.pyro.evaluation import repeatable, tensors
from inference.engines.pyro.inspection import inspect
from inference.engines.pyro.isolation import with_gradients
from inference.engines.pyro.memory import memory_of
from inference.engines.pyro.pairs import StoredPair, parts
from inference.engines.pyro.parameters import drop_owned, set_values, stored_values, unconstrained
from inference.engines.pyro.program import PyroProgram
from inference.engines.pyro.random_state import seed_all
from inference.engines.pyro.vectorisation import CannotVectoriseError, many_gradients
from inference.program.moments import GradientMoments, welford
from inference.program.program import OWNED
from inference.program.surrogate import Surrogate

_MANY = 20  # gradients, from which on they are worked out at once where the loss allows it


@with_gradients()
def gradients(
    pair: Any,
    objective: Any,
    batch: tuple[NDArray[Any], ...],
    repeats: int,
    *,
    values: Mapping[str, NDArray[Any]] | None = None,
    seed: int = 0,
) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.float64]]:
    """Gradients of the objective's loss by parameter, (repeats, ...) each, and its values.

    Args:
        pair: the pair.
        objective: an objective, or a loss of Pyro's own.
        batch: what model and guide take.
        repeats: how many gradients, each from draws of its own.
        values: parameters in place of the pair's initial ones; of what the objective owns too,
            by their names without the prefix `objective.`.
        seed: seed of the draws.
    """
    stored = StoredPair(pair)
    args = tuple(torch.tensor(np.asarray(array)) for array in batch)
    theirs = isinstance(objective, upstream.ELBO)
    collected: dict[str, list[NDArray[np.float64]]] = {}
    losses = []
    with stored.scope(), torch.random.fork_rng(), pyro.validation_enabled(False):
        seed_all(seed)
        memory_of(objective).asked = True  # what it estimates is to be measured
        _loss(objective, stored, args, theirs=theirs)  # brings all parameters into being
        start = stored_values(stored, owned=True)
        for name, value in (values or {}).items():
            start |= {key: value for key in (name, OWNED + name) if key in start}
        set_values(stored, start, owned=True)
        leaves = unconstrained(stored)
        if repeats >= _MANY and not theirs:
            with contextlib.suppress(CannotVectoriseError):
                return many_gradients(
                    lambda: objective(stored.model, stored.guide, *args), leaves, repeats
                )
        for _ in range(repeats):
            if getattr(objective, "owns", False):
                set_values(stored, start, owned=True)  # what it carries along moves on
            for leaf in leaves.values():
                leaf.grad = None
            losses.append(_loss(objective, stored, args, theirs=theirs))
            for name, leaf in leaves.items():
                grad = torch.zeros_like(leaf) if leaf.grad is None else leaf.grad
                collected.setdefault(name, []).append(grad.double().numpy().copy())
    return {name: np.stack(parts) for name, parts in collected.items()}, np.array(losses)


def _loss(objective: Any, pair: StoredPair, args: tuple[torch.Tensor, ...], *, theirs: bool) -> Any:
    if theirs:
        loss = objective.loss_and_grads(pair.model, pair.guide, *args)
        return float(loss[0] if isinstance(loss, tuple) else loss)
    loss = objective(pair.model, pair.guide, *args)
    loss.backward()
    return loss.item()


@with_gradients()
def snapshot(pair: Any, batch: tuple[NDArray[Any], ...], seed: int) -> StoredPair:
    """The pair at its present parameters, which nothing that is done with it changes.

    Bare functions have theirs in Pyro's global store, if they have been run before.

    Args:
        pair: the pair.
        batch: what model and guide take.
        seed: of initial values that are drawn, where the pair has not been fitted.
    """
    module = getattr(pair, "wrapped", pair)
    first = next(module.parameters(), None) if isinstance(module, torch.nn.Module) else None
    twin = isolate(pair, torch.device("cpu") if first is None else first.device)
    known = pyro.get_param_store().get_state()
    with repeatable(twin, seed):
        inspect(twin.model, twin.guide, tensors(pair, batch), {})  # brings parameters into being
    if not isinstance(pair, StoredPair):
        for name in set(twin.store["params"]) & set(known["params"]):
            twin.store["params"][name] = known["params"][name]
            twin.store["constraints"][name] = known["constraints"][name]
    return twin


@with_gradients()
def parameter_groups(pair: StoredPair, batch: tuple[NDArray[Any], ...]) -> dict[str, str]:
    """Whose each parameter is: `"model"`, `"guide"`, or `"shared"` by both.

    What neither density depends on belongs to nobody and is left out.
    """
    model, guide = parts(pair)
    args = tensors(pair, batch)
    with pair.scope(), repeatable(pair, 0), with_gradients():
        structure = inspect(model, guide, args, {})
        program = PyroProgram(model, guide, args, {}, structure, vectorised=False)
        drawn = program.draw(1)
        held = {site.name: drawn.values[site.name].detach() for site in structure.proposals}
        leaves = _trained(pair)
        of_guide = _reached(drawn.log_q, leaves)
        of_model = _reached(program.draw(1, values=held).log_p, leaves)
    groups = dict.fromkeys(leaves, "shared")
    groups |= dict.fromkeys(of_model - of_guide, "model")
    groups |= dict.fromkeys(of_guide - of_model, "guide")
    return {name: groups[name] for name in leaves if name in of_model | of_guide}


@with_gradients()
def means_learn(pair: StoredPair, batch: tuple[NDArray[Any], ...]) -> bool:
    """Whether what the model returns, drawing data, changes with what is trained.

    Args:
        pair: what `snapshot` made.
        batch: what model and guide take.
    """
    model, guide = parts(pair)
    args = tensors(pair, batch)
    with pair.scope(), repeatable(pair, 0), with_gradients():
        program = PyroProgram(model, guide, args, {}, inspect(model, guide, args, {}))
        return bool(program.generate(len(args[0])).x.requires_grad)


def _trained(pair: StoredPair) -> dict[str, torch.Tensor]:
    return {name: leaf for name, leaf in unconstrained(pair).items() if leaf.requires_grad}


def _reached(total: Any, leaves: Mapping[str, torch.Tensor]) -> set[str]:
    """The parameters that a score depends on."""
    if not isinstance(total, torch.Tensor) or not total.requires_grad:
        return set()
    grads = torch.autograd.grad(total.sum(), list(leaves.values()), allow_unused=True)
    return {name for name, grad in zip(leaves, grads, strict=True) if grad is not None}


@with_gradients()
def gradient_moments(
    pair: StoredPair,
    objective: Surrogate,
    batch: tuple[NDArray[Any], ...],
    *,
    blocks: int,
    block_size: int,
    owned: Mapping[str, NDArray[Any]] | None = None,
    seed: int = 0,
) -> GradientMoments:
    """Moments of the gradients of the objective's loss, by parameter as the optimiser sees it.

    Args:
        pair: what `snapshot` made.
        objective: the objective.
        batch: what model and guide take.
        blocks: how many blocks.
        block_size: gradients in each, every one from draws of its own.
        owned: values of what the objective owns, as `Run.owned` has them.
        seed: seed of the draws.
    """
    loss_of: Any = copy.copy(objective)  # which owns nothing yet
    memory_of(loss_of).asked = True
    args = tensors(pair, batch)
    means, squares, losses, seconds = [], [], [], []
    with pair.scope(), torch.random.fork_rng(), pyro.validation_enabled(False):
        seed_all(seed)
        start = stored_values(pair)
        with torch.no_grad():  # brings what the objective owns into being, and moves no state of it
            loss_of(pair.model, pair.guide, *args)
        start = stored_values(pair, owned=True) | start
        start |= {name: value for name, value in (owned or {}).items() if name in start}
        leaves = _trained(pair)
        moving = objective.owns or len(start) > len(leaves)  # state, averages of normalisation
        for _ in range(blocks):
            mean = {
                name: torch.zeros_like(leaf, dtype=torch.float64) for name, leaf in leaves.items()
            }
            square, total, spent = dict(mean), 0.0, 0.0
            for count in range(1, block_size + 1):
                if moving or count == 1:
                    set_values(pair, start, owned=True)
                began = time.perf_counter()
                loss = loss_of(pair.model, pair.guide, *args)
                grads = torch.autograd.grad(loss, list(leaves.values()), allow_unused=True)
                spent += time.perf_counter() - began
                total += loss.item()
                for name, grad in zip(leaves, grads, strict=True):
                    if grad is not None:
                        updated = welford(count, mean[name], square[name], grad.double())
                        mean[name], square[name] = updated
            means.append({name: value.cpu().numpy() for name, value in mean.items()})
            squares.append({name: value.cpu().numpy() for name, value in square.items()})
            losses.append(total / block_size)
            seconds.append(spent / block_size)
        set_values(pair, start, owned=True)
        drop_owned()
    return GradientMoments(
        means=_stacked(means),
        squares=_stacked(squares),
        losses=np.array(losses),
        seconds=np.array(seconds),
        block_size=block_size,
    )


def _stacked(blocks: list[dict[str, Any]]) -> dict[str, NDArray[np.float64]]:
    return {n: np.stack([part[n] for part in blocks], dtype=np.float64) for n in blocks[0]}
