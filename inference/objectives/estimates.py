"""What the gradient of an objective estimates: a bound's gradient, or what a rule says.

An objective says it in `estimates`; the certificate holds the mean gradient against the exact one,
and the report on estimators takes its reference from it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Bound:
    """The gradient of a bound of K draws.

        L = share * ELBO + (1 - share) * log(1/K sum_k w_k^(1 - alpha)) / (1 - alpha)

    With neither share nor order that is L_K, the importance-weighted bound; L_1 is the ELBO.

    Attributes:
        draws: the objective's settings whose product is K; none for the ELBO.
        order: its setting that is alpha; empty for alpha = 0.
        share: its setting that is the ELBO's share; empty for none.
    """

    draws: tuple[str, ...] = ()
    order: str = ""
    share: str = ""

    def num_particles(self, objective: Any) -> int:
        """K."""
        return math.prod(getattr(objective, name) for name in self.draws)

    def alpha(self, objective: Any) -> float:
        """The order of Renyi's bound."""
        return getattr(objective, self.order) if self.order else 0.0

    def elbo_share(self, objective: Any) -> float:
        """How much of it is the ELBO; all of it where no setting says K."""
        if self.share:
            return getattr(objective, self.share)
        return 0.0 if self.draws else 1.0

    @property
    def plain(self) -> bool:
        """Whether it is some L_K."""
        return not self.order and not self.share


@dataclass(frozen=True)
class Rule:
    """A rule that is the gradient of no bound.

    Attributes:
        name: by which the certificate knows its expectation, if it does.
    """

    name: str


@dataclass(frozen=True)
class Estimates:
    """What an objective's gradient is, in expectation, for each side.

    Attributes:
        model: the bound whose gradient the model's parameters follow.
        guide: the bound or rule that the guide's follow.
        biased: what it is in expectation, where it sets out for those and misses them.
    """

    model: Bound
    guide: Bound | Rule
    biased: Rule | None = None

    @property
    def rule(self) -> str:
        """The name of the rule that it follows; empty where it follows bounds alone."""
        if self.biased is not None:
            return self.biased.name
        return self.guide.name if isinstance(self.guide, Rule) else ""

    def of(self, group: str) -> Bound | None:
        """The bound for parameters of `"model"` or `"guide"`, or of both sides, if it is one."""
        side = self.guide if group == "guide" else self.model
        if group not in ("model", "guide") and self.model != self.guide:
            return None
        return side if isinstance(side, Bound) else None


L_1 = Bound()
L_K = Bound(("num_particles",))
OF_ELBO = Estimates(L_1, L_1)
OF_IWAE = Estimates(L_K, L_K)


def of_both(bound: Bound) -> Estimates:
    """Model and guide both follow one bound."""
    return Estimates(bound, bound)
