"""Chains of a density that is known up to a constant, at all temperatures, on Pyro."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.engines.pyro.energies import chain
from inference.engines.pyro.evaluation import repeatable, tensors
from inference.engines.pyro.pairs import parts
from inference.engines.pyro.traces import run
from inference.program.distributions import innermost
from inference.program.energies import (
    can_hold,
    check_one_kernel,
    check_tempered,
    log_constant,
    shape_of_bits,
    step_around,
)


class Tempering:
    """A pair's density without its constant, between a base and itself.

    See `inference.program.instruments.Tempering`.
    """

    def __init__(self, pair: Any) -> None:
        self.pair = pair
        with repeatable(pair, 0):
            # A distribution holds its parameters: one run shows it for good.
            sites = run(parts(pair)[0], (None,), size=1).sites
        self.name = check_one_kernel({n: innermost(s["fn"]) for n, s in sites.items()})
        law: Any = innermost(sites[self.name]["fn"])
        self.holds, self.bits = can_hold(law), shape_of_bits(law)
        self.normalised = getattr(law, "normalised", True)
        self.law = law.expand(torch.Size()) if law.batch_shape == (1,) else law

    def log_partition(self) -> float:
        """See `inference.program.instruments.Tempering`."""
        with repeatable(self.pair, 0):
            return float(log_constant(self.name, self.law))

    def base_log_partition(self, base: Any) -> float:
        """See `inference.program.instruments.Tempering`."""
        check_tempered(self.name, self.law)
        with repeatable(self.pair, 0):
            return float(self._base(base).log_partition())

    def begin(self, base: Any, rows: int, rng_seed: int) -> NDArray[Any]:
        """See `inference.program.instruments.Tempering`."""
        with repeatable(self.pair, rng_seed):
            return self._base(base).sample((rows,)).cpu().numpy()

    def draw(self, rows: int, rng_seed: int) -> NDArray[Any]:
        """See `inference.program.instruments.Tempering`."""
        with repeatable(self.pair, rng_seed):
            return self.law.sample((rows,)).cpu().numpy()

    def move(
        self, value: NDArray[Any], steps: int, rng_seed: int, beta: float | None = None
    ) -> NDArray[Any]:
        """See `inference.program.instruments.Tempering`."""
        with repeatable(self.pair, rng_seed):
            return chain(self._at(beta), self._tensor(value), steps).cpu().numpy()

    def complete(
        self, value: NDArray[Any], held: NDArray[np.bool_], steps: int, rng_seed: int
    ) -> NDArray[Any]:
        """See `inference.program.instruments.Tempering`."""
        with repeatable(self.pair, rng_seed):
            now = self._tensor(value)
            step = step_around(self.law, torch.tensor(held, device=now.device), torch.where)
            for _ in range(steps):
                now = step(now, None)
            return now.cpu().numpy()

    def log_density(self, value: NDArray[Any], beta: float | None = None) -> NDArray[np.float64]:
        """See `inference.program.instruments.Tempering`."""
        with repeatable(self.pair, 0):
            return self._at(beta).log_prob(self._tensor(value)).double().cpu().numpy()

    def log_conditionals(self, value: NDArray[Any]) -> NDArray[np.float64] | None:
        """See `inference.program.instruments.Tempering`."""
        if not hasattr(self.law, "log_conditionals"):
            return None
        with repeatable(self.pair, 0):
            return self.law.log_conditionals(self._tensor(value)).double().cpu().numpy()

    def ends(self, value: NDArray[Any], base: Any) -> NDArray[np.float64]:
        """See `inference.program.instruments.Tempering`."""
        with repeatable(self.pair, 0):
            start, state = self._base(base), self._tensor(value)
            laws = (start, *(self.law.tempered(end, start) for end in (0.0, 1.0)), self.law)
            return torch.stack([law.log_prob(state) for law in laws]).double().cpu().numpy()

    def anneal(
        self, value: NDArray[Any], base: Any, betas: NDArray[np.float64], rng_seed: int
    ) -> NDArray[np.float64]:
        """See `inference.program.instruments.Tempering`."""
        log_w: Any = 0.0
        with repeatable(self.pair, rng_seed):
            for added in self._added(value, base, betas):
                log_w = log_w + added.double()
            return log_w.cpu().numpy()

    def increments(
        self, value: NDArray[Any], base: Any, betas: NDArray[np.float64], rng_seed: int
    ) -> NDArray[np.float64]:
        """See `inference.program.instruments.Tempering`."""
        with repeatable(self.pair, rng_seed):
            found = [
                torch.stack([added.mean(), added.std(correction=0)])
                for added in self._added(value, base, betas)
            ]
            return torch.stack(found).double().cpu().numpy()

    def _added(
        self, value: NDArray[Any], base: Any, betas: NDArray[np.float64]
    ) -> Iterator[Tensor]:
        """What is added to each chain's log weight at one temperature after another, (rows,)."""
        start, state = self._base(base), self._tensor(value)
        before = self.law.tempered(float(betas[0]), start)
        for beta in betas[1:]:
            after = self.law.tempered(float(beta), start)
            yield after.log_prob(state) - before.log_prob(state)
            state, before = after.transition(state, None), after

    def _at(self, beta: float | None) -> Any:
        """The law, or the one of a temperature."""
        if beta is None:
            return self.law
        check_tempered(self.name, self.law)
        return self.law.tempered(beta, self._base("data"))

    def _base(self, base: Any) -> Any:
        return self.law.base(base if isinstance(base, str) else self._tensor(base))

    def _tensor(self, value: NDArray[Any]) -> Tensor:
        (tensor,) = tensors(self.pair, (value,))
        return tensor
