"""Whether a model's density follows a draw that is relaxed, or jumps between its values.

REBAR, RELAX and Concrete take the slope of log p at draws between 0 and 1. Where the program makes
a comparison of a draw, such as where(b > 0.5, one, other), there is a jump in between that no slope
shows, and the gradient is wrong, its sign too. Only the values tell it from a comparison that does
no harm, such as that of a leaky ReLU: by the slopes along the way from a draw to another, the
density must arrive where it does.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from inference.engines import load_engine
from inference.errors import ObjectiveError
from inference.objectives._objective import Objective
from inference.objectives.requirements import BERNOULLI_OR_ONE_HOT
from inference.program.engine import Engine, Rows
from inference.program.program import Program, Relaxation
from inference.program.structure import Structure
from inference.program.surrogate import Surrogate

_POINTS = 129  # on the way
_CLOSER = 2  # times that a step which no slope explains is looked into: a steep slope is no jump
_KEPT = 0.5  # share of a jump that is there at a closer look; of an end like that of log b, less is
_NATS, _SHARE = 0.02, 0.005  # of a datum's density, and of its range, that may be left unexplained
_ROUNDING = 3e-6  # of the density
_NUMBERS = 2**15  # of the data, which are scored at all points at once


class _Jumps(Objective):
    """Which of the steps on the way from a draw of a site to another is a jump.

    Args:
        site: its name.
        ends: whether the first and the last step count.
        span: the part of the way that is looked at.
    """

    needs = (BERNOULLI_OR_ONE_HOT,)
    ask_of_values = Surrogate.ask_of_values  # nothing: it looks at a pair itself

    def __init__(self, site: str, *, ends: bool, span: tuple[float, float] = (0, 1)) -> None:
        self.site, self.ends, self.span = site, ends, span

    def surrogate(self, program: Program) -> Any:
        """Zero, or one more than its number and, of its height h, h / (1 + h); no gradient."""
        draws = program.draw(1)
        ops, drawn = program.ops, program.stop(draws.values[self.site])  # (1, *batch, *event)
        if program.structure.guide[self.site].family == "bernoulli":
            apart = 1 - 2 * drawn
        else:
            apart = ops.concatenate([drawn[..., 1:], drawn[..., :1]]) - drawn
        # Behind the way as many points that stay where they are: what differs there is noise.
        steps = np.append(np.linspace(*self.span, _POINTS), np.zeros(_POINTS))
        way = ops.array(steps.astype(np.float32))
        others = {n: program.stop(v) for n, v in draws.values.items() if n != self.site}
        held = {name: value + 0 * _beside(way, value) for name, value in others.items()}
        at, relax = drawn + _beside(way, drawn) * apart, Relaxation(0.5)
        f, slope = program.slope(at, self.site, values=held, relax=relax)  # (points, N), as `at`
        along = program.structure.gather(slope * apart)
        still, f, along = f[_POINTS:], f[:_POINTS], along[:_POINTS]
        if not self.ends:
            f, along = f[1:-1], along[1:-1]
        width = (self.span[1] - self.span[0]) / (_POINTS - 1)
        missed = abs(f[1:] - f[:-1] - width * (along[1:] + along[:-1]) / 2)
        limit = _NATS + _SHARE * abs(f - f[:1]).max() + _ROUNDING * abs(f).max()
        quiet = abs(still - still[:1]).max() < _NATS
        unexplained = ops.where((missed > limit) & quiet, missed, 0.0).sum(1)
        worst, height = unexplained.argmax() + (1 if self.ends else 2), unexplained.max()
        told = ops.where(height > 0, worst + height / (1 + height), 0.0)
        return told + 0 * program.total(draws.elbo[0])


def _beside(way: Any, value: Any) -> Any:
    """Points in a shape that broadcasts with (1, *batch, *event)."""
    return way.reshape(-1, *(1 for _ in value.shape[1:]))


def _some_rows(arrays: Rows) -> Rows:
    """As many rows as the memory takes at all points."""
    count, numbers = len(arrays[0]), sum(array.size for array in arrays)
    most = max(1, _NUMBERS * count // max(numbers, 1))
    return arrays if most >= count else tuple(array[:most] for array in arrays)


def _jumps(backend: Engine, pair: Any, rows: Rows, site: str, *, ends: bool) -> bool:
    """Whether a step is left that no slope explains, however closely it is looked at."""
    low, high, least = 0.0, 1.0, 0.0
    for _ in range(1 + _CLOSER):
        probe = _Jumps(site, ends=ends or (low, high) != (0, 1), span=(low, high))
        fixed = backend.snapshot(pair, rows, 0)
        found = backend.gradient_moments(fixed, probe, rows, blocks=1, block_size=1)
        step, share = divmod(-float(found.losses[0]), 1)
        height = share / (1 - share)
        if not step or height < least:
            return False
        width, least = (high - low) / (_POINTS - 1), max(least, _KEPT * height)
        low, high = low + (step - 1) * width, low + step * width
    return True


def check_follows(
    pair: Any, engine: str, objective: Any, structure: Structure, arrays: Rows
) -> None:
    """Check that the model's density has no jump that an objective's relaxed draws cross.

    Args:
        pair: the pair, at the parameters from which training starts.
        engine: whose it is.
        objective: the objective; any other loss is none that relaxes.
        structure: the pair's sites.
        arrays: the first batch.

    Raises:
        ObjectiveError: naming the draw, and what would do.
    """
    relaxes = getattr(objective, "relaxes", "")
    if not relaxes or not arrays:
        return
    backend, rows = load_engine(engine), _some_rows(arrays)
    for site in structure.proposals:
        if site.reparameterised:
            continue
        ends = relaxes == "everywhere"
        try:
            jumps = _jumps(backend, pair, rows, site.name, ends=ends)
        except Exception:  # whatever a program raises; training says so in better words
            return
        if jumps:
            raise ObjectiveError(
                f"{objective!r} takes slopes at draws of {site.name!r} between 0 and 1, but there "
                "the model's density jumps, as where(b > 0.5, one, other), a mask or an index "
                "make it, so that the slopes say nothing of the other value. Write it as "
                "b * one + (1 - b) * other, or use RLOO(num_particles=5) or NVIL(), which "
                "need no slope."
            )
