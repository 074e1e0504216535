"""Hidden states that are the same on data and on the model's own draws."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from inference.arguments import check_flag, check_number
from inference.objectives._objective import gradient_only
from inference.objectives._sequential_checks import HIDDEN_STATES, NO_LATENTS
from inference.objectives._sides import Sides, row
from inference.objectives._turns import check_turns, critics_turn, generators_turn
from inference.objectives.adversarial import Adversarial
from inference.objectives.elbo import ELBO
from inference.objectives.losses import AdversarialLoss
from inference.objectives.requirements import OBSERVED
from inference.program.phases import Phase
from inference.program.program import Generated

if TYPE_CHECKING:
    from inference.program.program import Program


class ProfessorForcing(Adversarial):
    """A likelihood, and hidden states in which a critic cannot tell data from own draws.

        log p(x) + weight * E log s(D(h(y))),                    climbed by the model
        E log s(D(h(x))) + E log(1 - s(D(h(y)))),                climbed by the critic D

    with the sigmoid s, the hidden states h(x) on the data (teacher forcing) and h(y) on rows y that
    the model has drawn itself (free running). A model that is taught by data alone meets states in
    its draws that it has never been in; here the two are to be alike over whole sequences. The
    gradient goes through the states given the drawn rows, and not through the draws. States come
    from the law's `features(inputs)`; after the end of a sequence they are to be zero.

    `fit` takes turns as in `Adversarial`: `critic_steps` of the critic, then one of the model. With
    weight 0 it is `ELBO()`, bit for bit. The value is the ELBO, which without latents is log p(x).
    `run.critic` takes hidden states.

    Args:
        weight: of the critic's part in what the model climbs.
        critic: `"mlp"`, which takes the states of a row side by side, or any network of the engine
            from states, as `features` gives them, to a score per datum, (N,) or (N, 1).
        loss: of critic and model: see `Adversarial`.
        both: whether the states on the data move towards those on draws, too: the model climbs
            E log(1 - s(D(h(x)))) besides.
        critic_steps: critic steps per step of the model.
        critic_learning_rate: of the critic; that of `fit` without it.
        freeze: see `Adversarial`.
        hidden: sizes of the hidden layers of `"mlp"`.
        dropout: of `"mlp"`: share of its hidden units that are left out.

    Raises:
        ValueError: if an argument is out of range, or two do not go together.

    References:
        Lamb, Goyal, Zhang, Zhang, Courville & Bengio 2016, arXiv:1610.09038.
    """

    needs = (OBSERVED, NO_LATENTS, HIDDEN_STATES)
    unit = "nats per datum"

    def __init__(
        self,
        weight: float = 1.0,
        critic: Any = "mlp",
        loss: str | AdversarialLoss = "non-saturating",
        *,
        both: bool = False,
        critic_steps: int = 1,
        critic_learning_rate: float | None = None,
        freeze: float | None = None,
        hidden: Sequence[int] = (256, 256),
        dropout: float = 0.0,
    ) -> None:
        super().__init__(
            critic,
            loss,
            critic_steps=critic_steps,
            critic_learning_rate=critic_learning_rate,
            freeze=freeze,
            hidden=hidden,
            dropout=dropout,
        )
        self.weight = check_number("weight", weight, least=0)
        self.both = check_flag("both", both)
        self.owns = weight > 0
        self._likelihood = ELBO()

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Steps of the critic, and then one of the model; none without a critic's part."""
        return super().phases if self.weight else ()

    @property
    def uses_guide(self) -> bool:
        """Whether the guide has to match the model: the ELBO is of both."""
        return True

    def surrogate(self, program: Program) -> Any:
        """The ELBO, with the gradient of the critic's part for the side whose turn it is."""
        elbo = self._likelihood.surrogate(program)
        if not self.weight:
            return elbo
        if self.turn is None:
            check_turns(
                self,
                critic_steps=self.critic_steps if self.critic_steps > 1 else None,
                critic_learning_rate=self.critic_learning_rate,
                freeze=self.freeze,
            )
        critic, sides, learnt = self._critic(program), self._seen(program), 0.0
        right = program.state("accuracy", 0.0)
        if self.turn != "generator":
            term, _, right = critics_turn(self, program, critic, sides.held(program))
            learnt = learnt - term
        if self.turn != "critic":
            term = generators_turn(self, program, critic, sides, right)
            if self.both:
                scores = row(critic(*sides.real, frozen=True))
                term = term + self.loss.encoder(scores, program.ops)
            learnt = learnt - self.weight * term
        value = program.stop(elbo) if self.turn == "critic" else elbo
        return value + self._summed(program, gradient_only(program, learnt))

    def bound(self, program: Program) -> Any:
        """The ELBO."""
        return self._likelihood.bound(program)

    def _seen(self, program: Program) -> Sides:
        """The hidden states on the data, and on as many own draws."""
        site, x = program.sequential(), program.data[0]
        nothing = program.ops.real(x) * 0 > 0
        own = site.complete(x, nothing)
        made = Generated(own, {}, tuple(program.data[1:]))
        return Sides((site.features(x),), (site.features(own),), made)
