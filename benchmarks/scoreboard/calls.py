"""Arguments of what is public, given what they cannot be: are they refused in a sentence?

One table of odd values goes through all arguments. A refusal is one of the project's own errors,
never another one from deep inside, and never an answer.
"""

from __future__ import annotations

import inspect
import io
import itertools
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import inference
from inference import (
    ZooError,
    compare,
    estimator_report,
    fit,
    log_likelihood,
    simulation_based_calibration,
)
from inference.objectives import Objective
from ppl_models import create
from ppl_models.datasets import load

RANDOM = np.random.default_rng(0)
X = (RANDOM.random((12, 6)) < 0.5).astype(np.float32)
REAL = RANDOM.normal(size=(12, 6)).astype(np.float32)
SAMPLES = RANDOM.normal(size=(40, 6)).astype(np.float32)


class Odd:
    """Nothing that anybody asks for."""


ODD: dict[str, Any] = {
    "an object": Odd(),
    "a complex number": 1j,
    "bytes": b"x",
    "an array of text": np.array(["a", "b"]),
    "an array of objects": np.array([None, 1], dtype=object),
    "dates": np.array(["2020-01-01"] * 12, dtype="datetime64[D]"),
    "masked": np.ma.masked_array(X, mask=X > 0),
    "complex numbers": np.ones((12, 6)) * 1j,
    "an empty array": np.zeros((0, 6), np.float32),
    "rows of unequal length": [[1, 2], [3]],
    "a set of words": {"a", "b"},
    "a module": np,
    "many digits": 10**400,
    "thousands of digits": -(10**5000),
    "no axis": np.array(2),
    "without end": itertools.count(),
    "an open file": io.BytesIO(b"1"),
}


def small(name: str, **options: Any) -> Any:
    return create(name, engine="pyro", data_dim=6, **options)


VAE = small("vae", latent_dim=2, hidden=[4])
M2 = small("semi_supervised_vae", latent_dim=2, classes=3, hidden=[4])
RBM = small("rbm", hidden_dim=3)
PPCA = small("ppca", latent_dim=2)

CALLS: dict[str, dict[str, Any]] = {
    "active_units": {"pair": VAE, "x": X},
    "annealed_importance_sampling": {"pair": VAE, "x": X[:2], "num_temperatures": 3},
    "bidirectional": {"pair": VAE, "size": 2, "num_temperatures": 3},
    "bound_parts": {"pair": VAE, "x": X},
    "check_pair": {"pair": VAE, "batch": X},
    "classifier_score": {"probabilities": np.full((20, 3), 1 / 3)},
    "classify": {"pair": M2, "x": X},
    "complete": {"pair": RBM, "x": X, "observed": np.arange(6) < 3, "steps": 2},
    "compare": {
        "pairs": {"a": VAE},
        "objectives": {"e": "elbo"},
        "data": X,
        "test": X[:4],
        "budget": {"steps": 1},
        "progress": False,
    },
    "drawn_rows": {"x": X, "rows": 3},
    "estimator_report": {"pair": VAE, "objectives": {"e": "elbo"}, "batch": X, "num_draws": 40},
    "explain": {"pair": VAE, "batch": X},
    "fit": {"pair": VAE, "data": X, "steps": 1, "progress": False},
    "frechet_distance": {"a": SAMPLES, "b": SAMPLES},
    "gap_decomposition": {"pair": VAE, "x": X[:2], "steps": 1, "num_draws": 100},
    "gather": {"folders": ["nowhere"], "data": load("digits")},
    "kernel_distance": {"a": SAMPLES, "b": SAMPLES},
    "load_run": {"path": "nowhere"},
    "log_likelihood": {"pair": VAE, "x": X, "num_particles": 2},
    "log_partition": {"pair": RBM, "num_chains": 2, "num_temperatures": 3},
    "mmd_test": {"x": SAMPLES, "y": SAMPLES, "num_permutations": 20},
    "mode_coverage": {"samples": SAMPLES, "centres": SAMPLES[:2], "scale": 0.5},
    "parzen_log_likelihood": {"samples": SAMPLES, "valid": SAMPLES[:5], "test": SAMPLES[:5]},
    "posterior_error": {"pair": PPCA, "reference": {"z": np.zeros((50, 12, 2))}, "x": REAL},
    "precision_recall": {"real": SAMPLES, "generated": SAMPLES},
    "predictive_check": {"pair": VAE, "x": X, "statistic": np.sum, "num_draws": 2},
    "psis_k_hat": {"pair": VAE, "x": X, "num_particles": 100},
    "results": {"model": "no such model"},
    "sample_quality": {"real": SAMPLES, "generated": SAMPLES},
    "simulation_based_calibration": {"pair": PPCA, "num_simulations": 100, "num_draws": 9},
    "stack": {"runs": [RBM, create("rbm", engine="pyro", data_dim=3, hidden_dim=2)]},
    "to_arviz": {"pair": VAE, "x": X, "num_draws": 2},
    "to_classifier": {"runs": [RBM], "classes": 3},
    "turn_over": {"run": RBM, "hidden_dim": 6},
    "valid_objectives": {"pair": VAE, "batch": X},
}

