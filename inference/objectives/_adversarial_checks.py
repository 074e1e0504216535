"""Which settings of an adversarial objective go together, and what it asks of a pair by itself."""

from __future__ import annotations

import numbers
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from inference.arguments import check_count, check_number, check_one_of
from inference.descriptions import shown
from inference.errors import ArgumentError, ObjectiveError
from inference.objectives._slopes import REGULARISERS
from inference.objectives.losses import Wasserstein
from inference.objectives.requirements import (
    DRAWN_LATENTS,
    LOCAL,
    OBSERVED,
    REPARAMETERISED,
    Requirement,
)

if TYPE_CHECKING:
    from inference.objectives.adversarial import Adversarial
    from inference.program.structure import Structure

_SAME_CRITIC = (
    "non-saturating",
    "minimax",
)  # others say by name what nobody would descend
_USUAL_RATE = 0.1  # of unrolled steps


def _check_labels(structure: Structure, objective: Adversarial) -> None:
    if structure.labelled and isinstance(objective.critic, str) and not objective.classes:
        raise ObjectiveError(
            f"{objective!r} is given whole numbers besides x, which the critic 'mlp' takes for "
            "labels; say how many there are with classes=."
        )


def _check_movable(structure: Structure, objective: Adversarial) -> None:
    for site in structure.latents if objective.jacobian_clamp else ():
        if not site.reparameterised:
            raise ObjectiveError(
                f"{objective!r} moves the latents a little, which {site.name!r}, being discrete, "
                "does not allow; leave out jacobian_clamp."
            )


COUNTED_LABELS = Requirement("labels counted by classes=", _check_labels)
CODED = (OBSERVED, LOCAL, REPARAMETERISED, DRAWN_LATENTS)  # a critic of latents
MOVABLE = Requirement("continuous latents with jacobian_clamp", _check_movable)


def check_together(objective: Adversarial) -> None:
    """Refuse settings that do not go together.

    Raises:
        ArgumentError: naming both.
    """
    loss = objective.loss
    bounded = objective.clip or objective.gradient_penalty or objective.spectral_norm
    wasserstein = isinstance(loss, Wasserstein)
    if wasserstein and isinstance(objective.critic, str) and not bounded:
        raise ArgumentError(
            "loss='wasserstein' needs a critic whose slope is bounded: set clip, "
            "gradient_penalty or spectral_norm."
        )
    if not loss.signed and objective.freeze is not None:
        raise ArgumentError(
            "freeze needs scores whose sign says data or draw, which those of "
            f"loss={loss.name!r} do not; leave it out."
        )
    if not loss.by_scores and objective.joint:
        raise ArgumentError(
            "joint=True needs a score for the guide to learn from; use another loss than "
            f"{loss.name!r}."
        )
    paired = objective.joint or objective.minibatch_features or objective.jacobian_clamp
    if objective.draw == "score" and (paired or not loss.by_scores):
        raise ArgumentError(
            "draw='score' weighs each draw by its own score of the critic; leave out joint, "
            "minibatch_features and jacobian_clamp, and use another loss than 'feature-matching'."
        )
    if objective.gibbs_steps and not objective.joint:
        raise ArgumentError("gibbs_steps is a chain of latents and data; set joint=True.")
    if objective.noise_steps and not objective.instance_noise:
        raise ArgumentError("noise_steps needs instance_noise, the noise to begin with.")
    own = (
        objective.spectral_norm,
        objective.minibatch_features,
        objective.classes,
        objective.dropout,
    )
    if not isinstance(objective.critic, str) and any(own):
        raise ArgumentError(
            "spectral_norm, minibatch_features, classes and dropout are for critic='mlp'; build "
            "them into the network that you give."
        )
    if (
        not loss.by_scores
        and not isinstance(objective.critic, str)
        and not callable(getattr(objective.critic, "features", None))
    ):
        raise ArgumentError(
            f"loss={loss.name!r} compares what the critic's method features(x) returns, which "
            f"{type(objective.critic).__name__} has not; give it one, or use another loss."
        )
    _check_latents(objective)
    _check_slopes(objective)


