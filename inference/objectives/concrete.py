"""Continuous relaxations of discrete draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from inference.arguments import check_count, check_flag, check_number
from inference.errors import ArgumentError
from inference.objectives._objective import Objective
from inference.objectives.elbo import ELBO
from inference.objectives.estimates import L_1, Estimates, Rule
from inference.objectives.requirements import BERNOULLI_OR_ONE_HOT
from inference.program.program import Relaxation

if TYPE_CHECKING:
    from inference.program.program import Program


class Concrete(Objective):
    """The ELBO with discrete draws replaced by relaxed ones, differentiated through the draws.

        b = 1[a + logit(u) > 0]     becomes   s = sigmoid((a + logit(u)) / T)      (Bernoulli)
        b = one_hot(argmax(a + g))  becomes   s = softmax((a + g) / T)             (one-hot)

    with log p and log q extended linearly from discrete values to s. The gradient is pathwise and
    of low variance, and biased for the ELBO's at any temperature T > 0; as T falls the bias falls
    and the variance rises. With `hard` the value is the discrete one and only the gradient that of
    s (straight-through): biased too, but model and guide see discrete values in training.

    What is reported while training is the relaxed bound, unless `hard`; in evaluation it is the
    ELBO of discrete draws. Sites with a reparameterised draw are left as they are. The model has to
    follow a draw between its values: `fit` refuses where(b > 0.5, one, other) and an index by b.

    Args:
        temperature: T.
        hard: straight-through.
        num_particles: K, the number of draws that are averaged.
        final_temperature: T after `anneal_steps` steps, between which it falls geometrically.
        anneal_steps: the objective counts these, so it has state of its own: see
            `Objective.attach`.

    Raises:
        ArgumentError: if an argument is out of range.

    References:
        Maddison, Mnih & Teh 2017, arXiv:1611.00712; Jang, Gu & Poole 2017, arXiv:1611.01144;
        Bengio, Leonard & Courville 2013, arXiv:1308.3432 (straight-through).
    """

    needs = (BERNOULLI_OR_ONE_HOT,)
    scores_rows = False
    relaxes = "everywhere"
    estimates = Estimates(L_1, L_1, biased=Rule("relaxed draws"))
    certified: ClassVar = {"": {"temperature": 0.5}, "hard": {"temperature": 0.5, "hard": True}}

    def __init__(
        self,
        temperature: float = 0.5,
        hard: bool = False,  # noqa: FBT001, FBT002
        num_particles: int = 1,
        *,
        final_temperature: float | None = None,
        anneal_steps: int = 0,
    ) -> None:
        self.temperature = check_number("temperature", temperature, positive=True)
        self.hard = check_flag("hard", hard)
        self.num_particles = check_count("num_particles", num_particles)
        self.anneal_steps = check_count("anneal_steps", anneal_steps, least=0)
        if (final_temperature is None) != (anneal_steps == 0):
            raise ArgumentError(
                "final_temperature and anneal_steps go together: give both or none."
            )
        if final_temperature is not None:
            final_temperature = check_number("final_temperature", final_temperature, positive=True)
        self.final_temperature = final_temperature
        self.owns = anneal_steps > 0

    def surrogate(self, program: Program) -> Any:
        """mean_k of the relaxed log w_k, (K, N) to (N,), summed over the data."""
        relax = Relaxation(self._temperature(program), self.hard)
        return program.total(program.draw(self.num_particles, relax=relax).log_w.mean(0))

    def bound(self, program: Program) -> Any:
        """The ELBO of discrete draws."""
        return ELBO(self.num_particles, analytic_kl=False).surrogate(program)

    def _temperature(self, program: Program) -> Any:
        if self.final_temperature is None:
            return self.temperature
        step = program.state("step", 0.0)
        program.keep("step", step + 1)
        done = step / self.anneal_steps
        done = program.ops.where(done < 1, done, 1.0)
        return self.temperature * (self.final_temperature / self.temperature) ** done
