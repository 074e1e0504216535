"""What critic and generator descend, as functions of the critic's scores; for either engine."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Self

from inference.arguments import check_number
from inference.descriptions import shown
from inference.errors import ArgumentError

__all__ = [
    "AdversarialLoss",
    "Classification",
    "FeatureMatching",
    "Hinge",
    "LeastSquares",
    "MaximumLikelihood",
    "Minimax",
    "NonSaturating",
    "Wasserstein",
]


@dataclass(frozen=True, kw_only=True, repr=False)
class AdversarialLoss(ABC):
    """The losses of two sides, from the critic's scores a of data and b of draws, (N,) each.

    A loss is a value: `Adversarial(loss=Wasserstein(gradient_penalty=10))`. Its `name` is a short
    form of it, and settings may stand beside that: `Adversarial(loss="wasserstein",
    gradient_penalty=10)`.

    As the attribute `loss` of an objective it is called as SVI calls a loss, and gives that
    objective's.

    Args:
        gradient_penalty: weight of E (|gradient of the score by what is compared| - 1)^2 at random
            points between data and draws, on the critic's side; None for none.
        clip: largest absolute value of a parameter of the critic, or None.

    Raises:
        ArgumentError: if an argument is out of range.
    """

    gradient_penalty: float | None = None
    clip: float | None = None

    name: ClassVar[str]
    blind: ClassVar[float] = 2 * math.log(2)
    """What the critic's loss is where it cannot tell data from draws."""
    signed: ClassVar[bool] = True
    """Whether the sign of a score says data or draw."""
    log_ratio: ClassVar[bool] = False
    """Whether the best score is log p_data / p_draws, and its sigmoid a probability."""
    by_scores: ClassVar[bool] = True
    """Whether the generator learns from scores, not from the critic's features."""

    def __post_init__(self) -> None:
        for name in ("gradient_penalty", "clip"):
            value = getattr(self, name)
            if value is not None and check_number(name, value) <= 0:
                raise ArgumentError(f"{name} must be positive or None, got {shown(value)}.")

    def __repr__(self) -> str:
        given = {each.name: getattr(self, each.name) for each in fields(self)}
        words = [f"{e.name}={given[e.name]!r}" for e in fields(self) if given[e.name] != e.default]
        return f"{type(self).__name__}({', '.join(words)})"

    @property
    def spelling(self) -> str:
        """The short form."""
        return self.name

    @abstractmethod
    def critic(self, real: Any, drawn: Any, ops: Any) -> Any:
        """The critic's loss, a scalar, against labels of 1 and 0 where it has labels."""

    def trained(self, real: Any, drawn: Any, ops: Any) -> Any:
        """What the critic descends; with smoothed labels where it has labels."""
        return self.critic(real, drawn, ops)

    @abstractmethod
    def generator(self, drawn: Any, ops: Any) -> Any:
        """The generator's loss, a scalar."""

    def encoder(self, real: Any, ops: Any) -> Any:
        """The guide's loss under a joint critic: the generator's with the two sides exchanged."""
        return self.generator(-real, ops)

    def of(self, objective: Any) -> Self:
        """The same, as the loss of an objective."""
        twin = copy.copy(self)
        object.__setattr__(twin, "_objective", objective)
        return twin

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """The objective's loss, as `numpyro.infer.SVI` calls it: see `Objective.loss`.

        Raises:
            TypeError: if it is no objective's.
        """
        objective = vars(self).get("_objective")
        if objective is None:
            raise TypeError(
                f"{self!r} is called as the loss of an objective alone: Adversarial(loss=...).loss."
            )
        return objective.loss_with_mutable_state(*args, **kwargs)["loss"]


@dataclass(frozen=True, kw_only=True, repr=False)
class Classification(AdversarialLoss):
    """Losses whose critic aims at labels: cross-entropy of sigmoid(a) with 1 and sigmoid(b) with 0.

    Args:
        smooth_real: how far the label of data is below 1, up to 0.5.
        smooth_generated: how far that of draws is above 0.
    """

    smooth_real: float = 0.0
    smooth_generated: float = 0.0

    log_ratio = True

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("smooth_real", "smooth_generated"):
            check_number(name, getattr(self, name), least=0, most=0.5)

    def critic(self, real: Any, drawn: Any, ops: Any) -> Any:
        """-E log sigmoid(a) - E log(1 - sigmoid(b))."""
        return self._smoothed(real, drawn, ops, 0.0, 0.0)

    def trained(self, real: Any, drawn: Any, ops: Any) -> Any:
        """The same with labels 1 - smooth_real and smooth_generated."""
        return self._smoothed(real, drawn, ops, self.smooth_real, self.smooth_generated)

    def _smoothed(self, real: Any, drawn: Any, ops: Any, off_real: float, off_drawn: float) -> Any:
        # softplus(-a) is -log sigmoid(a), and softplus(a) - softplus(-a) is a.
        missed = ops.softplus(-real) + off_real * real
        return (missed + ops.softplus(drawn) - off_drawn * drawn).mean()

    def generator(self, drawn: Any, ops: Any) -> Any:
        """-E log sigmoid(b)."""
        return ops.softplus(-drawn).mean()


