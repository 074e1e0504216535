"""Which settings of an adversarial objective go together, and what it asks of a pair by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from inference.errors import ObjectiveError
from inference.objectives.losses import Wasserstein
from inference.objectives.requirements import Requirement

if TYPE_CHECKING:
    from inference.objectives.adversarial import Adversarial
    from inference.program.structure import Structure


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
MOVABLE = Requirement("continuous latents with jacobian_clamp", _check_movable)


def check_together(objective: Adversarial) -> None:
    """Refuse settings that do not go together.

    Raises:
        ValueError: naming both.
    """
    loss = objective.loss
    bounded = objective.clip or objective.gradient_penalty or objective.spectral_norm
    wasserstein = isinstance(loss, Wasserstein)
    if wasserstein and isinstance(objective.critic, str) and not bounded:
        raise ValueError(
            "loss='wasserstein' needs a critic whose slope is bounded: set clip, "
            "gradient_penalty or spectral_norm."
        )
    if not loss.signed and objective.freeze is not None:
        raise ValueError(
            "freeze needs scores whose sign says data or draw, which those of "
            f"loss={loss.name!r} do not; leave it out."
        )
    if not loss.by_scores and objective.joint:
        raise ValueError(
            "joint=True needs a score for the guide to learn from; use another loss than "
            f"{loss.name!r}."
        )
    paired = objective.joint or objective.minibatch_features or objective.jacobian_clamp
    if objective.draw == "score" and (paired or not loss.by_scores):
        raise ValueError(
            "draw='score' weighs each draw by its own score of the critic; leave out joint, "
            "minibatch_features and jacobian_clamp, and use another loss than 'feature-matching'."
        )
    if objective.noise_steps and not objective.instance_noise:
        raise ValueError("noise_steps needs instance_noise, the noise to begin with.")
    own = (objective.spectral_norm, objective.minibatch_features, objective.classes)
    if not isinstance(objective.critic, str) and any(own):
        raise ValueError(
            "spectral_norm, minibatch_features and classes are for critic='mlp'; build them "
            "into the network that you give."
        )


def interval(clamp: Sequence[float] | None) -> tuple[float, float] | None:
    """An interval (low, high) of positive numbers, or None.

    Raises:
        ValueError: if it is none.
    """
    if clamp is None:
        return None
    if not isinstance(clamp, Sequence) or len(clamp) != 2 or not 0 <= clamp[0] < clamp[1]:
        raise ValueError(f"jacobian_clamp must be (low, high), 0 <= low < high, got {clamp!r}.")
    return float(clamp[0]), float(clamp[1])
