"""Exact sums over discrete latents."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inference.errors import ObjectiveError
from inference.objectives._objective import Objective, weighed
from inference.objectives.estimates import OF_ELBO
from inference.objectives.requirements import OBSERVED, Requirement

if TYPE_CHECKING:
    from inference.program.program import Program
    from inference.program.sites import Site
    from inference.program.structure import Structure

_MOST_STATES = 2**14  # each is a particle
_DRAWN = " ELBO() and RLOO(num_particles=5) draw them instead."
_ONE_BY_ONE = (
    " The library's own TraceEnum_ELBO(), as objective=, sums the entries of a plate one by one, "
    "where they are marked with infer={'enumerate': 'parallel'}."
)


ENUMERABLE = Requirement("few joint states of discrete latents", lambda s, o: o.check_states(s))
"""Discrete latents of each datum that can be summed over, and reparameterised ones beside them."""


class Enumerated(Objective):
    """The ELBO with every discrete latent summed over instead of drawn.

        L = sum_b q(b | x) (log p(x, b) - log q(b | x))

    Without continuous latents neither value nor gradient has any noise. Continuous latents are
    drawn once per state and keep their pathwise gradient. A discrete latent that the guide leaves
    out is summed over in the model, log sum_b p(x, b, z), which is tighter than any guide for it;
    with no guide site at all, L is log p(x). Continuous latents outside of the data's plate are
    drawn once, and the states of each datum summed given that draw; discrete ones are summed over
    where there are no others. A batch in which the discrete latents are data has nothing to sum: L
    is then the ELBO.

    All joint states of a datum are scored, 2^H for H units: this is for few units, and refused
    above 16,384 states.

    References:
        The sum is that of parallel enumeration in `TraceEnum_ELBO`, without its elimination of one
        variable at a time: Obermeyer et al. 2019, arXiv:1902.03210.
    """

    needs = (OBSERVED, ENUMERABLE)
    estimates = OF_ELBO
    nests = True

    def surrogate(self, program: Program) -> Any:
        """sum_b q(b) log w_b, (states, N) to (N,), summed over the data."""
        structure, ops = program.structure, program.ops
        proposed, summed = self._sites(structure)
        states = state_grid(structure, proposed)
        count = state_count(structure, proposed)
        if not structure.proposals:
            everything = _values(program, state_grid(structure, summed))
            repeats = state_count(structure, summed)
            log_p = program.draw(repeats, values=everything).log_p  # (states, N)
            return program.total(program.logmeanexp(log_p) + math.log(repeats))
        draws = program.draw(count, values=_values(program, states))
        log_q_discrete: Any = 0.0  # as such: masks and scales belong to the costs
        if draws.cells is not None:
            scores = draws.cells.scores
            log_q_discrete = sum(structure.gather(scores[site.name]) for site in proposed)
        inner = draws.log_w  # (states, N)
        if summed:
            more, repeats = state_grid(structure, summed), state_count(structure, summed)
            outer, within = np.divmod(np.arange(count * repeats), repeats)
            values = {site.name: draws.values[site.name][outer] for site in structure.proposals}
            values |= _values(program, {name: value[within] for name, value in more.items()})
            log_p = program.draw(count * repeats, values=values).log_p
            grouped = log_p.reshape(count, repeats, -1).swapaxes(0, 1)  # (repeats, states, N)
            inner = program.logmeanexp(grouped) + math.log(repeats) - draws.log_q
        if not proposed:
            return program.total(inner.sum(0))
        # A state that q proposes and the model excludes: the bound is -inf, without a gradient.
        weights, excluded = ops.exp(log_q_discrete), inner == -math.inf
        bound = weighed(program, weights, ops.where(excluded, 0.0, inner)).sum(0)
        lost = ops.where(excluded, weights, 0.0).sum(0) > 0
        return program.total(ops.where(lost, -math.inf, bound))

    def check_states(self, structure: Structure) -> None:
        """Check that there are discrete latents of few joint states, and gradients elsewhere.

        Raises:
            ObjectiveError: naming the first site that does not fit.
        """
        proposed, summed = self._sites(structure)
        if summed:
            structure.check_weights(repr(self))
        elif structure.shared_plates or not structure.globals:
            structure.check_local(repr(self))
        for site in (*structure.proposals, *summed):
            if site.name in structure.outside and not site.reparameterised:
                raise ObjectiveError(
                    f"{self!r} sums over the states of each datum given one draw of the globals, "
                    f"but the global {site.name!r} is discrete and lies beside local latents. Use "
                    "RLOO(num_particles) or ELBO(), with a guide for it."
                )
        named = {site.name for site in proposed}
        for site in structure.proposals:
            if not site.reparameterised and site.name not in named:
                raise ObjectiveError(
                    f"{self!r} sums over Bernoulli, categorical and one-hot draws, and the guide's "
                    f"draw of {site.name!r} is neither one of these nor reparameterised."
                )
        if not named and not summed and not _labels(structure):
            raise ObjectiveError(
                f"{self!r} is for discrete latents, and the model has none. Use ELBO()."
            )
        states = state_count(structure, proposed) * state_count(structure, summed)
        if states > _MOST_STATES:
            names = ", ".join(repr(site.name) for site in (*proposed, *summed))
            raise ObjectiveError(
                f"{self!r} would score {states:.3g} joint states of {names} for each datum; it "
                f"takes {_MOST_STATES:,} at most." + (_ONE_BY_ONE if summed else _DRAWN)
            )

    def summed(self, structure: Structure) -> set[str]:
        """The model's discrete latents that the guide leaves out."""
        return {site.name for site in self._sites(structure)[1]}

    def draws_per_datum(self, structure: Structure) -> int:
        """One draw for each joint state."""
        proposed, summed = self._sites(structure)
        return state_count(structure, proposed) * state_count(structure, summed)

    def _sites(self, structure: Structure) -> tuple[list[Site], list[Site]]:
        """The discrete sites of the guide, and those of the model alone."""
        local = (site for site in structure.proposals if site.name not in structure.outside)
        proposed = [site for site in local if site.family and not site.reparameterised]
        known = {site.name for site in structure.proposals}
        summed = [s for s in structure.latents if s.family and s.name not in known]
        return proposed, summed


