"""Learning of densities that are known up to a constant from the model's own chains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from inference.arguments import check_count
from inference.errors import ObjectiveError
from inference.objectives._objective import Objective, gradient_only
from inference.objectives._pseudo import chance_of_the_energy, energy_sites
from inference.objectives.requirements import CHAINS, CONDITIONALS, LOCAL, SCORABLE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inference.program.draws import Draws
    from inference.program.program import Program
    from inference.program.sites import Site
    from inference.program.structure import Structure


class CD(Objective):
    """Contrastive divergence: data against where the model's own chains go (PCD with `chains`).

        grad = E_data[grad log f(x)] - E_chain[grad log f(x')],    x' after k steps of the kernel

    which is the likelihood's gradient where the chains have reached the model. Without `chains`
    they begin at the minibatch (CD-k); with n of them they go on from where the last step left
    them (persistent contrastive divergence), and are kept and resumed with the run. Where the
    model has latents z, log f(x, z) is taken at a draw from the guide, which itself is not trained,
    and the chains are those of the sites whose constant is not known.

    CD climbs no function of its own. The value is the log pseudo-likelihood, sum_i
    log p(x_i | all others): of one random entry, times their number, in training, and of all of
    them in validation. Where the model has latents it is that of the sites with a kernel, with the
    other terms of log p - log q. It is no log-likelihood, nor a bound on one.

    Args:
        steps: k.
        chains: n persistent chains; 0 for chains that begin at the data.

    Raises:
        ArgumentError: if an argument is out of range.

    References:
        Hinton 2002, Neural Computation 14; Tieleman 2008, ICML; Besag 1975.
    """

    needs = (CHAINS, CONDITIONALS, LOCAL, SCORABLE)
    unit = "nats of pseudo-likelihood per datum"

    def __init__(self, steps: int = 1, chains: int = 0) -> None:
        self.steps = check_count("steps", steps)
        self.chains = check_count("chains", chains, least=0)
        self.owns = self.chains > 0

    def check(self, structure: Structure) -> None:
        """Refuse a pair that does not fulfil what the objective needs.

        Raises:
            ObjectiveError: naming the site and what would work.
        """
        super().check(structure)
        held = [site for site in energy_sites(structure) if site.sequential]
        if held and (self.chains or len(energy_sites(structure)) > 1):
            raise ObjectiveError(
                f"{self!r} keeps chains from step to step, but the constant of {held[0].name!r} "
                "depends on the steps before, which belong to the data of the batch. Use CD() "
                "without chains=, whose chains begin at them."
            )

    def surrogate(self, program: Program) -> Any:
        """The pseudo-likelihood, (N,), with the gradient of data less that of chains."""
        draws = program.draw(1, detach=True)
        ends = program.transition(self._begun(program, draws), self.steps)
        if self.chains:
            for name, value in ends.items():
                program.keep(f"chain.{name}", program.ops.real(value))
        value = program.stop(chance_of_the_energy(program, draws, every=False))
        return program.total(value + gradient_only(program, self.contrast(program, draws, ends)))

    def contrast(self, program: Program, draws: Draws, ends: Mapping[str, Any]) -> Any:
        """What the gradient is of, (N,): log f of the data less that where chains are."""
        return draws.log_p[0] - self._at(program, ends).mean()

    def chained(self, structure: Structure) -> list[Site]:
        """The sites whose values chains carry."""
        return energy_sites(structure)

    def bound(self, program: Program) -> Any:
        """The pseudo-likelihood of all entries."""
        draws = program.draw(1, detach=True)
        return program.total(chance_of_the_energy(program, draws, every=True))

    def _at(self, program: Program, ends: Any) -> Any:
        """log f of the ends of chains; of steps of sequences after the data's own histories."""
        held = [site for site in energy_sites(program.structure) if site.sequential]
        if not held:
            return program.log_joint(ends)
        return program.site(held[0].name).log_prob(ends[held[0].name])

    def _begun(self, program: Program, draws: Any) -> dict[str, Any]:
        """Where the chains of a step begin, by site."""
        begun = {}
        for site in self.chained(program.structure):
            if self.chains:
                begun[site.name] = program.state(f"chain.{site.name}", self._first(site))
            elif site.observed:
                begun[site.name] = program.ops.real(program.data[site.argument or 0])
            else:
                begun[site.name] = program.ops.real(draws.values[site.name][0])
        return begun

    def _first(self, site: Any) -> Any:
        """Where persistent chains begin: anywhere."""
        shape = (self.chains, *site.event_shape)
        random = np.random.default_rng(0)
        if site.support == "boolean":
            return (random.random(shape) < 0.5).astype(np.float32)
        return random.normal(size=shape).astype(np.float32)
