"""Bounds on slopes: of the critic by what it compares, and of the generator by its latents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.objectives._sides import Sides, row, side_by_side

if TYPE_CHECKING:
    from inference.program.program import Generated, Network, Program

REGULARISERS = ("r1", "r2", "roth")
"""See `Adversarial`."""


def gradient_penalty(program: Program, critic: Network, sides: Sides) -> Any:
    """E (|gradient of the score by what is compared| - 1)^2, at random points in between."""
    real, drawn = (tuple(map(program.stop, side)) for side in (sides.real, sides.drawn))
    data, made = (
        side_by_side([side[i] for i in sides.compared], program.ops) for side in (real, drawn)
    )
    share = program.uniform(data[:, :1])
    between = share * data + (1 - share) * made
    norm = (_squared_slope(program, critic, real, sides.compared, between) + 1e-12) ** 0.5
    return ((norm - 1) ** 2).mean()  # the root has no slope at zero


def slope_penalty(program: Program, critic: Network, sides: Sides, kind: str) -> Any:
    """E |grad D|^2 over data (r1), over draws (r2), or over both by their weight (roth)."""
    total: Any = 0.0
    for name, sign, side in (("r1", -1, sides.real), ("r2", 1, sides.drawn)):
        if kind not in (name, "roth"):
            continue
        inputs = tuple(map(program.stop, side))
        at = side_by_side([inputs[i] for i in sides.compared], program.ops)
        squared = _squared_slope(program, critic, inputs, sides.compared, at)
        if kind == "roth":  # of a datum (1 - sigmoid(D))^2, of a draw sigmoid(D)^2
            squared = program.ops.sigmoid(sign * row(critic(*inputs))) ** 2 * squared
        total = total + squared.mean()
    return total


def _squared_slope(
    program: Program, critic: Network, inputs: tuple[Any, ...], moving: tuple[int, ...], at: Any
) -> Any:
    """|gradient of the score by some of its inputs|^2 where these are `at`, side by side: (N,)."""

    def score(point: Any) -> Any:
        moved, start = list(inputs), 0
        for i in moving:
            stop = start + inputs[i].reshape(len(point), -1).shape[1]
            moved[i] = point[:, start:stop].reshape(inputs[i].shape)
            start = stop
        return row(critic(*moved))

    return (program.input_gradient(score, at) ** 2).sum(1)


def out_of_clamp(program: Program, made: Generated, clamp: tuple[float, float]) -> Any:
    """How far a small move of the latents is stretched beyond the interval, squared."""
    low, high = clamp
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
