"""What a critic sees: data beside draws, with what is given besides, and perhaps the latents."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from inference.errors import ObjectiveError

if TYPE_CHECKING:
    from inference.program.program import Generated, Program


@dataclass(frozen=True)
class Sides:
    """What the critic sees: data and draws, each x, what is given besides, and perhaps z.

    Attributes:
        real: of the data; of the prior where latents are compared.
        drawn: of as many draws; of the guide where latents are compared.
        made: the draws with all their noise.
        compared: which of the parts are compared, and not given on both sides.
        explained: log p(x | z) of each datum where latents are compared, (N,); otherwise None.
    """

    real: tuple[Any, ...]
    drawn: tuple[Any, ...]
    made: Generated
    compared: tuple[int, ...] = (0,)
    explained: Any = None

    def held(self, program: Program) -> Sides:
        """The same without a gradient, for the critic's turn."""
        real, drawn = (tuple(map(program.stop, side)) for side in (self.real, self.drawn))
        return replace(self, real=real, drawn=drawn)


def look_at(program: Program, *, draw: str, noise: Any, joint: bool, steps: int = 0) -> Sides:
    """Data and as many draws.

    Args:
        program: the program.
        draw: how data are drawn.
        noise: standard deviation of the noise on both, or None.
        joint: whether the latents belong to it: the guide's beside data, the prior's beside draws.
        steps: of a chain through guide and model that the draws are the end of.
    """
    x, *given = program.data
    made = program.generate(len(x), draw=draw)
    for _ in range(steps):
        codes = program.at(program.stop(made.x), *made.given).propose()
        made = program.generate(len(x), draw=draw, values=codes)
    x, drawn = (
        part if noise is None else part + noise * program.normal(part)
        for part in (program.ops.real(x), program.ops.real(made.x))
    )
    if not joint:
        return Sides((x, *given), (drawn, *made.given), made)
    names = [site.name for site in program.structure.proposals]
    proposed = program.propose()
    inferred, prior = (
        side_by_side([codes[name] for name in names], program.ops)
        for codes in (proposed, made.latents)
    )
    last = len(given) + 1
    return Sides((x, *given, inferred), (drawn, *made.given, prior), made, (0, last))


def latents_of(program: Program, *, noise: Any, beside_data: bool) -> Sides:
    """The prior's latents and the guide's, with what the decoder makes of the latter.

    Args:
        program: the program.
        noise: standard deviation of the noise on both, or None.
        beside_data: whether data and what is given besides stand beside both.
    """
    x, *given = program.data
    made = program.generate(len(x), draw="sample")  # for its latents
    draws = program.draw(1)
    names = [site.name for site in program.structure.proposals]
    proposed = {name: draws.values[name][0].reshape(len(x), -1) for name in names}
    prior, inferred = (
        side_by_side([codes[name] for name in names], program.ops)
        for codes in (made.latents, proposed)
    )
    prior, inferred = (
        part if noise is None else part + noise * program.normal(part)
        for part in (program.stop(prior), inferred)
    )
    explained: Any = sum(value for name, value in draws.log_p_sites.items() if name not in names)
    beside = (program.ops.real(x), *given) if beside_data else ()
    return Sides((*beside, prior), (*beside, inferred), made, (len(beside),), explained[0])


def side_by_side(parts: Iterable[Any], ops: Any) -> Any:
    """Arrays of N rows as the columns of one, (N, D)."""
    return ops.concatenate([part.reshape(len(part), -1) for part in parts])


def row(scores: Any) -> Any:
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
