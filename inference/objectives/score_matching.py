"""Learning of densities that are known up to a constant from their slope by the data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from inference.arguments import check_one_of, check_positive
from inference.objectives._objective import Objective
from inference.objectives.requirements import ENERGY, REAL_DATA

if TYPE_CHECKING:
    from inference.program.program import Program


class ScoreMatching(Objective):
    """Score matching: the slope of log f by x, in which the constant is not, fits the data's.

        denoising: L = -E |s(x + r e) r + e|^2 / 2,                 e ~ N(0, 1), s = grad_x log f
        sliced:    L = -E [v' (grad_x s(x)) v + |s(x)|^2 / 2],      v ~ N(0, 1)

    The first learns the density of the data with Gaussian noise of scale r; the second that of the
    data themselves, as Hyvarinen's score matching does, at the price of a second derivative.

    The value is L, an error of slopes and no likelihood.

    Args:
        kind: `"denoising"` or `"sliced"`.
        noise_scale: r, in the units of x.

    Raises:
        ArgumentError: if an argument is out of range.

    References:
        Vincent 2011, Neural Computation 23; Song et al. 2019, arXiv:1905.07088.
    """

    needs = (ENERGY, REAL_DATA)
    unit = "squared error of slopes per datum"

    def __init__(
        self, kind: Literal["denoising", "sliced"] = "denoising", noise_scale: float = 0.1
    ) -> None:
        self.kind = check_one_of("kind", kind, ("denoising", "sliced"))
        noise_scale = check_positive("noise_scale", noise_scale)
        self.noise_scale = noise_scale

    def surrogate(self, program: Program) -> Any:
        """L of each datum, (N,), summed."""
        program.draw(1)  # with it comes what scales a datum
        (name,) = (site.name for site in program.structure.observed if site.argument == 0)
        x = program.ops.real(program.data[0])
        noise = program.normal(x)

        def slope(at: Any) -> Any:
            return program.input_gradient(lambda v: program.log_joint({name: v}), at)

        if self.kind == "denoising":
            missed = slope(x + self.noise_scale * noise) * self.noise_scale + noise
            return program.total(-0.5 * _by_row(missed**2))
        bent = program.input_gradient(lambda v: _by_row(noise * slope(v)), x)
        return program.total(-_by_row(noise * bent + 0.5 * slope(x) ** 2))


def _by_row(values: Any) -> Any:
    """The sum over each row, (N,)."""
    return values.reshape(len(values), -1).sum(1)