def _labels(structure: Structure) -> bool:
    """Whether data may be what is a discrete latent in another batch, as labels are.

    They are beside other data, and the guide, which would draw them there, does not observe them.
    """
    if len(structure.observed) < 2:
        return False
    return any(
        site.family and site.argument is not None and site.name not in structure.guide
        for site in structure.observed
    )


def _values(program: Program, states: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """States as draws of the sites would be: a scan holds to the type that it began with."""
    sites = {**program.structure.model, **program.structure.guide}
    return {
        name: program.ops.drawn(value, whole=sites[name].family == "bernoulli")
        for name, value in states.items()
    }


def _elements(structure: Structure, site: Site) -> int:
    """How many separate discrete values a site has for each datum."""
    shared = math.prod(plate.size for plate in structure.shared_plates)
    event = 1 if site.family == "one-hot" else math.prod(site.event_shape)
    return math.prod(site.batch_shape) // shared * event


def state_count(structure: Structure, sites: list[Site]) -> int:
    """How many joint states the discrete sites of a datum have."""
    return math.prod(site.cardinality ** _elements(structure, site) for site in sites)


def state_grid(structure: Structure, sites: list[Site]) -> dict[str, NDArray[Any]]:
    """Every joint state of the sites, (states, *batch, *event) each; the same for all data."""
    sizes = [site.cardinality for site in sites for _ in range(_elements(structure, site))]
    indices = np.stack(np.unravel_index(np.arange(math.prod(sizes)), sizes or (1,)), -1)
    shared = {plate.dim for plate in structure.shared_plates}
    grid, start = {}, 0
    for site in sites:
        stop = start + _elements(structure, site)
        chosen: Any = indices[:, start:stop]
        shape = structure.padded_shape(site)
        once = [1 if dim - structure.nesting in shared else size for dim, size in enumerate(shape)]
        if site.family == "one-hot":
            chosen = np.eye(site.cardinality, dtype=np.float32)[chosen]
        elif site.family == "bernoulli":
            chosen = chosen.astype(np.float32)
        grid[site.name] = np.array(
            np.broadcast_to(chosen.reshape(-1, *once), (len(indices), *shape))
        )
        start = stop
    return grid
