"""A critic some steps ahead: what the generator would meet if the critic went on learning."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.objectives._sides import Sides, row

if TYPE_CHECKING:
    from inference.objectives.losses import AdversarialLoss
    from inference.program.program import Network, Program


def unrolled(
    program: Program,
    critic: Network,
    sides: Sides,
    loss: AdversarialLoss,
    *,
    steps: int,
    rate: float,
) -> Network:
    """The critic after some steps of gradient descent on this minibatch.

        w_(i + 1) = w_i - rate * gradient of the critic's loss by w at w_i

    Its weights depend on the draws through all of the steps, so that the generator's gradient sees
    how the critic would answer (Metz et al. 2016, arXiv:1611.02163).

    Args:
        program: the program.
        critic: the critic as it is, whose own weights stay.
        sides: data and draws.
        loss: what the critic descends.
        steps: how many.
        rate: step size.
    """
    weights = program.stop(critic.vector(*sides.real))

    def descended(vector: Any) -> Any:
        moved = critic.at(vector)
        real, drawn = (row(moved(*side)) for side in (sides.real, sides.drawn))
        return loss.trained(real, drawn, program.ops)

    for _ in range(steps):
        weights = weights - rate * program.input_gradient(descended, weights)
    return critic.at(weights)
