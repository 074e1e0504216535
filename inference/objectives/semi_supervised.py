"""A critic that tells classes of data, and draws from all of them."""

from __future__ import annotations

import copy
import math
import operator
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from inference.arguments import check_count, check_positive
from inference.errors import ArgumentError, DataError, ObjectiveError
from inference.objectives._beside import check_marks
from inference.objectives._critic import MLPCritic
from inference.objectives._sides import Sides
from inference.objectives.adversarial import Adversarial
from inference.objectives.losses import LOSSES, AdversarialLoss
from inference.objectives.requirements import BESIDE, DRAWN_DATA

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from inference.program.program import Network, Program


class SemiSupervisedAdversarial(Adversarial):
    """A critic that learns to classify data from few labels, and to tell them from the draws.

    It has a logit l_k(x) for each of K classes, and takes x for data with the probability

        D(x) = Z(x) / (Z(x) + 1),   Z(x) = sum_k exp l_k(x)

    as if draws were a class of their own whose logit is 0. It descends

        -weight E log softmax(l(x))_y - E log D(x) - E log(1 - D(g))

    with the first mean over the labelled rows of the minibatch, the second over all of them and
    the third over draws g. At its optimum softmax(l(x)) is p(y | x) and D(x) is p(x) / (p(x) +
    q(x)), of data p and draws q. The generator descends `loss`; feature matching is what works
    (Salimans et al. 2016). `inference.classify` of the run asks the critic, and `run.critic` gives
    log Z(x). Labelled rows may be repeated among the data where few of a minibatch would be.

    Data are those of the pair, and last the classes, whole numbers with -1 where one is not known,
    as `load("mnist", labels=100)` has them. The pair is not given them.

    Args:
        classes: K.
        critic: `"mlp"`, or any network of the engine from x to K logits, (N, K), with a method
            `features` for feature matching.
        loss: what the generator descends, of D's score log Z: see `Adversarial`; one whose critic
            descends the cross-entropy above, as that of `"hinge"` does not.
        label_weight: weight of the labelled rows.
        critic_steps: critic steps per generator step.
        critic_learning_rate: of the critic; that of `fit` without it.
        instance_noise: standard deviation of Gaussian noise on data and draws before the critic
            sees them.
        draw: how data are drawn: see `MMD`.
        hidden: sizes of the hidden layers of `"mlp"`.
        dropout: of `"mlp"`: share of its hidden units that are left out.

    Raises:
        ArgumentError: if an argument is out of range, or two do not go together.

    References:
        Salimans et al. 2016, arXiv:1606.03498; Odena 2016, arXiv:1606.01583.
    """

    needs = (BESIDE, DRAWN_DATA)
    keeps = 1
    beside = "classes, whole numbers with -1 where one is not known,"

    def __init__(
        self,
        classes: int = 10,
        critic: Any = "mlp",
        loss: str | AdversarialLoss = "feature-matching",
        *,
        label_weight: float = 1.0,
        critic_steps: int = 1,
        critic_learning_rate: float | None = None,
        instance_noise: float = 0.0,
        draw: str = "mean",
        hidden: Sequence[int] = (256, 256),
        dropout: float = 0.0,
    ) -> None:
        super().__init__(
            critic,
            loss,
            critic_steps=critic_steps,
            critic_learning_rate=critic_learning_rate,
            instance_noise=instance_noise,
            draw=draw,
            hidden=hidden,
            dropout=dropout,
        )
        self.classes = check_count("classes", classes, least=2)
        if not self.loss.log_ratio:
            names = ", ".join(repr(name) for name, kind in LOSSES.items() if kind.log_ratio)
            raise ArgumentError(
                "the critic's probabilities D(x) and its classes belong to a loss whose critic "
                f"aims at labels, one of {names}; got loss={self.loss.name!r}."
            )
        self.label_weight = check_positive("label_weight", label_weight)

    def check_beside(self, array: NDArray[np.generic], name: str = "data") -> None:
        """Refuse classes that are not whole numbers from -1 to K - 1, one for each row.

        Raises:
            DataError: saying what was expected, and in which row what came.
        """
        check_marks(array, name, self.beside, range(-1, self.classes))

    def check_all_beside(self, array: NDArray[np.generic]) -> None:
        """Refuse classes of which none is known.

        Raises:
            DataError: if all are -1.
        """
        if (array == -1).all():
            raise DataError(
                "all classes in the data are -1, not known, so that there is nothing to learn them "
                "from. Give the class of some rows, or train by Adversarial(), without classes."
            )

    def class_logits(self, program: Program) -> Any:
        """The critic's logit of each class for each datum, (N, K)."""
        return self._critic(program).evaluating().logits(program.data[0])

    def _supervised(self, program: Program, critic: Any, sides: Sides) -> Any:
        """Cross-entropy of the classes, over the labelled rows."""
        ops, labels = program.ops, program.data[-1].reshape(-1)
        logits = critic.logits(*sides.real)  # the pass that the score of data is of
        right = labels[:, None] == ops.arange(self.classes, like=labels)
        log_p = (ops.where(right, logits, 0.0)).sum(1) - log_sum(program, logits)
        known = ops.where(labels >= 0, 1.0, 0.0)
        count = known.sum()
        return -(known * log_p).sum() / ops.where(count > 0, count, 1.0)

    def _critics_terms(self, program: Program, critic: Any, sides: Sides) -> Any:
        return self.label_weight * self._supervised(program, critic, sides)

    def _critic(self, program: Program) -> Any:
        if not isinstance(self.critic, str):
            return _Classes(program, program.network("critic", self.critic), self.classes)
        critic = MLPCritic(
            program,
            self.hidden,
            spectral_norm=False,
            minibatch_features=0,
            classes=0,
            outputs=self.classes,
            dropout=self.dropout,
        )
        return _Classes(program, critic, self.classes)

    def _seen(self, program: Program) -> Sides:
        """Data and draws, without the labels."""
        sides = super()._seen(program)
        return replace(sides, real=sides.real[:-1], drawn=sides.drawn[:-1])


