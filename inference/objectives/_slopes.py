"""Bounds on slopes: of the critic by what it compares, and of the generator by its latents."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from inference.objectives._sides import Sides, row, side_by_side

if TYPE_CHECKING:
    from inference.program.program import Generated, Network, Program


def gradient_penalty(program: Program, critic: Network, sides: Sides, *, joint: bool) -> Any:
    """E (|gradient of the score by what is compared| - 1)^2, at random points in between."""
    real, drawn = (tuple(map(program.stop, side)) for side in (sides.real, sides.drawn))
    moving = (0, len(real) - 1) if joint else (0,)
    data, made = (side_by_side([side[i] for i in moving], program.ops) for side in (real, drawn))
    share = program.uniform(data[:, :1])

    def score(between: Any) -> Any:
        inputs, start = list(real), 0
        for i in moving:
            stop = start + real[i].reshape(len(between), -1).shape[1]
            inputs[i] = between[:, start:stop].reshape(real[i].shape)
            start = stop
        return row(critic(*inputs))

    slope = program.input_gradient(score, share * data + (1 - share) * made)
    norm = ((slope**2).sum(1) + 1e-12) ** 0.5  # the root has no slope at zero
    return ((norm - 1) ** 2).mean()


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
