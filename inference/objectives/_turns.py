"""What each side of an adversarial objective descends in its turn."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.errors import ObjectiveError
from inference.objectives._score_draws import check_one_constant, of_scores
from inference.objectives._sides import Sides, row
from inference.objectives._slopes import gradient_penalty, out_of_clamp, slope_penalty
from inference.objectives._soundness import look, note
from inference.objectives._unrolling import unrolled

if TYPE_CHECKING:
    from inference.objectives._objective import Objective
    from inference.objectives.adversarial import Adversarial
    from inference.program.program import Network, Program

_DECAY = 0.9  # of the critic's running accuracy


def check_turns(objective: Objective, **settings: Any) -> None:
    """Refuse settings of turns where both sides step at once, as under a plain SVI.

    Args:
        objective: whose they are.
        **settings: None for what is as usual.

    Raises:
        ObjectiveError: naming them.
    """
    if any(setting is not None for setting in settings.values()):
        *others, last = settings
        raise ObjectiveError(
            f"{objective!r} needs turns of critic and generator, which fit takes; under a plain "
            f"SVI leave out {', '.join(others)} and {last}."
        )


def critics_turn(
    objective: Adversarial, program: Program, critic: Network, sides: Sides
) -> tuple[Any, Any, Any]:
    """The critic's loss on sides that are held, how well it does, and its running accuracy."""
    ops, stop, loss = program.ops, program.stop, objective.loss
    a, b = row(critic(*sides.real)), row(critic(*sides.drawn))
    right = 0.5 * (ops.where(a > 0, 1.0, 0.0) + ops.where(b < 0, 1.0, 0.0)).mean()
    accuracy = _DECAY * program.state("accuracy", 0.0) + (1 - _DECAY) * right
    told_apart = stop(loss.critic(a, b, ops) - loss.blind)
    note(program, "accuracy", accuracy)
    note(program, "told_apart", told_apart)
    term = loss.trained(a, b, ops)
    if objective.gradient_penalty is not None:
        penalty = gradient_penalty(program, critic, sides)
        term = term + objective.gradient_penalty * penalty
    if objective.regulariser is not None:
        penalty = slope_penalty(program, critic, sides, objective.regulariser)
        term = term + 0.5 * objective.weight * penalty
    look(program, sides.drawn[0], stop(term))
    if objective.freeze is not None:
        term = ops.where(accuracy > objective.freeze, 0.0, 1.0) * term
    return term, told_apart, accuracy


def generators_turn(
    objective: Adversarial, program: Program, critic: Network, sides: Sides, accuracy: Any
) -> Any:
    """The generator's loss, and the guide's where the critic sees latents."""
    ops, loss = program.ops, objective.loss
    if objective.unrolled:
        steps, rate = objective.unrolled, objective.unrolled_rate
        critic = unrolled(program, critic, sides, loss, steps=steps, rate=rate)
    if objective.critic_sees == "x, z":
        term = -row(critic(*sides.drawn, frozen=True)).mean()  # KL(q || p) at the best critic
    elif not loss.by_scores:
        wanted = program.stop(critic.features(*sides.real, frozen=True)).mean(0)
        term = ((wanted - critic.features(*sides.drawn, frozen=True).mean(0)) ** 2).sum()
    else:
        check_one_constant(program, sides.made)
        scores, by_draws = row(critic(*sides.drawn, frozen=True)), sides.made.log_p
        term = of_scores(program, loss, scores, by_draws)
    if objective.joint:
        scores = row(critic(*sides.real, frozen=True))
        term = term + loss.encoder(scores, ops)
    if sides.explained is not None:
        term = term - sides.explained.mean()
    if objective.jacobian_clamp is not None:
        term = term + out_of_clamp(program, sides.made, objective.jacobian_clamp)
    if objective.turn == "generator":
        look(program, program.stop(sides.drawn[0]), program.stop(term))
    if objective.freeze is not None:
        term = ops.where(accuracy < 1 - objective.freeze, 0.0, 1.0) * term
    return term