class _Classes:
    """A network of K logits as a critic whose score is log Z, the log of the sum of their exp."""

    def __init__(self, program: Program, network: Network, classes: int) -> None:
        self.program, self.network, self.classes = program, network, classes
        self._first: tuple[tuple[Any, ...], Any] | None = None  # pass: its inputs and logits

    def __call__(self, *inputs: Any, frozen: bool = False) -> Any:
        """log Z of each datum, (N,)."""
        return log_sum(self.program, self.logits(*inputs, frozen=frozen))

    def logits(self, *inputs: Any, frozen: bool = False) -> Any:
        """Of each class, (N, K); of the arrays of the first pass as they were, noise and all."""
        if not frozen and self._first is not None:
            seen, logits = self._first
            if len(seen) == len(inputs) and all(map(operator.is_, seen, inputs)):
                return logits
        logits = self.network(*inputs, frozen=frozen)
        if logits.ndim != 2 or logits.shape[1] != self.classes:
            raise ObjectiveError(
                f"the critic must give a logit for each of {self.classes} classes, shape (N, "
                f"{self.classes}), got {tuple(logits.shape)}; end it with a linear layer of "
                f"{self.classes} units, or say classes=."
            )
        if not frozen and self._first is None:
            self._first = inputs, logits
        return logits

    def features(self, *inputs: Any, frozen: bool = False) -> Any:
        """The network's features."""
        return self.network.features(*inputs, frozen=frozen)

    def evaluating(self) -> _Classes:
        """The same without dropout."""
        twin = copy.copy(self)
        twin.network, twin._first = self.network.evaluating(), None
        return twin


def log_sum(program: Program, logits: Any) -> Any:
    """log sum_k exp l_k of each row of (N, K)."""
    return program.logmeanexp(logits.T) + math.log(logits.shape[1])
