"""What a comparison asks of every run: a figure with its unit and which way is better."""

from __future__ import annotations

import ast
import difflib
import inspect
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from operator import attrgetter
from typing import Any, cast

import numpy as np
from scipy.spatial.distance import pdist

from inference.arguments import listed
from inference.comparison.chains import Chains
from inference.comparison.metric import Arrays, Figure, Metric
from inference.comparison.sample_metrics import (
    bidirectional_gap,
    classification_error,
    digits_score,
    frechet,
    kernel,
    modes,
    near_a_mode,
    neighbours,
    parzen,
    precision,
    recall,
)
from inference.data.drawn_rows import drawn_rows
from inference.descriptions import shown
from inference.errors import ArgumentError, ObjectiveError
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


def bound(run: Run, x: Arrays, *, seed: int = 0) -> Figure:
    """The ELBO of one draw per datum: log p(x, z) - log q(z | x), z ~ q."""
    return _estimate(log_likelihood(run.pair, x, num_particles=1, seed=seed))


def iw(run: Run, x: Arrays, *, num_particles: int = 1000, seed: int = 0) -> Figure:
    """The importance-weighted log-likelihood; see `inference.log_likelihood`."""
    return _estimate(log_likelihood(run.pair, x, num_particles=num_particles, seed=seed))


def exact(run: Run, x: Arrays) -> Figure:
    """The pair's own closed form of log p(x)."""
    return _estimate(log_likelihood(run.pair, x, method="exact"))


def ais(
    run: Run,
    x: Arrays,
    *,
    seed: int = 0,
    rows: int = 100,
    rows_seed: int | None = 0,
    **settings: Any,
) -> Figure:
    """Annealed importance sampling on some rows; it needs no guide.

    The rows are drawn by `rows_seed`; None takes the first ones, as figures of old rows did.
    """
    if rows_seed is None:
        some = tuple(array[:rows] for array in x)
    else:
        some = drawn_rows(x, rows, seed=rows_seed)
    return _estimate(annealed_importance_sampling(run.pair, some, seed=seed, **settings))


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
    some = drawn_rows(x[0], num_samples, seed=seed)
    real, drawn = (array.reshape(len(array), -1) for array in (some, drawn))
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
    "parzen": Metric(parzen, NATS, "higher", needs_data=True),
    "frechet": Metric(frechet, "of digit features", "lower"),
    "kernel": Metric(kernel, "of digit features", "lower"),
    "precision": Metric(precision, "share of draws", "higher"),
    "recall": Metric(recall, "share of data", "higher"),
    "digits_score": Metric(digits_score, "", "higher"),
    "bidirectional_gap": Metric(bidirectional_gap, NATS, "lower"),
    "modes": Metric(modes, "modes", "higher", needs_data=True),
    "near_a_mode": Metric(near_a_mode, "% of draws", "higher", needs_data=True),
    "neighbours": Metric(neighbours, "%", "higher", needs_guide=True, needs_data=True),
    "classification_error": Metric(
        classification_error, "%", "lower", needs_guide=True, needs_data=True
    ),
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
    several = listed("metrics", metrics)
    if several is None and not isinstance(metrics, Mapping):
        raise ArgumentError(
            "metrics must be names such as ['bound', 'seconds'], functions of (run, x), or a "
            f"mapping of labels to them; got {shown(metrics)}."
        )
    if not isinstance(metrics, Mapping):
        metrics = {str(getattr(each, "__name__", each)): each for each in several or ()}
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
        raise ArgumentError(
            f"a metric must be a name or a function of (run, x); got {shown(metric)}."
        )
    name, _, rest = metric.partition(":")
    if name not in METRICS:
        near = difflib.get_close_matches(name, METRICS, n=1, cutoff=0.4)
        hint = f"Did you mean {near[0]!r}? " if near else ""
        raise ArgumentError(f"there is no metric {name!r}. {hint}Known: {', '.join(METRICS)}.")
    known = METRICS[name]
    settings = {}
    parameters = [
        each
        for each in list(inspect.signature(known.measure).parameters.values())[2:]
        if each.name not in ("data", "reference")  # which are handed over, not set
    ]
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
