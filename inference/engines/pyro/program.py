"""The program on Pyro: particles ride on an outer plate, so every network runs once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from inference.engines.pyro.arithmetic import Arithmetic
from inference.engines.pyro.belongings import Belongings
from inference.engines.pyro.draws import draws_of, one_after_another
from inference.engines.pyro.energies import Energies
from inference.engines.pyro.handlers import Steer
from inference.engines.pyro.inspection import look, shapes_of, with_parents
from inference.engines.pyro.sequential import SequentialSite
from inference.engines.pyro.traces import run
from inference.engines.pyro.weights import Weights
from inference.program.distributions import sequential_part
from inference.program.draws import Draws
from inference.program.generators import by_row, check_means, rows_drawn
from inference.program.program import RELAXED_AT, Generated, Relaxation
from inference.program.structure import Structure

Found = tuple[Structure, bool]


class PyroProgram(Energies, Weights, Belongings, Arithmetic):
    """A Pyro model and guide with a batch; implements `inference.program.program.Program`.

    Args:
        model: the model.
        guide: the guide.
        args: the batch: what they take by position.
        kwargs: what they take by name.
        structure: the sites and plates.
        vectorised: whether particles ride on a plate of their own, or go one by one.
        owner: tells apart what objectives own in the store that all pairs share.
        elsewhere: finds the structure on another batch, and whether particles ride there.
    """

    def __init__(
        self,
        model: Callable[..., Any],
        guide: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        structure: Structure,
        *,
        vectorised: bool = True,
        owner: int = 0,
        elsewhere: Callable[[tuple[Any, ...]], Found] | None = None,
    ) -> None:
        super().__init__(model, guide, args, kwargs, structure, vectorised=vectorised)
        self.owner = owner
        self._elsewhere = self._looked if elsewhere is None else elsewhere

    @property
    def observed(self) -> Tensor:
        """What the model observes, shape (N, D)."""
        if not self.seen:
            raise RuntimeError("the program has not been drawn from yet")
        flat = [self.frames.flat(value, name) for name, value in self.seen.items()]
        return torch.cat([value.to(self._real_type) for value in flat], -1)

    @property
    def data(self) -> tuple[Any, ...]:
        """The batch."""
        return self.args

    def at(self, *batch: Any) -> PyroProgram:
        """See `inference.program.program.Program.at`."""
        same = shapes_of(batch, {}) == shapes_of(self.args, {})
        found = (self.structure, self.vectorised) if same else self._elsewhere(batch)
        return PyroProgram(
            self.model,
            self.guide,
            batch,
            self.kwargs,
            found[0],
            vectorised=found[1],
            owner=self.owner,
            elsewhere=self._elsewhere,
        )

    def _looked(self, batch: tuple[Any, ...]) -> Found:
        found, _ = look(self.model, self.guide, batch, self.kwargs)
        found = found.nested if self.structure.outside else found
        if found.follows_scores:
            found = with_parents(found, self.model, self.guide, batch, self.kwargs)
        return found, self.vectorised

    def draw(
        self,
        num_particles: int,
        *,
        divergences: bool = False,
        detach: bool = False,
        values: Mapping[str, Tensor] | None = None,
        relax: Relaxation | None = None,
    ) -> Draws:
        """Draw and score in one pass of the guide and one of the model."""
        whole, values = self.structure.left_out, values or {}
        steer = functools.partial(Steer, detach=detach, relax=relax, whole=whole)
        self.hold_globals()
        each = []
        for start, count in self.passes(num_particles):
            own = {name: value[start : start + count] for name, value in values.items()}
            each.append(self._pass(start, count, own, steer, divergences=divergences))
        return one_after_another(each)

    def _pass(
        self, start: int, count: int, values: dict[str, Tensor], steer: Any, *, divergences: bool
    ) -> Draws:
        again = bool(values)
        if count == 1:  # without a particle plate, sites have no dimension for it
            values = {name: self.frames.unpadded(name, value) for name, value in values.items()}
        values = self.held | values
        steered = steer(values=self.rows | values)
        guide_sites = self.guide_sites_of(start, count, steered, again=again)
        latents = {name: site["value"] for name, site in guide_sites.items()} | values
        model_sites = self.model_sites(count, steer(values=self.rows | latents))
        self.frames.note_scale(model_sites, guide_sites)
        return draws_of(self.frames, model_sites, guide_sites, values, divergences=divergences)

    def dream(self) -> Tensor:
        """log q of the latents of one draw from the model per datum, given its data: (N,)."""
        with torch.no_grad():
            dreamt = self.model_sites(1, Steer(values=self.rows), blind=True)
        args = list(self.args)
        for site in self.structure.observed:
            assert site.argument is not None, "check_dreams() comes first"
            own = args[site.argument]
            args[site.argument] = dreamt[site.name]["value"].reshape(own.shape).to(own.dtype)
        values = {site.name: dreamt[site.name]["value"] for site in self.structure.latents}
        sites = self.guide_sites(1, Steer(values=self.rows | values), args)
        return sum(map(self.frames.log_prob, sites.values()), start=torch.zeros(()))[0]

    def generate(
        self, size: int, *, draw: str = "mean", values: Mapping[str, Tensor] | None = None
    ) -> Generated:
        """See `inference.program.program.Program.generate`."""
        relax = Relaxation(RELAXED_AT, hard=draw == "straight-through")
        soft = relax if draw in ("relaxed", "straight-through") else None
        given = tuple(a[torch.arange(size, device=a.device) % len(a)] for a in self.args[1:])
        steer = Steer(values=values, relax=soft)
        made = run(self.model, (None, *given), steer=steer, size=size)
        sites, x = made.sites, made.returned
        name = self.structure.generated.name if self.structure.observed else None
        if name is None:
            x = rows_drawn(x, made.computed)
        elif draw == "mean":
            check_means(x, sites[name]["value"], name)
        else:
            x = sites[name]["value"]
            if draw == "straight-through" and self.structure.generated.sequential:
                x = x + made.returned - made.returned.detach()
        log_p = None
        if draw == "score":
            x = x.detach()
            held = [(sites[n]["fn"], sites[n]["value"]) for n in self.structure.by_score]
            log_p = sum(by_row(fn.log_prob(v.detach()), size) for fn, v in held)
        return Generated(
            x=x,
            latents={n: site["value"] for n, site in sites.items() if n != name},
            given=given,
            log_p=log_p,
        )

    def sequential(self) -> SequentialSite:
        """See `inference.program.program.Program.sequential`."""
        sites = self.model_sites(1, Steer(values=self.rows))
        return SequentialSite(sequential_part(sites[self.structure.generated.name]["fn"]))

    def propose(self) -> dict[str, Tensor]:
        """One draw of the guide's for each datum, by site."""
        sites = self.guide_sites(1, Steer(values=self.rows))
        return {name: site["value"] for name, site in sites.items() if not site["is_observed"]}

    def slope(
        self, value: Tensor, site: str, *, values: Mapping[str, Tensor], relax: Relaxation
    ) -> tuple[Tensor, Tensor]:
        """log w with a relaxed value at a site, (K, N), and its derivative by that value."""
        with torch.enable_grad():
            leaf = value.detach().requires_grad_()
            each = self.draw(len(value), values={**values, site: leaf}, relax=relax).log_w
            (slope,) = torch.autograd.grad(each.sum(), leaf)
        return each.detach(), slope

    def choose(self, number: Tensor, branches: Sequence[Callable[[], Tensor]]) -> Tensor:
        """What one of several functions returns; the others do not run."""
        return branches[int(number)]()

    def total(self, per_datum: Tensor) -> Tensor:
        """Sum (N,) over the data, times what scales a datum, and the globals' own term."""
        return self.frames.total(per_datum) + self.of_globals
