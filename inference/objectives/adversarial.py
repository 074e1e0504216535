"""Adversarial learning: a critic tells data from draws, the generator learns from the critic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from inference.arguments import check_count, check_flag, check_number, check_one_of
from inference.errors import ObjectiveError
from inference.objectives._adversarial_losses import (
    CLASSIFIERS,
    LOSSES,
    blind,
    critic_loss,
    encoder_loss,
    generator_loss,
)
from inference.objectives._critic import MLPCritic
from inference.objectives._objective import Objective, gradient_only
from inference.objectives.mmd import check_draw

if TYPE_CHECKING:
    from inference.program.program import Generated, Network, Program
    from inference.program.structure import Structure

_DECAY = 0.9  # of the critic's running accuracy
_SOUND, _BAD_DRAWS, _BAD_SCORES = 0.0, 1.0, 2.0  # what a step found


@dataclass(frozen=True)
class _Sides:
    """What the critic sees: data and draws, each x, what is given besides, and perhaps z.

    Attributes:
        real: of the data.
        drawn: of as many draws.
        made: the draws with all their noise.
    """

    real: tuple[Any, ...]
    drawn: tuple[Any, ...]
    made: Generated


class Adversarial(Objective):
    """A critic D learns to tell data from the model's draws, and the model to pass for data.

        loss              critic descends                            generator descends
        minimax           -E log s(D(x)) - E log(1 - s(D(g)))        E log(1 - s(D(g)))
        non-saturating    the same                                   -E log s(D(g))
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
        loss: see above.
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

    Raises:
        ValueError: if an argument is out of range, or two do not go together.

    References:
        Goodfellow et al. 2014, arXiv:1406.2661; Mao et al. 2017, arXiv:1611.04076 (least squares);
        Lim & Ye 2017, arXiv:1705.02894 (hinge); Arjovsky, Chintala & Bottou 2017, arXiv:1701.07875;
        Gulrajani et al. 2017, arXiv:1704.00028; Salimans et al. 2016, arXiv:1606.03498 (feature
        matching, label smoothing); Arjovsky & Bottou 2017, arXiv:1701.04862 (noise); Odena et al.
        2018, arXiv:1802.08768; Donahue, Krahenbuhl & Darrell 2017, arXiv:1605.09782; Dumoulin et
        al. 2017, arXiv:1606.00704.
    """

    owns = True
    unit = "what the critic tells apart"

    def __init__(
        self,
        critic: Any = "mlp",
        loss: str = "non-saturating",
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
    ) -> None:
        check_one_of("loss", loss, LOSSES)
        if isinstance(critic, str) and critic != "mlp":
            raise ValueError(f"critic must be 'mlp' or a network of the engine, got {critic!r}.")
        self.critic, self.loss_name = critic, loss
        self.critic_steps = check_count("critic_steps", critic_steps)
        self.critic_learning_rate = _positive("critic_learning_rate", critic_learning_rate)
        self.clip = _positive("clip", clip)
        self.gradient_penalty = _positive("gradient_penalty", gradient_penalty)
        self.smooth_real = check_number("smooth_real", smooth_real, least=0, most=0.5)
        self.smooth_generated = check_number(
            "smooth_generated", smooth_generated, least=0, most=0.5
        )
        self.instance_noise = check_number("instance_noise", instance_noise, least=0)
        self.noise_steps = check_count("noise_steps", noise_steps, least=0)
        self.freeze = (
            freeze if freeze is None else check_number("freeze", freeze, least=0.5, most=1)
        )
        self.jacobian_clamp = _interval(jacobian_clamp)
        self.joint = check_flag("joint", joint)
        self.draw = check_draw(draw)
        self.hidden = tuple(check_count("hidden", size) for size in hidden)
        self.spectral_norm = check_flag("spectral_norm", spectral_norm)
        self.minibatch_features = check_count("minibatch_features", minibatch_features, least=0)
        self.classes = check_count("classes", classes, least=0)
        self._check_together()

    @property
    def phases(self) -> tuple[str, ...]:
        """Whose turn it is, over and over."""
        return (*("critic",) * self.critic_steps, "generator")

    @property
    def networks(self) -> dict[str, Any]:
        """The critic, if it is a network of the engine."""
        return {} if isinstance(self.critic, str) else {"critic": self.critic}

    @property
    def uses_guide(self) -> bool:
        """Whether the guide is trained."""
        return self.joint

    def arguments(self) -> dict[str, Any]:
        """The constructor's arguments by name; `loss` is the name of a method too."""
        return {**super().arguments(), "loss": self.loss_name}

    def surrogate(self, program: Program) -> Any:
        """How well the critic does, with the gradient of the side whose turn it is."""
        if self.phase is None and self._takes_turns():
            raise ObjectiveError(
                f"{self!r} needs turns of critic and generator, which fit takes; under a plain SVI "
                "leave out critic_steps, critic_learning_rate, clip and freeze."
            )
        critic, sides = self._critic(program), self._sides(program)
        learnt = 0.0
        if self.phase == "generator":
            told_apart = program.state("told_apart", 0.0)
            accuracy = program.state("accuracy", 0.0)
        else:
            term, told_apart, accuracy = self._critic_step(program, critic, sides)
            learnt = learnt - term
        if self.phase != "critic":
            learnt = learnt - self._generator_step(program, critic, sides, accuracy)
        return self._summed(program, told_apart + gradient_only(program, learnt))

    def bound(self, program: Program) -> Any:
        """How well the critic as it is tells these data from draws."""
        critic, sides = self._critic(program), self._sides(program)
        a, b = (_row(critic(*side, frozen=True)) for side in (sides.real, sides.drawn))
        told_apart = critic_loss(self.loss_name, a, b, program.ops) - blind(self.loss_name)
        return self._summed(program, told_apart)

    def check(self, structure: Structure) -> None:
        """Needs a model that draws data, with a gradient; a pathwise guide with `joint`."""
        structure.check_generates(repr(self), self.draw)
        if structure.labelled and isinstance(self.critic, str) and not self.classes:
            raise ObjectiveError(
                f"{self!r} is given whole numbers besides x, which the critic 'mlp' takes for "
                "labels; say how many there are with classes=."
            )
        if self.joint:
            structure.check_pathwise(repr(self))
        for site in structure.latents if self.jacobian_clamp else ():
            if not site.reparameterised:
                raise ObjectiveError(
                    f"{self!r} moves the latents a little, which {site.name!r}, being discrete, "
                    "does not allow; leave out jacobian_clamp."
                )

    def symptom(self, carried: Mapping[str, Any]) -> str:
        """What was not finite in the last step."""
        trouble = float(carried.get("trouble", _SOUND))
        if trouble == _BAD_DRAWS:
            return "the model's draws of the data are NaN or infinite"
        if trouble == _BAD_SCORES:
            return "the critic's scores, or their slope, are NaN or infinite"
        return ""

    def scores(self, program: Program) -> Any:
        """The critic's score of each datum, and of its latents with `joint`; shape (N,)."""
        return _row(self._critic(program)(*program.data, frozen=True))

    def _critic_step(
        self, program: Program, critic: Network, sides: _Sides
    ) -> tuple[Any, Any, Any]:
        """The critic's loss, how well it does, and its running accuracy."""
        ops, stop = program.ops, program.stop
        drawn = tuple(map(stop, sides.drawn))
        real = tuple(map(stop, sides.real))
        a, b = _row(critic(*real)), _row(critic(*drawn))
        right = 0.5 * (ops.where(a > 0, 1.0, 0.0) + ops.where(b < 0, 1.0, 0.0)).mean()
        accuracy = _DECAY * program.state("accuracy", 0.0) + (1 - _DECAY) * right
        told_apart = stop(critic_loss(self.loss_name, a, b, ops) - blind(self.loss_name))
        _note(program, "accuracy", accuracy)
        _note(program, "told_apart", told_apart)
        smooth = (self.smooth_real, self.smooth_generated)
        term = critic_loss(self.loss_name, a, b, ops, smooth)
        if self.gradient_penalty is not None:
            term = term + self.gradient_penalty * self._penalty(program, critic, real, drawn)
        self._look(program, drawn[0], stop(term))
        if self.freeze is not None:
            term = ops.where(accuracy > self.freeze, 0.0, 1.0) * term
        return term, told_apart, accuracy

    def _generator_step(
        self, program: Program, critic: Network, sides: _Sides, accuracy: Any
    ) -> Any:
        """The generator's loss, and the guide's with `joint`."""
        ops = program.ops
        if self.loss_name == "feature-matching":
            wanted = program.stop(critic.features(*sides.real, frozen=True)).mean(0)
            term = ((wanted - critic.features(*sides.drawn, frozen=True).mean(0)) ** 2).sum()
        else:
            scores = _row(critic(*sides.drawn, frozen=True))
            term = generator_loss(self.loss_name, scores, ops)
        if self.joint:
            scores = _row(critic(*sides.real, frozen=True))
            term = term + encoder_loss(self.loss_name, scores, ops)
        if self.jacobian_clamp is not None:
            term = term + self._out_of_clamp(program, sides.made)
        if self.phase == "generator":
            self._look(program, program.stop(sides.drawn[0]), program.stop(term))
        if self.freeze is not None:
            term = ops.where(accuracy < 1 - self.freeze, 0.0, 1.0) * term
        return term

    def _penalty(
        self, program: Program, critic: Network, real: tuple[Any, ...], drawn: tuple[Any, ...]
    ) -> Any:
        """E (|gradient of the score by what is compared| - 1)^2, at random points in between."""
        moving = (0, len(real) - 1) if self.joint else (0,)
        data, made = (
            side_by_side([side[i] for i in moving], program.ops) for side in (real, drawn)
        )
        share = program.uniform(data[:, :1])

        def score(between: Any) -> Any:
            inputs, start = list(real), 0
            for i in moving:
                stop = start + real[i].reshape(len(between), -1).shape[1]
                inputs[i] = between[:, start:stop].reshape(real[i].shape)
                start = stop
            return _row(critic(*inputs))

        slope = program.input_gradient(score, share * data + (1 - share) * made)
        norm = ((slope**2).sum(1) + 1e-12) ** 0.5  # the root has no slope at zero
        return ((norm - 1) ** 2).mean()

    def _out_of_clamp(self, program: Program, made: Generated) -> Any:
        """How far a small move of the latents is stretched beyond the interval, squared."""
        assert self.jacobian_clamp is not None
        low, high = self.jacobian_clamp
        rows, where = len(made.x), program.ops.where
        steps = {name: program.normal(value) for name, value in made.latents.items()}
        length = sum((step**2).reshape(rows, -1).sum(1) for step in steps.values()) ** 0.5
        moved = {}
        for name, value in made.latents.items():
            share = 1 / length.reshape(rows, *(1 for _ in value.shape[1:]))
            moved[name] = value + share * steps[name]
        here = program.generate(rows, values=made.latents).x
        there = program.generate(rows, values=moved).x
        stretch = (((there - here) ** 2).reshape(rows, -1).sum(1) + 1e-12) ** 0.5
        above = where(stretch > high, stretch - high, 0.0)
        below = where(stretch < low, low - stretch, 0.0)
        return (above**2 + below**2).mean()

    def _look(self, program: Program, drawn: Any, term: Any) -> None:
        """Note for `symptom` whether something is not finite."""
        bad_draws, bad_scores = (_not_finite(part.sum(), program) for part in (drawn, term))
        kind = program.ops.where(bad_draws > 0, _BAD_DRAWS, bad_scores * _BAD_SCORES)
        _note(program, "trouble", kind)

    def _critic(self, program: Program) -> Network:
        if not isinstance(self.critic, str):
            return program.network("critic", self.critic)
        return MLPCritic(
            program,
            self.hidden,
            spectral_norm=self.spectral_norm,
            minibatch_features=self.minibatch_features,
            classes=self.classes,
        )

    def _sides(self, program: Program) -> _Sides:
        """Data and as many draws, with instance noise."""
        x, *given = program.data
        made = program.generate(len(x), draw=self.draw)
        noise = self._noise(program)
        x, drawn = (
            part if noise is None else part + noise * program.normal(part)
            for part in (program.ops.real(x), made.x)
        )
        if not self.joint:
            return _Sides((x, *given), (drawn, *made.given), made)
        names = [site.name for site in program.structure.proposals]
        proposed = program.propose()
        inferred, prior = (
            side_by_side([codes[name] for name in names], program.ops)
            for codes in (proposed, made.latents)
        )
        return _Sides((x, *given, inferred), (drawn, *made.given, prior), made)

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

    def _takes_turns(self) -> bool:
        return self.critic_steps > 1 or any(
            setting is not None for setting in (self.critic_learning_rate, self.clip, self.freeze)
        )

    def _check_together(self) -> None:
        """Refuse settings that do not go together.

        Raises:
            ValueError: naming both.
        """
        bounded = self.clip or self.gradient_penalty or self.spectral_norm
        if self.loss_name == "wasserstein" and isinstance(self.critic, str) and not bounded:
            raise ValueError(
                "loss='wasserstein' needs a critic whose slope is bounded: set clip, "
                "gradient_penalty or spectral_norm."
            )
        if self.loss_name not in CLASSIFIERS and (self.smooth_real or self.smooth_generated):
            raise ValueError(
                f"loss={self.loss_name!r} has no labels to smooth; leave out smooth_real and "
                f"smooth_generated, or use one of {', '.join(CLASSIFIERS)}."
            )
        if self.loss_name == "wasserstein" and self.freeze is not None:
            raise ValueError(
                "freeze needs scores whose sign says data or draw, which those of "
                "loss='wasserstein' do not; leave it out."
            )
        if self.loss_name == "feature-matching" and self.joint:
            raise ValueError(
                "joint=True needs a score for the guide to learn from; use another loss than "
                "'feature-matching'."
            )
        if self.noise_steps and not self.instance_noise:
            raise ValueError("noise_steps needs instance_noise, the noise to begin with.")
        own = (self.spectral_norm, self.minibatch_features, self.classes)
        if not isinstance(self.critic, str) and any(own):
            raise ValueError(
                "spectral_norm, minibatch_features and classes are for critic='mlp'; build them "
                "into the network that you give."
            )


