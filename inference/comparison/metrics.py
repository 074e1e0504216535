"""What a comparison asks of every run: a figure with its unit and which way is better."""

from __future__ import annotations

import ast
import difflib
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter
from typing import Any, Literal, cast

import numpy as np
from numpy.typing import NDArray
from scipy.spatial.distance import pdist

from inference.comparison.chains import Chains
from inference.errors import ArgumentError, ObjectiveError, ZooError
from inference.likelihood.annealing import annealed_importance_sampling
from inference.likelihood.importance_sampling import Estimate, log_likelihood
from inference.likelihood.spread import said_of
from inference.objectives import Objective
from inference.posterior.active_units import active_units
from inference.posterior.error import posterior_error
from inference.posterior.pareto import psis_k_hat
from inference.posterior.parts import bound_parts
from inference.samples.two_sample import mmd_test
from inference.training.run import Run

Better = Literal["higher", "lower"]
Arrays = tuple[NDArray[Any], ...]


@dataclass(frozen=True)
class Figure:
    """What a metric came to for one run.

    Attributes:
        value: the figure; None where the run has none.
        error: its standard error over the scored data, where it has one.
        note: why there is none.
    """

    value: float | None
    error: float | None = None
    note: str = ""


@dataclass(frozen=True)
class Metric:
    """A question to a run.

    Attributes:
        measure: from a run and the rows to score to a figure or a number.
        unit: of the figure.
        better: `"higher"`, `"lower"`, or None where neither is.
        settings: keywords of `measure`.
        needs_guide: whether it means nothing for a run whose guide was not trained.
        needs_chains: whether `measure` takes the chains of the same pair as `reference=`.
        of_chains: what it is for chains themselves; None where it is nothing.
    """

    measure: Callable[..., Figure | float]
    unit: str = ""
    better: Better | None = None
    settings: Mapping[str, Any] = field(default_factory=dict)
    needs_guide: bool = False
    needs_chains: bool = False
    of_chains: Callable[[Chains], Figure | float] | None = None

    def __call__(self, run: Run | Chains, x: Arrays, reference: Chains | None = None) -> Figure:
        """The figure of a run or of chains; where it cannot be had, a note says why."""
        try:
            return self._measured(run, x, reference)
        except ZooError as error:
            return Figure(None, note=str(error))

    def _measured(self, run: Run | Chains, x: Arrays, reference: Chains | None) -> Figure:
        if isinstance(run, Chains):
            if self.of_chains is None:
                return Figure(None, note="chains have no such figure")
            found = self.of_chains(run)
        elif self.needs_guide and not getattr(run.objective, "uses_guide", True):
            return Figure(None, note=f"{run.objective!r} trains no guide")
        elif self.needs_chains and reference is None:
            return Figure(None, note="no chains of the same pair to compare with; add NUTS()")
        else:
            chains = {"reference": reference} if self.needs_chains else {}
            found = self.measure(run, x, **chains, **self.settings)
        figure = found if isinstance(found, Figure) else Figure(float(found))
        if figure.value is not None and not math.isfinite(figure.value):
            why = f" ({figure.note})" if figure.note else ""
            return Figure(None, note=f"it came to {figure.value}{why}")
        return figure

    def __repr__(self) -> str:
        words = [f"{key}={value!r}" for key, value in self.settings.items()]
        return f"{self.measure.__module__}.{self.measure.__qualname__}({', '.join(words)})"


def bound(run: Run, x: Arrays, *, seed: int = 0) -> Figure:
    """The ELBO of one draw per datum: log p(x, z) - log q(z | x), z ~ q."""
    return _estimate(log_likelihood(run.pair, x, num_particles=1, seed=seed))


def iw(run: Run, x: Arrays, *, num_particles: int = 1000, seed: int = 0) -> Figure:
    """The importance-weighted log-likelihood; see `inference.log_likelihood`."""
    return _estimate(log_likelihood(run.pair, x, num_particles=num_particles, seed=seed))


def exact(run: Run, x: Arrays) -> Figure:
    """The pair's own closed form of log p(x)."""
    return _estimate(log_likelihood(run.pair, x, method="exact"))


def ais(run: Run, x: Arrays, *, seed: int = 0, rows: int = 100, **settings: Any) -> Figure:
    """Annealed importance sampling on the first rows; it needs no guide."""
    head = tuple(array[:rows] for array in x)
    return _estimate(annealed_importance_sampling(run.pair, head, seed=seed, **settings))


def active(run: Run, x: Arrays, *, threshold: float = 0.01, seed: int = 0) -> float:
    """Active units of all latents together; see `inference.active_units`."""
    return sum(active_units(run.pair, x, threshold=threshold, seed=seed).values())


def mmd(run: Run, x: Arrays, *, num_samples: int = 1000, seed: int = 0) -> float:
    """Squared maximum mean discrepancy between draws and data; see `inference.mmd_test`.

    The kernel's bandwidths are 1/4 to 4 times the median distance within the data alone, so that
    it is the same kernel for every run.
    """
    given = (np.resize(array, (num_samples, *array.shape[1:])) for array in x[1:])
    drawn = run.sample(num_samples, *given, seed=seed, mean=False)
    real, drawn = (array.reshape(len(array), -1) for array in (x[0][:num_samples], drawn))
    median = float(np.median(pdist(real)))
    bandwidths = [median * 2.0**power for power in range(-2, 3)]
    return mmd_test(real, drawn, bandwidths=bandwidths, num_permutations=1, seed=seed).estimate