ANSWERS = {
    ("check_pair", "pair"): "a report says what is wrong",
    ("check_pair", "batch"): "a report says what is wrong",
    ("drawn_rows", "x"): "rows may hold anything",
    ("compare", "data"): "a row says why it failed",
    ("compare", "test"): "a row says why it failed",
}
"""What answers in other words than by an error, and how."""


def call(name: str, arguments: dict[str, Any]) -> Any:
    """A function's answer; a batch is given by position."""
    rest = dict(arguments)
    first = [rest.pop("pair"), rest.pop("batch")] if name in _ON_BATCHES else []
    return getattr(inference, name)(*first, **rest)


_ON_BATCHES = ("check_pair", "explain", "valid_objectives")


def named(function: Callable[..., Any]) -> list[str]:
    """Names of the arguments that are no rest of a call."""
    rest = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return [n for n, p in inspect.signature(function).parameters.items() if p.kind not in rest]


def answered(ask: Callable[[], Any]) -> str:
    """Empty where a call is refused in the project's own words; else what came instead."""
    try:
        return f"answered {ask()!r:.80}"
    except ZooError:
        return ""
    except Exception as error:
        return f"{type(error).__name__}: {error}"


TOO_MUCH = {"whole": 10**30, "beyond single precision": 1e300, "beyond any number": 10**400}
"""Budgets and sizes that nobody has: refused or cut in words, and never begun."""


def too_much(name: str) -> Iterator[str]:
    """What the function of a name does with them as each number; empty if it refuses.

    Of an upper limit that is not reached, such as seconds between checkpoints, an answer is right.
    """
    for argument, parameter in inspect.signature(getattr(inference, name)).parameters.items():
        words = str(parameter.annotation)
        if not any(kind in words for kind in ("int", "float")) or "NDArray" in words:
            continue
        for label, value in TOO_MUCH.items():
            given = {**CALLS[name], argument: value}
            found = answered(lambda given=given: call(name, given))
            if found and not (found.startswith("answered") and argument in LIMITS):
                yield f"{name}({argument}={label}): {found}"


LIMITS = ("checkpoint_seconds", "clip_norm", "learning_rate", "noise_scale", "scale", "threshold")
LIMITS += ("until", "within")


def of_function(name: str) -> Iterator[str]:
    """What the function of a name does with each odd value as each argument; empty if refused."""
    arguments = named(getattr(inference, name)) + ["batch"] * (name in _ON_BATCHES)
    for argument in arguments:
        if (name, argument) in ANSWERS:
            continue
        for label, value in ODD.items():
            given = {**CALLS[name], argument: value}
            found = answered(lambda given=given: call(name, given))
            yield found and f"{name}({argument}={label}): {found}"


RUN = fit(VAE, X, steps=1, progress=False)
CALLS["nearest_training"] = {"run": RUN, "samples": X[:3]}