def _note(program: Program, name: str, value: Any) -> None:
    """Keep a number that another phase, or nobody but the user, reads."""
    program.state(name, 0.0)  # so that it is known from the first step on
    program.keep(name, value)


def side_by_side(parts: Iterable[Any], ops: Any) -> Any:
    """Arrays of N rows as the columns of one, (N, D)."""
    return ops.concatenate([part.reshape(len(part), -1) for part in parts])


def _not_finite(number: Any, program: Program) -> Any:
    """1 if it is NaN or infinite, else 0."""
    return program.ops.where(number - number == 0, 0.0, 1.0)


def _row(scores: Any) -> Any:
    """Scores (N,) from (N,) or (N, 1).

    Raises:
        ObjectiveError: if there is not one per datum.
    """
    if scores.ndim == 1 or (scores.ndim == 2 and scores.shape[1] == 1):
        return scores.reshape(-1)
    raise ObjectiveError(
        f"the critic must give one score per datum, shape (N,) or (N, 1), got "
        f"{tuple(scores.shape)}; end it with a linear layer of one unit."
    )


def _positive(name: str, value: float | None) -> float | None:
    if value is not None and check_number(name, value) <= 0:
        raise ValueError(f"{name} must be positive or None, got {value!r}.")
    return value


def _interval(clamp: Sequence[float] | None) -> tuple[float, float] | None:
    if clamp is None:
        return None
    if not isinstance(clamp, Sequence) or len(clamp) != 2 or not 0 <= clamp[0] < clamp[1]:
        raise ValueError(f"jacobian_clamp must be (low, high), 0 <= low < high, got {clamp!r}.")
    return float(clamp[0]), float(clamp[1])