def reconstruction(run: Run, x: Arrays, *, num_particles: int = 100, seed: int = 0) -> Figure:
    """E_q[log p(x | z)]; see `inference.bound_parts`."""
    return _estimate(bound_parts(run, x, num_particles=num_particles, seed=seed).reconstruction)


def kl(run: Run, x: Arrays, *, num_particles: int = 100, seed: int = 0) -> Figure:
    """What the latents cost, all together; see `inference.bound_parts`."""
    parts = bound_parts(run, x, num_particles=num_particles, seed=seed)
    return Figure(sum(part.mean for part in parts.kl.values()))


def bad_weights(run: Run, x: Arrays, *, num_particles: int = 1000, seed: int = 0) -> float:
    """Share of data whose importance weights have k-hat above its limit; see `psis_k_hat`."""
    shapes = psis_k_hat(run, x, num_particles, seed=seed)
    return len(shapes.bad) / len(shapes.per_datum)


def posterior_distance(
    run: Run, x: Arrays, *, reference: Chains, num_draws: int = 2000, seed: int = 0
) -> float:
    """Mean Wasserstein distance to the chains, in their deviations; see `posterior_error`."""
    del x  # the chains are given the training data, so that the guide has to be, too
    draws, given = reference.flat, reference.given
    return posterior_error(run, draws, given, num_draws=num_draws, seed=seed).wasserstein


def training_bound(run: Run, x: Arrays) -> float:
    """The objective's own bound on the training data, mean since the last report."""
    del x
    if run.unit != Objective.unit:
        raise ObjectiveError(f"{run.objective!r} is no bound; its unit is {run.unit}.")
    return -run.rows[-1]["loss"]


def of_chains_alone(run: Run, x: Arrays) -> Figure:
    """Chains have it, and a fitted guide does not."""
    del run, x
    return Figure(None, note="no chains")


def seconds(run: Run, x: Arrays) -> float:
    """Seconds in the training loop, compilation included."""
    del x
    return run.rows[-1]["seconds"]


NATS = "nats per datum"


def divergences(chains: Chains) -> float:
    """How many draws of the chains diverged."""
    return float(chains.diverging.sum())


METRICS: dict[str, Metric] = {
    "bound": Metric(bound, NATS, "higher", needs_guide=True),
    "log_likelihood": Metric(iw, NATS, "higher", needs_guide=True),
    "exact": Metric(exact, NATS, "higher"),
    "ais": Metric(ais, NATS, "higher"),
    "active_units": Metric(active, "units", needs_guide=True),
    "reconstruction": Metric(reconstruction, NATS, needs_guide=True),
    "kl": Metric(kl, NATS, needs_guide=True),
    "bad_weights": Metric(bad_weights, "share of data", "lower", needs_guide=True),
    "mmd": Metric(mmd, "", "lower"),
    "training_bound": Metric(training_bound, NATS),
    "posterior_error": Metric(
        posterior_distance, "sd", "lower", needs_guide=True, needs_chains=True
    ),
    "r_hat": Metric(of_chains_alone, "", of_chains=attrgetter("r_hat")),
    "ess": Metric(of_chains_alone, "draws", of_chains=attrgetter("ess")),
    "divergences": Metric(of_chains_alone, "draws", of_chains=divergences),
    "seconds": Metric(seconds, "s", "lower", of_chains=attrgetter("seconds")),
}
"""The metrics that have a name."""


def chosen(metrics: Mapping[str, Any] | Iterable[Any]) -> dict[str, Metric]:
    """Metrics by label.

    Args:
        metrics: names of `METRICS`, with settings as in `"log_likelihood:num_particles=5000"`, or a
            mapping from a label to such a name, a `Metric`, or a function of run and rows.

    Raises:
        ArgumentError: naming what is not known.
    """
    if isinstance(metrics, str):
        metrics = [metrics]
    if not isinstance(metrics, Mapping):
        metrics = {getattr(each, "__name__", each): each for each in metrics}
    named = dict(metrics)
    if not named:
        raise ArgumentError("metrics must name at least one metric, such as 'log_likelihood'.")
    return {str(label): _metric(each) for label, each in named.items()}


def _metric(metric: Any) -> Metric:
    if isinstance(metric, Metric):
        return metric
    if not isinstance(metric, str):
        if callable(metric):
            return Metric(cast("Callable[..., Any]", metric))
        raise ArgumentError(f"a metric must be a name or a function of (run, x); got {metric!r}.")
    name, _, rest = metric.partition(":")
    if name not in METRICS:
        near = difflib.get_close_matches(name, METRICS, n=1, cutoff=0.4)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        raise ArgumentError(f"there is no metric {name!r}. {hint}Known: {', '.join(METRICS)}.")
    known = METRICS[name]
    settings = {}
    parameters = list(inspect.signature(known.measure).parameters.values())[2:]
    free = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters)
    for item in filter(None, map(str.strip, rest.split(","))):
        key, equals, value = (part.strip() for part in item.partition("="))
        if not equals or not (free or key in {parameter.name for parameter in parameters}):
            takes = ", ".join(p.name for p in parameters) or "no settings"
            raise ArgumentError(f"metric {metric!r}: {item!r} is no keyword=value of it: {takes}.")
        try:
            settings[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError) as error:
            raise ArgumentError(f"metric {metric!r}: {value!r} is no number.") from error
    return replace(known, settings=settings)


def _estimate(estimate: Estimate) -> Figure:
    error = estimate.standard_error
    error = error if math.isfinite(error) else None
    return Figure(estimate.mean, error, said_of(estimate.per_datum))
