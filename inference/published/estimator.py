"""How a figure was found, in terms that keep a bound, a likelihood and an estimate apart."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from inference.comparison.metric import Better, Metric
from inference.comparison.metrics import NATS, chosen


class Kind(StrEnum):
    """What a figure is; figures of two kinds share no column."""

    BOUND = "bound"
    IMPORTANCE_WEIGHTED = "importance-weighted"
    EXACT = "exact"
    ANNEALED = "annealed"
    OTHER = "other"


_KINDS = {
    "bound": Kind.BOUND,
    "log_likelihood": Kind.IMPORTANCE_WEIGHTED,
    "exact": Kind.EXACT,
    "ais": Kind.ANNEALED,
}
_WORDS = {
    Kind.BOUND: ("ELBO", "negative ELBO"),
    Kind.IMPORTANCE_WEIGHTED: ("log p", "NLL"),
    Kind.EXACT: ("log p", "NLL"),
    Kind.ANNEALED: ("log p", "NLL"),
}


@dataclass(frozen=True)
class Estimator:
    """A metric of `compare` with its settings, and its sign.

    Attributes:
        spelling: the one way to write it: settings in order, a minus in front where it is negated.
        name: of the metric.
        kind: what it gives.
        negative: whether the figure is minus the metric, as an NLL is.
        metric: the question to a run.
    """

    spelling: str
    name: str
    kind: Kind
    negative: bool
    metric: Metric

    @classmethod
    def parse(cls, text: str) -> Estimator:
        """Read `"log_likelihood:num_particles=5000"`, or `"-exact"` for a negative log-likelihood.

        Raises:
            ArgumentError: if there is no such metric or setting.
        """
        negative, words = text.startswith("-"), text.removeprefix("-").strip()
        metric = next(iter(chosen(words).values()))
        name = words.partition(":")[0]
        settings = ",".join(f"{key}={value}" for key, value in sorted(metric.settings.items()))
        spelling = f"{'-' * negative}{name}{':' * bool(settings)}{settings}"
        return cls(spelling, name, _KINDS.get(name, Kind.OTHER), negative, metric)

    @property
    def unit(self) -> str:
        """Of the figure."""
        return self.metric.unit

    @property
    def in_nats(self) -> bool:
        """Whether it is a sum over a datum's entries, which may be divided by its steps."""
        return self.unit == NATS

    @property
    def better(self) -> Better | None:
        """Which way is better; None where neither is."""
        turned: dict[Better, Better] = {"higher": "lower", "lower": "higher"}
        better = self.metric.better
        return turned[better] if self.negative and better is not None else better

    @property
    def label(self) -> str:
        """Words for the head of a column, such as "NLL, importance-weighted, 5,000 draws"."""
        settings = dict(self.metric.settings)
        words = [self.name.replace("_", " ")]
        if self.kind is not Kind.OTHER:
            words = [_WORDS[self.kind][self.negative]]
            words += [] if self.kind is Kind.BOUND else [str(self.kind)]
        if self.kind is Kind.IMPORTANCE_WEIGHTED:
            words.append(f"{settings.pop('num_particles', 1000):,} draws")
        if "rows_seed" in settings and settings["rows_seed"] is None:
            settings["first"] = f"{settings.pop('rows', 100):,} rows"
            del settings["rows_seed"]
        words += [f"{key.replace('_', ' ')} {value}" for key, value in sorted(settings.items())]
        return ", ".join(words)