def _check_latents(objective: Adversarial) -> None:
    """Refuse what does not go together with a critic of latents."""
    if objective.critic_sees == "x":
        return
    compared = objective.joint or objective.jacobian_clamp or objective.draw != "mean"
    if compared:
        raise ArgumentError(
            f"critic_sees={objective.critic_sees!r} compares latents, not draws of data; leave out "
            "joint, jacobian_clamp and draw."
        )
    if objective.critic_sees == "x, z" and objective.loss.name not in _SAME_CRITIC:
        raise ArgumentError(
            "critic_sees='x, z' needs a critic whose score is a log ratio of densities: "
            f"loss={' or '.join(map(repr, _SAME_CRITIC))}, got {shown(objective.loss.name)}."
        )


def _check_slopes(objective: Adversarial) -> None:
    """Refuse what does not go together with a regulariser or unrolled steps."""
    loss = objective.loss
    if objective.regulariser == "roth" and not loss.log_ratio:
        raise ArgumentError(
            "regulariser='roth' weighs slopes by the critic's probabilities, which "
            f"loss={loss.name!r} has none of; use 'r1' or 'r2'."
        )
    if objective.regulariser is None and objective.weight != 1:
        raise ArgumentError("weight is that of a regulariser; say which: 'r1', 'r2' or 'roth'.")
    bounded = (
        objective.clip,
        objective.gradient_penalty,
        objective.regulariser,
        objective.spectral_norm,
    )
    if objective.unrolled and (any(bounded) or objective.draw == "score"):
        raise ArgumentError(
            "unrolled steps descend the critic's loss alone, with a gradient through the draws; "
            "leave out clip, gradient_penalty, regulariser, spectral_norm and draw='score'."
        )
    if not objective.unrolled and objective.unrolled_rate != _USUAL_RATE:
        raise ArgumentError("unrolled_rate is the step size of unrolled steps; set unrolled.")


def check_critic(critic: Any, name: str = "critic") -> Any:
    """Return it if it is `"mlp"`, or no string.

    Raises:
        ArgumentError: if it is another string.
    """
    if isinstance(critic, str) and critic == "mlp":
        return critic
    plain = isinstance(critic, (str, bytes, numbers.Number, Collection, np.ndarray, type(None)))
    if (plain and not callable(critic)) or isinstance(critic, type):
        raise ArgumentError(
            f"{name} must be 'mlp' or a network of the engine, got {shown(critic)}."
        )
    return critic


def check_hidden(hidden: Any) -> tuple[int, ...]:
    """Sizes of hidden layers.

    Raises:
        ArgumentError: if they are none.
    """
    if not isinstance(hidden, (tuple, list)):
        raise ArgumentError(
            f"hidden must be a tuple of sizes, such as (256, 256), got {shown(hidden)}."
        )
    return tuple(check_count("hidden", size) for size in hidden)


def check_regulariser(regulariser: str | None) -> str | None:
    """Return it if it is a name, or None.

    Raises:
        ArgumentError: if it is another name.
    """
    if regulariser is None:
        return None
    return check_one_of("regulariser", regulariser, REGULARISERS)


def accuracy(freeze: float | None) -> float | None:
    """The accuracy above which a side waits, or None.

    Raises:
        ArgumentError: if it is not between 0.5 and 1.
    """
    return freeze if freeze is None else check_number("freeze", freeze, least=0.5, most=1)


def interval(clamp: Sequence[float] | None) -> tuple[float, float] | None:
    """An interval (low, high) of positive numbers, or None.

    Raises:
        ArgumentError: if it is none.
    """
    if clamp is None:
        return None
    numbers = isinstance(clamp, (tuple, list)) and all(isinstance(c, (int, float)) for c in clamp)
    if not numbers or len(clamp) != 2 or not 0 <= clamp[0] < clamp[1]:
        raise ArgumentError(
            f"jacobian_clamp must be (low, high), 0 <= low < high, got {shown(clamp)}."
        )
    return float(clamp[0]), float(clamp[1])
