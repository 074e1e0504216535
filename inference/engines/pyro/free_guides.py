"""Guides with free parameters for each datum, on Pyro."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pyro
import pyro.distributions as dist
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.engines.pyro import discrete
from inference.engines.pyro.evaluation import as_arrays, copied, repeatable, tensors
from inference.engines.pyro.inspection import inspect
from inference.engines.pyro.pairs import parts
from inference.engines.pyro.particles import vectorises
from inference.engines.pyro.program import PyroProgram
from inference.engines.pyro.traces import run
from inference.engines.thread_lock import ALONE
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
        self.pair = pair
        self.model, self.amortised = parts(pair)
        with self._running(0):
            arrays = tensors(pair, batch)
            self.structure = inspect(self.model, self.amortised, arrays, {})
            check_freeable(self.structure, len(batch[0]))
            check(self.structure)
            self._kinds = self._found(arrays)
            check_independent(self._kinds, self._found(arrays))
        self.plate = self.structure.shared_plates[0]

    def start(self, rows: Rows) -> Parameters:
        """The amortised guide's parameters for each datum, by site and name."""
        with self._running(0):
            found = self._found(tensors(self.pair, rows))
        return {
            name: {key: value.cpu().numpy() for key, value in one.parameters.items()}
            for name, one in found.items()
        }

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
        with self._running(rng_seed):
            program = self._program(rows, start)
            store: Any = pyro.get_param_store()
            leaves = {name: store._params[name] for name in self._names(start)}
            optimiser = torch.optim.Adam(leaves.values(), lr=learning_rate, foreach=True)
            for step in range(steps):
                optimiser.param_groups[0]["lr"] = (
                    learning_rate * (1 + math.cos(math.pi * step / steps)) / 2
                )
                with torch.enable_grad():
                    loss = -objective.surrogate(program)
                    gradients = torch.autograd.grad(loss, list(leaves.values()))
                for leaf, gradient in zip(leaves.values(), gradients, strict=True):
                    leaf.grad = gradient
                optimiser.step()
            return {
                site: {key: leaves[_name(site, key)].detach().cpu().numpy() for key in own}
                for site, own in start.items()
            }

    def draw(self, rows: Rows, parameters: Parameters, num_draws: int, rng_seed: int) -> Draws:
        """Densities of K draws per datum, by site."""
        with self._running(rng_seed):
            return as_arrays(self._program(rows, parameters).draw(num_draws))

    @contextlib.contextmanager
    def _running(self, rng_seed: int) -> Iterator[None]:
        """Free parameters are registered in a copy of the store, which is then forgotten."""
        with ALONE, copied(pyro.get_param_store()), repeatable(self.pair, rng_seed):
            yield

    def _found(self, rows: Rows) -> dict[str, Freed]:
        sites = run(self.amortised, rows).sites
        return {site.name: freed(site.name, sites[site.name]) for site in self.structure.proposals}

    def _names(self, parameters: Parameters) -> list[str]:
        return [_name(site, key) for site, own in parameters.items() for key in own]

    def _program(self, rows: Rows, parameters: Parameters) -> PyroProgram:
        args = tensors(self.pair, rows)
        for site, own in parameters.items():
            for key, value in zip(own, tensors(self.pair, tuple(own.values())), strict=True):
                pyro.param(_name(site, key), value)

        def guide(*args: Any) -> None:
            with pyro.plate(self.plate.name, len(args[0]), dim=self.plate.dim):
                for site, kind in self._kinds.items():
                    own = {key: pyro.param(_name(site, key)) for key in kind.parameters}
                    pyro.sample(site, distribution(kind, own))

        structure = inspect(self.model, guide, args, {})
        broadcasts = vectorises(self.model, guide, args, {}, structure)
        return PyroProgram(self.model, guide, args, {}, structure, vectorised=broadcasts)


def _name(site: str, key: str) -> str:
    return f"{PREFIX}{site}.{key}"


def freed(name: str, site: Mapping[str, Any]) -> Freed:
    """A guide's distribution with its parameters written out for each datum.

    Raises:
        ObjectiveError: if its family is not one of those that can be freed.
    """
    fn: Any = site["fn"]
    base: Any = fn
    while isinstance(base, (torch.distributions.Independent, dist.ExpandedDistribution)):
        base = base.base_dist
    shape, kind = fn.batch_shape + fn.event_shape, discrete.family(base)[0]
    event_dims = fn.event_dim - base.event_dim
    if site["mask"] is not None or not torch.all(torch.as_tensor(site["scale"]) == 1):
        raise refused_family(name, base)
    if kind:
        return Freed(kind, event_dims, {"logits": discrete.logits(fn)})
    if isinstance(base, torch.distributions.Normal):
        loc, scale = base.loc.expand(shape), base.scale.expand(shape)
        return Freed("normal", event_dims, {"loc": loc, "log_scale": scale.log()})
    if isinstance(base, torch.distributions.MultivariateNormal):
        tril = base.scale_tril.expand(*shape, shape[-1])
        free = tril.tril(-1) + torch.diag_embed(tril.diagonal(dim1=-2, dim2=-1).log())
        return Freed(
            "multivariate-normal", event_dims, {"loc": base.loc.expand(shape), "tril": free}
        )
    if isinstance(base, torch.distributions.LowRankMultivariateNormal):
        factor = base.cov_factor.expand(*shape, base.cov_factor.shape[-1])
        diagonal, loc = base.cov_diag.expand(shape).log(), base.loc.expand(shape)
        parameters = {"loc": loc, "factor": factor, "log_diagonal": diagonal}
        return Freed("low-rank-normal", event_dims, parameters)
    raise refused_family(name, base)


def distribution(kind: Freed, free: Mapping[str, Tensor]) -> Any:
    """The distribution of a family at free parameters."""
    if kind.family == "normal":
        fn: Any = dist.Normal(free["loc"], free["log_scale"].exp())
    elif kind.family == "multivariate-normal":
        own = free["tril"]
        tril = own.tril(-1) + torch.diag_embed(own.diagonal(dim1=-2, dim2=-1).exp())
        fn = dist.MultivariateNormal(free["loc"], scale_tril=tril)
    elif kind.family == "low-rank-normal":
        fn = dist.LowRankMultivariateNormal(free["loc"], free["factor"], free["log_diagonal"].exp())
    elif kind.family == "bernoulli":
        fn = dist.Bernoulli(logits=free["logits"])
    elif kind.family == "categorical":
        fn = dist.Categorical(logits=free["logits"])
    else:
        fn = dist.OneHotCategorical(logits=free["logits"])
    return fn.to_event(kind.event_dims)
