"""Weights, evidence, structure and gradients of a pair on Pyro, for the checker."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Collection, Mapping
from typing import Any

import numpy as np
import pyro
import torch
from pyro.distributions import constraints
from torch import Tensor
from torch.overrides import TorchFunctionMode

from inference.engines.pyro.evaluation import log_evidence
from inference.engines.pyro.factors import sources
from inference.engines.pyro.inspection import describe, inspect
from inference.engines.pyro.pair_networks import is_unregistered
from inference.engines.pyro.parameters import children_left_out, unconstrained, within
from inference.engines.pyro.particles import obstacle, vectorises
from inference.engines.pyro.program import PyroProgram
from inference.engines.pyro.random_state import seed_all
from inference.engines.pyro.records import Recorder, held_at, tensors
from inference.engines.pyro.site_records import log_prob_sum
from inference.engines.pyro.traces import Run
from inference.program.closures import held_in
from inference.program.distributions import entries, parts_of, ranks_of, sequential_part
from inference.program.obstacles import Obstacle
from inference.program.records import (
    Array,
    Parameter,
    Slopes,
    nudge,
    sum_and_size,
)
from inference.program.structure import Structure, can_draw

_STEPS = {True: 1e-8, False: 1e-2}  # of central differences, in float64 and in float32
_ROUNDING = {True: 1e-15, False: 1e-7}


class Probe(Recorder):
    """Runs a copy of a pair, and works out what the checks ask of it; the pair stays as it is."""

    def anew(self) -> Probe:
        """A probe that has run nothing."""
        return Probe(self.given, self.batch)

    def log_weights(
        self, num_particles: int, sets: int, check: Callable[[Structure], None]
    ) -> tuple[Array, Array]:
        """log p - log q of draws of the guide's, per datum.

        Args:
            num_particles: K.
            sets: S.
            check: refuses a structure that has no weights per datum.

        Returns:
            Of S single draws, (S, N), and of S sets of K draws, (S, K, N).
        """
        with self._apart(1), torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            args, functions = tensors(self.batch), (self.pair.model, self.pair.guide)
            known = inspect(*functions, args, {})
            check(known)
            outer = vectorises(*functions, args, {}, known)

            def drawn(count: int) -> Array:
                program = PyroProgram(*functions, args, {}, known, vectorised=outer)
                return program.draw(count).likelihood_weight(known.training_only).double().numpy()

            single = np.stack([drawn(1)[0] for _ in range(sets)])
            return single, np.stack([drawn(num_particles) for _ in range(sets)])

    def obstacle(self, structure: Structure) -> Obstacle | None:
        """Why particles go through the pair one by one, if they do."""
        with self._apart(1):
            functions = self.pair.model, self.pair.guide
            return obstacle(*functions, tensors(self.batch), {}, structure)

    def entry_densities(
        self, site: str, batch: tuple[Any, ...], values: Mapping[str, Array], inputs: Array
    ) -> list[tuple[Array, Array, Array]]:
        """See `inference.program.instruments.Probe.entry_densities`."""
        with self._apart(0), torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            run, _ = self._run("model", tensors(batch), held_at(values, double=False), None)
            fn, value = run.sites[site]["fn"], run.sites[site]["value"]
            return [
                (
                    np.asarray(ranks_of(law)),
                    entries(law.conditionals(torch.as_tensor(inputs))).log_prob(value).numpy(),
                    law.log_prob(value).numpy(),
                )
                for law in parts_of(sequential_part(fn))
            ]

    def log_evidence(self) -> Array:
        """The pair's own closed form of log p(x), (N,)."""
        return log_evidence(self.pair, *self.batch)

    def structure(self) -> Structure:
        """Sites and plates of model and guide, as objectives see them."""
        with self._apart(0), torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            args = tensors(self.batch)
            guide, _ = self._run("guide", args, {}, None)
            model, _ = self._run("model", args, guide.values, None)
            factors = sources(self.pair.model, model.trace, args, {})
            draws = can_draw(self.pair.model)
            return describe(guide.trace, model.trace, args, can_draw=draws, factors=factors)

    @property
    def parameters(self) -> dict[str, Parameter]:
        """The parameters that the runs so far have asked for, by public name."""
        found = {}
        named = unconstrained(self.pair)
        by_id = {id(tensor): name for name, tensor in named.items()}
        with self.pair.scope():
            store: Any = pyro.get_param_store()
            for key in list(store.keys()):
                leaf = store._params[key]
                constraint = store._constraints.get(key, constraints.real)
                value = store[key].detach()
                found[by_id[id(leaf)]] = Parameter(
                    value=value.numpy().copy(),
                    constraint=type(constraint).__name__.strip("_").lower(),
                    inside=within(constraint, value),
                )
        return found

    def unregistered(self, latents: Collection[str]) -> list[str]:
        """See `inference.program.instruments.Probe.unregistered`."""
        known = {id(tensor) for tensor in unconstrained(self.pair).values()}
        held = self._networks().items()
        return [name for name, network in held if is_unregistered(network, known, latents)]

    def frozen(self) -> list[str]:
        """Parameters of its networks that are set to stay as they are."""
        return [
            f"{name}.{inner}"
            for name, network in self._networks().items()
            for inner, tensor in network.named_parameters()
            if not tensor.requires_grad
        ]

    def _networks(self) -> dict[str, torch.nn.Module]:
        return held_in(self.pair, torch.nn.Module)

    def without_gradients(self, part: str) -> set[str]:
        """Parameters that a part of the pair uses only where gradients are switched off."""
        uses = self._uses(part, {id(t): n for n, t in unconstrained(self.pair).items()})
        return uses.off - uses.on

    def children_left_out(self, unused: Collection[str]) -> set[str]:
        """See `inference.program.instruments.Probe.children_left_out`."""
        return children_left_out(self.pair, set(unused))

    def networks_used(self, names: Collection[str]) -> tuple[set[str], set[str]]:
        """Of networks that the pair holds those that it uses with gradients, and without."""
        held = self._networks()
        owner = {id(t): name for name in names for t in held[name].parameters()}
        both = [self._uses(part, owner) for part in ("model", "guide")]
        on = both[0].on | both[1].on
        return on, (both[0].off | both[1].off) - on

    def _uses(self, part: str, names: Mapping[int, str]) -> _Uses:
        with self._apart(0), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            args = tensors(self.batch)
            # A prior may be one that cannot draw.
            drawn = self._run("guide", args, {}, None)[0].values if part == "model" else {}
            self._begin(part, 0, (args, drawn, None))
            uses = _Uses(names)
            with uses:
                self._run(part, args, drawn, None)
        return uses

    def slopes(
        self,
        which: str,
        values: Mapping[str, Array],
        along: Collection[str],
        *,
        rng_seed: int = 0,
        shift: float = 0.1,
        double: bool = True,
    ) -> Slopes:
        """Gradient of a log density by all parameters, near their present values.

        Args:
            which: `"model"`, log p at fixed latents; `"guide"`, log q at fixed latents; `"path"`,
                log p - log q at the guide's draws, as they move with its parameters; `"draw"`, a
                sum of what a model that observes nothing shows.
            values: the latents.
            along: public names of the parameters that the random direction moves.
            rng_seed: seed of the draws and of the direction.
            shift: how far to go from the present values, so that nothing is at a special point.
            double: whether to compute in float64.
        """
        noise, step = np.random.default_rng(rng_seed), _STEPS[double]
        with warnings.catch_warnings(), self._apart(rng_seed, double=double):
            warnings.simplefilter("ignore")
            leaves = {n: t for n, t in unconstrained(self.pair).items() if t.requires_grad}
            direction = {n: _nudge(noise, t) * (n in along) for n, t in leaves.items()}
            before = {n: t.detach().clone() for n, t in leaves.items()}
            try:
                for leaf in leaves.values():
                    leaf.data += shift * _nudge(noise, leaf)
                centre = {n: t.detach().clone() for n, t in leaves.items()}
                start = self._density(which, values, rng_seed, double=double)
                slopes = (
                    torch.autograd.grad(start, list(leaves.values()), allow_unused=True)
                    if start.requires_grad
                    else [None] * len(leaves)
                )
                ends = []
                for sign in (1, -1):
                    for name, leaf in leaves.items():
                        leaf.data = centre[name] + sign * step * direction[name]
                    with torch.no_grad():
                        ends.append(float(self._density(which, values, rng_seed, double=double)))
            finally:
                for name, leaf in leaves.items():
                    leaf.data = before[name]
        gradient = {
            name: np.zeros(tuple(leaf.shape)) if slope is None else slope.numpy()
            for (name, leaf), slope in zip(leaves.items(), slopes, strict=True)
        }
        total, size = sum_and_size(gradient.values(), (d.numpy() for d in direction.values()))
        return Slopes(
            gradient=gradient,
            along=total,
            difference=(ends[0] - ends[1]) / (2 * step),
            size=size,
            rounding=_ROUNDING[start.dtype == torch.float64] * (1 + abs(ends[0])) / step,
            precise=start.dtype == torch.float64,
        )

    def _density(
        self, which: str, values: Mapping[str, Array], rng_seed: int, *, double: bool
    ) -> Tensor:
        args = tensors(self.batch, double=double)
        seed_all(rng_seed)
        if which == "draw":
            return _shown(self._run("model", args, {}, None)[0])
        if which != "path":
            run, _ = self._run(which, args, held_at(values, double=double), None)
            return log_prob_sum(run.sites, double=double)
        guide, _ = self._run("guide", args, {}, None)
        model, _ = self._run("model", args, {n: s["value"] for n, s in guide.sites.items()}, None)
        ends = model.sites, guide.sites
        log_p, log_q = (log_prob_sum(sites, double=double) for sites in ends)
        return log_p - log_q