BITS = fit(RBM, X, objective="cd", steps=1, progress=False)
DRAWN = fit(small("nade", hidden_dim=3), X, steps=1, progress=False)
_SHAPE = {"shape": (2, 3)}
FIGURES: dict[str, dict[str, Any]] = {
    "arithmetic": {"run": RUN, "plus": [np.zeros((2, 2))], **_SHAPE},
    "chains": {"run": BITS, "rows": 2, "steps": (0, 1), **_SHAPE},
    "drawing_steps": {"run": DRAWN, "rows": 2, "steps": 2, **_SHAPE},
    "filters": {"run": BITS, "parameter": None, **_SHAPE},
    "free_energies": {"run": BITS, "train": X, "valid": X},
    "interpolations": {"run": RUN, "latents": 2, "steps": 2, **_SHAPE},
    "latent_manifold": {"run": RUN, "size": 2, **_SHAPE},
    "latent_scatter": {"run": RUN, "x": X, "labels": np.arange(12) % 2},
    "reconstructions": {"run": RUN, "x": X, **_SHAPE},
    "sample_rows": {"runs": {"a": RUN}, "columns": 2, **_SHAPE},
    "samples": {"run": RUN, "rows": 1, "columns": 2, **_SHAPE},
    "temperatures": {"run": BITS, "num_chains": 2, "num_temperatures": 2},
}


def of_figure(name: str) -> Iterator[str]:
    """The same of a picture."""
    draw = getattr(inference.figures, name)
    for argument in named(draw):
        for label, value in ODD.items():
            given = {**FIGURES[name], argument: value}
            found = answered(lambda given=given: draw(**given))
            yield found and f"figures.{name}({argument}={label}): {found}"


COMPARED = compare(**CALLS["compare"])
CELL = {"pair": "a", "objective": "e"}
_KINDS = {"e": "elbo", "i": "iwae:num_particles=2"}
REPORTED = estimator_report(VAE, _KINDS, X, num_draws=40)
SCORED = log_likelihood(RUN, X, num_particles=2)
RANKED = simulation_based_calibration(PPCA, num_simulations=100, num_draws=9)
METHODS: dict[str, tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = {
    "run.sample": (RUN.sample, (), {"size": 2}),
    "run.encode": (RUN.encode, (X,), {}),
    "run.latents": (RUN.latents, (X,), {}),
    "run.decode": (RUN.decode, (), {"z": np.zeros((2, 2), np.float32)}),
    "run.reconstruct": (RUN.reconstruct, (X,), {}),
    "run.to_arviz": (RUN.to_arviz, (X,), {"num_draws": 2}),
    "comparison.run": (COMPARED.run, (), CELL),
    "comparison.chains": (COMPARED.chains, (), CELL),
    "comparison.why": (COMPARED.why, (), CELL),
    "comparison.to_arviz": (COMPARED.to_arviz, (), {"num_draws": 2}),
    "comparison.to_html": (COMPARED.to_html, (), {"path": "report.html"}),
    "estimator_report.slopes": (REPORTED.slopes, (), {}),
    "estimate.bits_per_dimension": (SCORED.bits_per_dimension, (), {"dimensions": 6}),
    "calibration.detectable_scale": (RANKED.detectable_scale, (), {}),
}


def of_method(name: str) -> Iterator[str]:
    """The same of a method of what the functions return."""
    ask, data, keywords = METHODS[name]
    for label, value in ODD.items():
        if data:
            found = answered(lambda value=value: ask(value, **keywords))
            yield found and f"{name}(x={label}): {found}"
        for argument in dict.fromkeys([*named(ask), *keywords]):
            given = {**keywords, argument: value}
            found = answered(lambda given=given: ask(*data, **given))
            yield found and f"{name}({argument}={label}): {found}"


OBJECTIVES = {
    name: kind
    for name, kind in inspect.getmembers(inference.objectives, inspect.isclass)
    if issubclass(kind, Objective) and kind is not Objective
}

NETWORKS = ("critic", "critic_x", "critic_y", "features")
"""Networks of either engine, which show what they are when they meet one."""


def of_objective(name: str) -> Iterator[str]:
    """The same of an objective's settings."""
    parameters = inspect.signature(OBJECTIVES[name]).parameters
    needed = {n: 2 for n, p in parameters.items() if p.default is p.empty and n not in NETWORKS}
    for argument in parameters:
        if argument in NETWORKS:
            continue
        for label, value in ODD.items():
            given = {**needed, argument: value}
            found = answered(lambda given=given: OBJECTIVES[name](**given))
            yield found and f"{name}({argument}={label}): {found}"


def outcomes() -> Iterator[str]:
    """All of them."""
    for name in CALLS:
        yield from of_function(name)
        yield from too_much(name)
    for name in METHODS:
        yield from of_method(name)
    for name in FIGURES:
        yield from of_figure(name)
    for name in OBJECTIVES:
        yield from of_objective(name)
