"""Learning of densities that are known up to a constant by telling data from noise."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.arguments import check_count
from inference.descriptions import shown
from inference.errors import ArgumentError, ObjectiveError
from inference.objectives._objective import Objective
from inference.objectives._soundness import not_finite, note
from inference.objectives.requirements import ENERGY

if TYPE_CHECKING:
    from inference.program.program import Program
    from inference.program.structure import Structure

_FLAT = 0.5  # data of either value that the marginals of binary entries begin with


class NCE(Objective):
    """Noise-contrastive estimation: data against noise of a known density, with a learnt constant.

        G(x) = log f(x) + c - log q(x) - log nu
        L = E_data log s(G(x)) + nu E_q log s(-G(y)),    s the logistic function

    at whose maximum f(x) e^c is the density of the data, so that c is -log Z. Consistent for any
    number nu of noise draws per datum; with more it nears the likelihood's efficiency.

    The value is L, the log-likelihood of the classification, not of the data.

    Args:
        ratio: nu, noise draws per datum.
        noise: `"marginals"` for independent entries with the mean of the data so far (and their
            variance, where they are real), or a fitted pair without latents whose density
            integrates to one.

    Raises:
        ArgumentError: if an argument is out of range.

    References:
        Gutmann & Hyvarinen 2012, JMLR 13.
    """

    needs = (ENERGY,)
    unit = "nats of noise classification per datum"
    owns = True

    def __init__(self, ratio: int = 10, noise: Any = "marginals") -> None:
        self.ratio = check_count("ratio", ratio)
        named = isinstance(noise, str) and noise == "marginals"
        made = callable(getattr(noise, "model", None)) and not isinstance(noise, type)
        if not named and not made:
            remedy = "; pass its run.pair" if hasattr(noise, "pair") else ""
            raise ArgumentError(
                f"noise must be 'marginals' or a fitted pair without latents, got {shown(noise)}"
                f"{remedy}."
            )
        self.noise = noise

    def check(self, structure: Structure) -> None:
        """Refuse a pair that does not fulfil what the objective needs.

        Raises:
            ObjectiveError: naming the site and what would work.
        """
        super().check(structure)
        for site in structure.observed:
            if site.sequential and not site.normalised:
                raise ObjectiveError(
                    f"{self!r} learns one constant, but that of {site.name!r} depends on the steps "
                    "before. Use CD() or PseudoLikelihood()."
                )

    def surrogate(self, program: Program) -> Any:
        """L of each datum, (N,), summed."""
        draws = program.draw(1)
        (site,) = (site for site in program.structure.observed if site.argument == 0)
        x = program.ops.real(program.data[0])
        drawn, log_q = self._noise(program, x, binary=site.support == "boolean")
        constant = program.parameter("log_constant", np.zeros((), np.float32))
        shift = constant - math.log(self.ratio)
        of_data = draws.log_p[0] + shift - self._possible(program, log_q(x))
        of_noise = program.log_joint({site.name: drawn}) + shift - log_q(drawn)
        softplus = program.ops.softplus
        told = -softplus(-of_data) - self.ratio * softplus(of_noise).mean()
        return program.total(told)

    def symptom(self, carried: Mapping[str, Any]) -> str:
        """Whether data lie where the noise has no density."""
        if not carried.get("impossible", 0.0):
            return ""
        return (
            "the noise has no density at some rows of the data, which must lie within its support: "
            "fit its pair to data of their range, or leave noise= out"
        )

    def _possible(self, program: Program, log_q: Any) -> Any:
        """The noise's log densities of data, having noted for `symptom` whether there are any."""
        if self.noise != "marginals":
            note(program, "impossible", not_finite(log_q.sum(), program))
        return log_q

    def _noise(self, program: Program, x: Any, *, binary: bool) -> tuple[Any, Any]:
        """Noise, (nu N, ...), and the function to its log density."""
        like = program.ops.repeat(x, self.ratio)
        if self.noise != "marginals":
            drawn, log_q = program.other(self.noise, len(like))
            return drawn, log_q
        mean, variance = self._moments(program, x, binary=binary)
        if binary:
            drawn = program.ops.where(program.uniform(like) < mean, 1.0, 0.0)
            odds = program.ops.log(mean) - program.ops.log1p(-mean)
            constant = program.ops.log1p(-mean).sum()
            return drawn, lambda v: (v * odds).sum(-1) + constant
        drawn = mean + program.ops.sqrt(variance) * program.normal(like)
        constant = -0.5 * program.ops.log(2 * math.pi * variance).sum()
        return drawn, lambda v: -0.5 * ((v - mean) ** 2 / variance).sum(-1) + constant

    def _moments(self, program: Program, x: Any, *, binary: bool) -> tuple[Any, Any]:
        """Mean and variance of the data so far, those of this batch among them."""
        zeros, rows = np.zeros(x.shape[1:], np.float32), len(x)
        count = program.state("count", 0.0) + rows
        mean = program.state("mean", zeros)
        square = program.state("square", zeros)
        share = rows / count
        mean = mean + share * (x.mean(0) - mean)
        square = square + share * ((x**2).mean(0) - square)
        for name, value in (("count", count), ("mean", mean), ("square", square)):
            program.keep(name, value)
        if binary:
            return (mean * count + _FLAT) / (count + 2 * _FLAT), None
        variance = square - mean**2
        return mean, program.ops.where(variance > 1e-6, variance, 1e-6)
