"""Learning of belief nets whose prior is an undirected model: up, across at the top, and down."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from inference.objectives._pseudo import energy_sites
from inference.objectives.contrastive import CD
from inference.objectives.requirements import DREAMS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inference.program.draws import Draws
    from inference.program.program import Program
    from inference.program.sites import Site
    from inference.program.structure import Structure


class UpDown(CD):
    """The up-down algorithm: contrastive wake-sleep for a belief net with an undirected top.

        up, model:   grad log p(x, h_below | h_top) + grad log f(h_top),    h ~ q(. | x)
        across:      - E_chain[grad log f(h_top')],    h_top' after k steps of the top's kernel
        down, guide: grad log q(h' | x'),    (x', h_below') ~ p(. | h_top')

    The first two are the gradient of `CD`, which does not train the guide. The third is the sleep
    phase of `WakeSleep` with draws that chains from the data have made, which lie where data are
    before the model knows where that is. Without `chains` these begin at the draws of the guide for
    the minibatch; with n of them they go on from where the last step left them.

    Like CD it climbs no function of its own; the value is CD's.

    Args:
        steps: k.
        chains: n persistent chains; 0 for chains that begin at the data's codes.

    Raises:
        ArgumentError: if an argument is out of range.

    References:
        Hinton, Osindero & Teh 2006, Neural Computation 18, appendix B.
    """

    needs = (*CD.needs, DREAMS)

    def contrast(self, program: Program, draws: Draws, ends: Mapping[str, Any]) -> Any:
        """What the gradient is of, (N,): that of CD, and log q of what chains have made."""
        structure = program.structure
        top = {site.name: ends[site.name] for site in energy_sites(structure)}
        (x,) = (ends[site.name] for site in structure.observed if site.argument == 0)
        rows = np.arange(len(x))
        given = (each[rows % len(each)] for each in program.data[1:])
        latents = {site.name: ends[site.name][None] for site in structure.latents}
        asleep = program.at(x, *given).draw(1, detach=True, values=latents)
        return super().contrast(program, draws, top) + asleep.log_q[0].mean()

    def chained(self, structure: Structure) -> list[Site]:
        """All sites: what chains make is decoded down to the data."""
        return list(structure.model.values())