class _Uses(TorchFunctionMode):
    """Notes which of some tensors are computed with, with gradients switched on and off.

    Args:
        names: of the tensors, by their ids.
    """

    def __init__(self, names: Mapping[int, str]) -> None:
        super().__init__()
        self._names = names
        self.on, self.off = set[str](), set[str]()

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        out = func(*args, **(kwargs or {}))
        if isinstance(out, (Tensor, tuple)):
            apart = getattr(getattr(func, "__self__", None), "__name__", "") == "data"
            uses = self.off if apart or not torch.is_grad_enabled() else self.on
            given = [*args, *(kwargs or {}).values()]
            for each in list(given):
                given += each if isinstance(each, (list, tuple)) else ()  # of a recurrent layer
            uses |= {self._names[id(each)] for each in given if id(each) in self._names}
        return out


def _shown(run: Run) -> Tensor:
    """A sum, with weights that differ, of what a model returns and of what it computes by name."""
    values = [*run.computed.values(), run.returned]
    total = torch.zeros(())
    for value in values:
        if isinstance(value, Tensor) and value.is_floating_point():
            weights = torch.arange(1, value.numel() + 1, dtype=value.dtype).cos()
            total = total + (value.reshape(-1) * weights).sum()
    return total


def _nudge(noise: np.random.Generator, like: Tensor) -> Tensor:
    return torch.tensor(nudge(noise, tuple(like.shape)), dtype=like.dtype)
