"""Densities that are known up to a constant on Pyro: scored anywhere, and drawn by chains."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pyro
import torch
from pyro import poutine
from torch import Tensor

from inference.engines.pyro.frames import density
from inference.engines.pyro.handlers import Steer
from inference.engines.pyro.pairs import parts
from inference.engines.pyro.passes import Passes
from inference.engines.pyro.traces import Run, run
from inference.program.distributions import innermost
from inference.program.energies import check_named, check_noise, drawn_noise, given_by


class Energies(Passes):
    """What a program offers of densities up to a constant; see `Program`."""

    def log_joint(self, values: Mapping[str, Tensor]) -> Tensor:
        """See `inference.program.program.Program.log_joint`."""
        sites = self._at(values)
        rows = len(next(iter(values.values())))
        terms = [density(sites[name]).reshape(rows, -1).sum(1) for name in values]
        return torch.stack(terms).sum(0)

    @torch.no_grad()
    def transition(
        self, values: Mapping[str, Tensor], steps: int, *, beta: float = 1.0
    ) -> dict[str, Tensor]:
        """See `inference.program.program.Program.transition`."""
        held = {name: value.detach() for name, value in values.items()}
        sites, moved = self._at(held), {}
        for name, value in held.items():
            law = innermost(sites[name]["fn"])
            if not hasattr(law, "transition"):
                continue
            law = law if beta == 1 else law.tempered(beta, law.base())
            moved[name] = chain(law, value, steps)
        if len(moved) < len(held):
            below = self._at(moved)
            moved |= {name: below[name]["value"] for name in held if name not in moved}
        return {name: value.detach() for name, value in moved.items()}

    def site(self, name: str, values: Mapping[str, Tensor] | None = None) -> Any:
        """See `inference.program.program.Program.site`."""
        made = self._run(values or {"": self.args[0]})
        check_named(name, made.sites, made.computed)
        return made.computed[name] if name in made.computed else innermost(made.sites[name]["fn"])

    def other(self, pair: Any, rows: int) -> tuple[Tensor, Callable[[Any], Tensor]]:
        """See `inference.program.program.Program.other`."""
        model = parts(pair)[0]
        store: Any = pyro.get_param_store()

        def alone(*args: Any, size: int | None = None) -> Run:
            # Its parameters are none of this program's, nor of what looks at a step.
            with store.scope(), poutine.block(), torch.no_grad():
                return run(model, args, size=size)

        made = drawn_noise(pair, "pyro", lambda: alone(None, size=rows))
        check_noise(self.structure, self.args[0], made.sites)
        ((name, site),) = made.sites.items()

        def log_prob(values: Tensor) -> Tensor:
            return density(alone(values).sites[name])

        return site["value"], log_prob

    def _at(self, values: Mapping[str, Tensor]) -> dict[str, Any]:
        """The sites of a run of the model at some values."""
        return self._run(values).sites

    def _run(self, values: Mapping[str, Tensor]) -> Run:
        given = given_by(self.structure, self.args, values, _resized)
        steer = Steer(values=given.latents)
        return run(self.model, given.args, self.kwargs, steer=steer, size=given.size)


def chain(law: Any, value: Tensor, steps: int) -> Tensor:
    """Where chains of a law's kernel are after some steps."""
    for _ in range(steps):
        value = law.transition(value, None)
    return value


def _resized(array: Tensor, shape: tuple[int, ...]) -> Tensor:
    return array[torch.arange(shape[0], device=array.device) % len(array)]