class Minimax(Classification):
    """The generator descends E log(1 - sigmoid(b)) (Goodfellow et al. 2014, arXiv:1406.2661)."""

    name = "minimax"

    def generator(self, drawn: Any, ops: Any) -> Any:
        """E log(1 - sigmoid(b))."""
        return -ops.softplus(drawn).mean()


class NonSaturating(Classification):
    """The generator descends -E log sigmoid(b) (Goodfellow et al. 2014, arXiv:1406.2661)."""

    name = "non-saturating"


class MaximumLikelihood(Classification):
    """The generator's gradient is that of maximum likelihood (Goodfellow 2014, arXiv:1412.6515).

    At the best critic exp(b) is p_data / p_model, and the gradient of -E exp(b) over draws with the
    critic held is that of -E log p_model over data.
    """

    name = "maximum-likelihood"

    def generator(self, drawn: Any, ops: Any) -> Any:
        """-E exp(b)."""
        return -ops.exp(drawn).mean()


class FeatureMatching(Classification):
    """The generator matches the mean of the critic's features (Salimans et al. 2016)."""

    name = "feature-matching"
    by_scores = False


class LeastSquares(Classification):
    """Squared distances from the labels (Mao et al. 2017, arXiv:1611.04076)."""

    name = "least-squares"
    blind = 0.25
    log_ratio = False

    def _smoothed(self, real: Any, drawn: Any, ops: Any, off_real: float, off_drawn: float) -> Any:
        """1/2 E (a - 1 + r)^2 + 1/2 E (b - g)^2."""
        del ops
        return 0.5 * ((real - 1 + off_real) ** 2 + (drawn - off_drawn) ** 2).mean()

    def generator(self, drawn: Any, ops: Any) -> Any:
        """1/2 E (b - 1)^2."""
        del ops
        return 0.5 * ((drawn - 1) ** 2).mean()

    def encoder(self, real: Any, ops: Any) -> Any:
        """1/2 E a^2."""
        del ops
        return 0.5 * (real**2).mean()


class Hinge(AdversarialLoss):
    """Scores beyond 1 and -1 are good enough (Lim & Ye 2017, arXiv:1705.02894)."""

    name = "hinge"
    blind = 2.0

    def critic(self, real: Any, drawn: Any, ops: Any) -> Any:
        """E max(0, 1 - a) + E max(0, 1 + b)."""
        return _positive(1 - real, ops).mean() + _positive(1 + drawn, ops).mean()

    def generator(self, drawn: Any, ops: Any) -> Any:
        """-E b."""
        del ops
        return -drawn.mean()


class Wasserstein(AdversarialLoss):
    """A difference of means; the critic's slope has to be bounded (Arjovsky et al. 2017)."""

    name = "wasserstein"
    blind = 0.0
    signed = False

    def critic(self, real: Any, drawn: Any, ops: Any) -> Any:
        """-E a + E b."""
        del ops
        return drawn.mean() - real.mean()

    def generator(self, drawn: Any, ops: Any) -> Any:
        """-E b."""
        del ops
        return -drawn.mean()


LOSSES: dict[str, type[AdversarialLoss]] = {
    kind.name: kind
    for kind in (
        Minimax,
        NonSaturating,
        MaximumLikelihood,
        LeastSquares,
        Hinge,
        Wasserstein,
        FeatureMatching,
    )
}


def find_loss(loss: str | AdversarialLoss, **settings: Any) -> AdversarialLoss:
    """A loss of its own, or by name, with settings that are given beside it.

    Args:
        loss: the loss, or a name of `LOSSES`.
        **settings: fields of the loss; one that is as usual is taken from the loss.

    Raises:
        ArgumentError: if there is no such loss, a setting is out of range or not for this loss, or
            the loss has another one.
    """
    if isinstance(loss, str) and loss in LOSSES:
        loss = LOSSES[loss]()
    if not isinstance(loss, AdversarialLoss):
        raise ArgumentError(
            f"loss must be one of {', '.join(LOSSES)}, or a value of "
            f"inference.objectives.losses, got {shown(loss)}."
        )
    for name, value in settings.items():
        if value is not None:
            check_number(name, value)
    usual = {each.name: each.default for kind in LOSSES.values() for each in fields(kind)}
    given = {name: value for name, value in settings.items() if value != usual[name]}
    for name, value in given.items():
        own = getattr(loss, name, None)
        if own is None and name.startswith("smooth"):
            labelled = ", ".join(k for k, v in LOSSES.items() if issubclass(v, Classification))
            raise ArgumentError(
                f"loss={loss.name!r} has no labels to smooth; leave out smooth_real and "
                f"smooth_generated, or use one of {labelled}."
            )
        if own not in (usual[name], value):
            raise ArgumentError(f"{name}={value!r} is given beside {loss!r}; say it once.")
    return replace(loss, **given)


def _positive(value: Any, ops: Any) -> Any:
    return ops.where(value > 0, value, 0.0)


def __dir__() -> list[str]:
    return [*__all__]
