"""Learning of a chain of corruption and reconstruction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.arguments import check_count
from inference.objectives._objective import Objective, gradient_only
from inference.objectives.requirements import CORRUPTED, LOCAL

if TYPE_CHECKING:
    from inference.program.program import Program


class Denoising(Objective):
    """The data given corrupted copies of them, along walks of the chain that this defines.

        x_0 = x,   c_t ~ q(c | x_t),   L = 1 / (W + 1) sum_{t=0..W} log p(x | c_t),
        x_{t+1} ~ p(x | c_t)

    q, the guide, corrupts and is not trained. With W = 0 it is the denoising auto-encoder's
    criterion, whose optimum p(x | c) is the data's posterior; the chain's law is then the data's.
    The walks go where the chain goes from the data, and lead it back from modes that data do not
    have (walkback). No gradient goes through what they draw.

    The value is log p(x | c_0), one step's reconstruction; it is no log-likelihood.

    Args:
        walkback: W.

    Raises:
        ArgumentError: if it is no whole number from 0.

    References:
        Vincent et al. 2008, ICML; Bengio et al. 2013, arXiv:1305.6663; 2014, arXiv:1306.1091.
    """

    needs = (CORRUPTED, LOCAL)
    unit = "nats of reconstruction per datum"

    def __init__(self, walkback: int = 4) -> None:
        self.walkback = check_count("walkback", walkback, least=0)

    @property
    def uses_guide(self) -> bool:
        """No: it has to match the model, but nothing of it is trained."""
        return False

    def surrogate(self, program: Program) -> Any:
        """The reconstruction, (N,), with the gradient of all steps'."""
        draws = program.draw(1, detach=True)
        first = _reconstructed(program, draws)
        total = first
        for _ in range(self.walkback):
            latents = {name: value[0] for name, value in draws.values.items()}
            walked = program.generate(len(program.data[0]), draw="sample", values=latents)
            x = program.stop(walked.x)
            there = program.at(x, *program.data[1:]).propose()
            draws = program.draw(
                1, detach=True, values={name: value[None] for name, value in there.items()}
            )
            total = total + _reconstructed(program, draws)
        apart = total / (self.walkback + 1)
        return program.total(program.stop(first) + gradient_only(program, apart))

    def bound(self, program: Program) -> Any:
        """The reconstruction after one step."""
        return program.total(_reconstructed(program, program.draw(1, detach=True)))


def _reconstructed(program: Program, draws: Any) -> Any:
    """log p of the observed sites, (N,)."""
    return sum(draws.log_p_sites[site.name][0] for site in program.structure.observed)
