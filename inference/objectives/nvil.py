"""Score-function learning with learnt baselines."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from inference.arguments import check_count, check_flag, check_number
from inference.descriptions import shown
from inference.errors import ArgumentError
from inference.objectives._network import apply, network
from inference.objectives._objective import Objective, gradient_only
from inference.objectives._score import score_terms, through_draws
from inference.objectives.estimates import OF_ELBO
from inference.objectives.requirements import OBSERVED

if TYPE_CHECKING:
    from inference.program.program import Program


class NVIL(Objective):
    """The ELBO, its score-function term weighed by a centred and scaled learning signal.

        grad = (f - C(x) - c) / max(1, sigma) * grad log q(z | x) + pathwise terms

    for each site z, where f are the terms of log w that its draw can change. C(x) is a network of
    the data, trained to predict the signal f (least squares); c and sigma are running averages of
    the signal's mean and standard deviation over earlier steps, so that none of the three depends
    on the draw that it weighs. Without scaling the gradient is unbiased for the ELBO's; with it,
    what a site learns by its score is the unbiased gradient divided by its max(1, sigma), which
    acts on the step size. Sites with a reparameterised draw keep their pathwise gradient, unscaled.
    A latent outside of the data's plate has c and sigma, and no network: its signal is of all data.

    The objective owns the networks and the averages: see `Objective.attach`.

    Args:
        baseline: `"mlp"` for a network with one hidden layer (tanh), or None for none.
        num_particles: K, the number of draws that are averaged.
        hidden: size of the hidden layer.
        centre: whether to subtract c.
        normalise: whether to divide by max(1, sigma).
        decay: of the running averages.

    Raises:
        ArgumentError: if an argument is out of range.

    References:
        Mnih & Gregor 2014, arXiv:1402.0030.
    """

    needs = (OBSERVED,)
    estimates = OF_ELBO
    certified: ClassVar = {"": {"normalise": False}}
    owns = True

    def __init__(
        self,
        baseline: Literal["mlp"] | None = "mlp",
        num_particles: int = 1,
        *,
        hidden: int = 100,
        centre: bool = True,
        normalise: bool = True,
        decay: float = 0.8,
    ) -> None:
        if baseline is not None and not (isinstance(baseline, str) and baseline == "mlp"):
            raise ArgumentError(f"baseline must be 'mlp' or None, got {shown(baseline)}.")
        self.baseline = baseline
        self.num_particles = check_count("num_particles", num_particles)
        self.hidden = check_count("hidden", hidden)
        self.centre = check_flag("centre", centre)
        self.normalise = check_flag("normalise", normalise)
        self.decay = check_number("decay", decay, least=0, most=1)
        if decay == 1:
            raise ArgumentError("decay must be below 1: averages that never move are no baseline.")
        self.owns = baseline is not None or centre or normalise

    def surrogate(self, program: Program) -> Any:
        """mean_k of log w_k and of the score terms, (K, N) to (N,), summed over the data."""
        draws = program.draw(self.num_particles)
        regressions: list[Any] = []

        def control(name: str, signal: Any) -> Any:
            mean = program.state(f"mean.{name}", 0.0) if self.centre else 0.0
            if self.baseline is not None and program.structure.is_local(name):
                predicted = self._predicted(program, name)
                missed = -0.5 * (signal - mean - predicted) ** 2
                regressions.append(program.structure.gather(gradient_only(program, missed)))
                signal = signal - program.stop(predicted)
            if self.centre:
                program.keep(f"mean.{name}", self.decay * mean + (1 - self.decay) * signal.mean())
            centred = signal - mean
            return centred / self._scale(program, name, centred)

        learnt = through_draws(program, draws) + score_terms(program, draws, control=control)
        return program.total((learnt + sum(regressions)).mean(0))

    def perturbation(
        self, latents: Sequence[str], random: np.random.Generator
    ) -> dict[str, NDArray[Any]]:
        """A baseline and a running mean that are not zero."""
        values: dict[str, NDArray[Any]] = {}
        for site in latents:
            values[f"baseline.{site}.1.weight"] = 0.5 * random.normal(size=(self.hidden, 1))
            values[f"state.mean.{site}"] = np.array(-2.0)
        return values

    def _predicted(self, program: Program, name: str) -> Any:
        """The network's prediction of a site's signal for each datum, (1, *batch)."""
        inputs = program.observed  # (N, D)
        weights = network(program, f"baseline.{name}", inputs.shape[-1], self.hidden)
        predicted, _ = apply(program, weights, inputs)  # (N,)
        return predicted.reshape(1, *program.structure.nested.row_shape)

    def _scale(self, program: Program, name: str, centred: Any) -> Any:
        """max(1, sigma) of earlier steps."""
        if not self.normalise:
            return 1.0
        variance = program.state(f"variance.{name}", 0.0)
        now = (centred**2).mean()
        program.keep(f"variance.{name}", self.decay * variance + (1 - self.decay) * now)
        return program.ops.sqrt(program.ops.where(variance > 1, variance, 1.0))
