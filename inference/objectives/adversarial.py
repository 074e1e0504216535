"""Adversarial learning: a critic tells data from draws, the generator learns from the critic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from inference.arguments import (
    check_count,
    check_flag,
    check_number,
    check_one_of,
    check_positive,
)
from inference.objectives._adversarial_checks import (
    CODED,
    COUNTED_LABELS,
    MOVABLE,
    accuracy,
    check_critic,
    check_hidden,
    check_regulariser,
    check_together,
    interval,
)
from inference.objectives._critic import MLPCritic
from inference.objectives._objective import Objective, gradient_only
from inference.objectives._sides import Sides, latents_of, look_at, row
from inference.objectives._soundness import symptom
from inference.objectives._turns import check_turns, critics_turn, generators_turn
from inference.objectives.losses import AdversarialLoss, find_loss
from inference.objectives.mmd import check_draw
from inference.objectives.requirements import (
    DRAWN_DATA,
    LOCAL,
    OBSERVED,
    REPARAMETERISED,
)
from inference.program.phases import OWN, PAIR, Phase

if TYPE_CHECKING:
    from inference.program.program import Network, Program


_LATENTS = ("z", "x, z")  # what a critic may see besides data alone


class Adversarial(Objective):
    """A critic D learns to tell data from the model's draws, and the model to pass for data.

        loss              critic descends                            generator descends
        minimax           -E log s(D(x)) - E log(1 - s(D(g)))        E log(1 - s(D(g)))
        non-saturating    the same                                   -E log s(D(g))
        maximum-likelihood    the same                               -E exp D(g)
        least-squares     1/2 E (D(x) - 1)^2 + 1/2 E D(g)^2          1/2 E (D(g) - 1)^2
        hinge             E max(0, 1 - D(x)) + E max(0, 1 + D(g))    -E D(g)
        wasserstein       -E D(x) + E D(g)                           -E D(g)
        feature-matching  as minimax                                 |E f(x) - E f(g)|^2

    s is the sigmoid and f the critic's features; at its optimum s(D(x)) of the first two losses is
    p_data(x) / (p_data(x) + p_model(x)). What is trained is whatever makes `model(None, size=...)`;
    the guide only with `joint`. `fit` takes `critic_steps` steps of the critic, then one of the
    generator, each on a minibatch of its own, with an optimiser for each side; a side whose
    gradient is exactly zero, such as a frozen one, takes no step. Its steps and epochs count the
    turns of both. Under a plain SVI both sides step at once, which not every setting allows.

    The value is how well the critic tells the two apart: its loss less that of a critic that
    cannot, negative as soon as it can. So the history's loss is an estimate of twice the
    Jensen-Shannon divergence in nats less what the critic misses (minimax, non-saturating), of the
    Wasserstein distance (its scale being the critic's), and so on; it is no bound on a likelihood.

    Args:
        critic: `"mlp"`, or any network of the engine (torch.nn or flax.nnx) from x, whatever the
            pair is given besides, and (with `joint`) the latents side by side, to a score per
            datum, (N,) or (N, 1). `"feature-matching"` calls its method `features` too. A network
            of yours is copied: train on with `run.critic`.
        loss: see above: its name, or a value of `inference.objectives.losses`, such as
            `Wasserstein(gradient_penalty=10)`, which is the attribute `loss` in either case. The
            settings `clip`, `gradient_penalty`, `smooth_real` and `smooth_generated` are the
            loss's, wherever they are given.
        critic_steps: critic steps per generator step.
        critic_learning_rate: of the critic; that of `fit` without it.
        clip: largest absolute value of a critic's parameter, kept after each of its steps
            (the Wasserstein distance of Arjovsky et al. 2017).
        gradient_penalty: weight of E (|grad D| - 1)^2 between data and draws (Gulrajani et al.
            2017); usually 10.
        smooth_real: label smoothing: data are called 1 - smooth_real.
        smooth_generated: draws are called smooth_generated; with both it is two-sided.
        instance_noise: standard deviation of Gaussian noise on data and draws before the critic
            sees them.
        noise_steps: steps over which it falls to zero, linearly; 0 keeps it.
        freeze: the side that is ahead waits: the critic takes no step while the running average of
            its accuracy (of 0.9 a step, the sign of the score against data or draw) is above
            `freeze`, the generator none while it is below 1 - `freeze`. None never freezes.
        jacobian_clamp: (low, high), between which |G(z) - G(z')| / |z - z'| is kept, for z' at
            distance 1 from z, by the squared distance from that interval (Odena et al. 2018).
        joint: whether the critic sees (x, z), z from the guide beside data and from the prior
            beside draws, so that the guide learns to invert the model (BiGAN, ALI).
        draw: how data are drawn: see `MMD`.
        hidden: sizes of the hidden layers of `"mlp"`.
        spectral_norm: of `"mlp"`: see `MLPCritic`.
        minibatch_features: of `"mlp"`: how many.
        classes: of `"mlp"`: how many, where the pair is given labels.
        dropout: of `"mlp"`: share of its hidden units that are left out, also where the generator
            learns. A network of yours has it by layers of its own (torch.nn.Dropout, nnx.Dropout).
        critic_sees: `"x"`; or latents, of the prior against the guide's, so that the critic takes
            the place of the divergence beside E_q log p(x | z): `"z"` (adversarial auto-encoder);
            `"x, z"`, data beside both, the guide descending -E_q D, at best KL(q || p) (AVB).
        regulariser: `"r1"`, E |grad D|^2 over data, `"r2"`, over draws (Mescheder et al. 2018), or
            `"roth"`, both, weighed by (1 - s(D))^2 and s(D)^2, which is noise to the first order.
        weight: of the regulariser, twice: half of it multiplies the term.
        unrolled: steps of gradient descent that the critic is ahead where the generator learns, the
            gradient going through them; `unrolled_rate` is their step size.
        gibbs_steps: with `joint`, steps of a chain z ~ guide(x), x ~ model(z) from the prior's draw
            to the pair (x, z) that the critic sees, learnt from by its last step (GibbsNet).

    Raises:
        ArgumentError: if an argument is out of range, or two do not go together.

    References:
        Goodfellow et al. 2014, arXiv:1406.2661; Mao et al. 2017, arXiv:1611.04076 (least squares);
        Lim & Ye 2017, arXiv:1705.02894 (hinge); Arjovsky, Chintala & Bottou 2017, arXiv:1701.07875;
        Gulrajani et al. 2017, arXiv:1704.00028; Salimans et al. 2016, arXiv:1606.03498 (feature
        matching, label smoothing); Arjovsky & Bottou 2017, arXiv:1701.04862 (noise); Odena et al.
        2018, arXiv:1802.08768; Donahue, Krahenbuhl & Darrell 2017, arXiv:1605.09782; Dumoulin et
        al. 2017, arXiv:1606.00704; Makhzani et al. 2016, arXiv:1511.05644; Mescheder, Nowozin &
        Geiger 2017, arXiv:1701.04722; the same 2018, arXiv:1801.04406; Roth et al. 2017,
        arXiv:1705.09367; Metz et al. 2016, arXiv:1611.02163; Lamb et al. 2017, arXiv:1712.04120
        (GibbsNet).
    """

    needs = (
        DRAWN_DATA.when("critic_sees", "x"),
        COUNTED_LABELS,
        *(part.when("joint", True) for part in (OBSERVED, LOCAL, REPARAMETERISED)),
        *(part.when("critic_sees", *_LATENTS) for part in CODED),
        MOVABLE,
    )
    owns = constant_cancels = True
    unit = "what the critic tells apart"

    def __init__(
        self,
        critic: Any = "mlp",
        loss: str | AdversarialLoss = "non-saturating",
        *,
        critic_steps: int = 1,
        critic_learning_rate: float | None = None,
        clip: float | None = None,
        gradient_penalty: float | None = None,
        smooth_real: float = 0.0,
        smooth_generated: float = 0.0,
        instance_noise: float = 0.0,
        noise_steps: int = 0,
        freeze: float | None = None,
        jacobian_clamp: Sequence[float] | None = None,
        joint: bool = False,
        draw: str = "mean",
        hidden: Sequence[int] = (256, 256),
        spectral_norm: bool = False,
        minibatch_features: int = 0,
        classes: int = 0,
        dropout: float = 0.0,
        critic_sees: str = "x",
        regulariser: str | None = None,
        weight: float = 1.0,
        unrolled: int = 0,
        unrolled_rate: float = 0.1,
        gibbs_steps: int = 0,
    ) -> None:
        self.critic, self.weight = check_critic(critic), check_positive("weight", weight)
        self._loss = find_loss(
            loss,
            clip=clip,
            gradient_penalty=gradient_penalty,
            smooth_real=smooth_real,
            smooth_generated=smooth_generated,
        )
        self.clip, self.gradient_penalty = self._loss.clip, self._loss.gradient_penalty
        self.smooth_real = getattr(self._loss, "smooth_real", 0.0)
        self.smooth_generated = getattr(self._loss, "smooth_generated", 0.0)
        self.critic_steps = check_count("critic_steps", critic_steps)
        rate = critic_learning_rate
        self.critic_learning_rate = check_positive("critic_learning_rate", rate, optional=True)
        self.instance_noise = check_number("instance_noise", instance_noise, least=0)
        self.noise_steps = check_count("noise_steps", noise_steps, least=0)
        self.freeze = accuracy(freeze)
        self.jacobian_clamp = interval(jacobian_clamp)
        self.joint, self.draw = check_flag("joint", joint), check_draw(draw)
        self.hidden = check_hidden(hidden)
        self.spectral_norm = check_flag("spectral_norm", spectral_norm)
        self.minibatch_features = check_count("minibatch_features", minibatch_features, least=0)
        self.classes = check_count("classes", classes, least=0)
        self.dropout = check_number("dropout", dropout, least=0, most=0.95)
        self.critic_sees = check_one_of("critic_sees", critic_sees, ("x", *_LATENTS))
        self.regulariser = check_regulariser(regulariser)
        self.unrolled = check_count("unrolled", unrolled, least=0)
        self.unrolled_rate = check_positive("unrolled_rate", unrolled_rate)
        self.gibbs_steps = check_count("gibbs_steps", gibbs_steps, least=0)
        check_together(self)

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Steps of the critic, and then one of the generator."""
        critic = Phase("critic", OWN, self.critic_learning_rate, self.clip)
        return (*(critic,) * self.critic_steps, Phase("generator", PAIR))

    @property
    def networks(self) -> dict[str, Any]:
        """The critic, if it is a network of the engine."""
        return {} if isinstance(self.critic, str) else {"critic": self.critic}

    @property
    def uses_guide(self) -> bool:
        """Whether the guide is trained."""
        return self.joint or self.critic_sees != "x"

    @property
    def loss(self) -> AdversarialLoss:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The loss of the two sides; called, it is the objective's, as SVI calls one."""
        return self._loss.of(self)

    def surrogate(self, program: Program) -> Any:
        """How well the critic does, with the gradient of the side whose turn it is."""
        if self.turn is None:
            check_turns(
                self,
                critic_steps=self.critic_steps if self.critic_steps > 1 else None,
                critic_learning_rate=self.critic_learning_rate,
                clip=self.clip,
                freeze=self.freeze,
            )
        critic, sides = self._critic(program), self._seen(program)
        learnt = 0.0
        if self.turn == "generator":
            told_apart = program.state("told_apart", 0.0)
            right = program.state("accuracy", 0.0)
        else:
            held = sides.held(program)
            term, told_apart, right = critics_turn(self, program, critic, held)
            learnt = learnt - term - self._critics_terms(program, critic, held)
        if self.turn != "critic":
            learnt = learnt - generators_turn(self, program, critic, sides, right)
        return self._summed(program, told_apart + gradient_only(program, learnt))

    def bound(self, program: Program) -> Any:
        """How well the critic as it is tells these data from draws."""
        critic, sides = self._critic(program).evaluating(), self._seen(program)
        a, b = (row(critic(*side, frozen=True)) for side in (sides.real, sides.drawn))
        told_apart = self._loss.critic(a, b, program.ops) - self._loss.blind
        return self._summed(program, told_apart)

    def symptom(self, carried: Mapping[str, Any]) -> str:
        """What was not finite in the last step."""
        return symptom(carried)

    def scores(self, program: Program) -> Any:
        """The critic's score of each datum, and of its latents with `joint`; shape (N,)."""
        return row(self._critic(program).evaluating()(*program.data, frozen=True))

    def _critics_terms(self, program: Program, critic: Network, sides: Sides) -> Any:
        """What the critic descends besides."""
        del program, critic, sides
        return 0.0

    def _critic(self, program: Program) -> Network:
        if not isinstance(self.critic, str):
            return program.network("critic", self.critic)
        return MLPCritic(
            program,
            self.hidden,
            spectral_norm=self.spectral_norm,
            minibatch_features=self.minibatch_features,
            classes=self.classes,
            dropout=self.dropout,
        )

    def _seen(self, program: Program) -> Sides:
        """Data and as many draws, with instance noise."""
        noise = self._noise(program)
        if self.critic_sees != "x":
            return latents_of(program, noise=noise, beside_data=self.critic_sees != "z")
        steps = self.gibbs_steps
        return look_at(program, draw=self.draw, noise=noise, joint=self.joint, steps=steps)

    def _noise(self, program: Program) -> Any:
        """The standard deviation of the instance noise in this step; None for none."""
        if self.instance_noise == 0:
            return None
        if self.noise_steps == 0:
            return self.instance_noise
        step = program.state("step", 0.0)
        program.keep("step", step + 1)
        left = 1 - step / self.noise_steps
        return self.instance_noise * program.ops.where(left > 0, left, 0.0)

    def _summed(self, program: Program, per_datum: Any) -> Any:
        return per_datum * len(program.data[0]) * program.structure.scale
