"""Every evaluator takes a run, its pair or its two functions, and an array or a tuple, alike."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpyro
import numpyro.distributions as npdist
import pyro
import pyro.distributions as dist
import pytest
import torch
from plated import Words
from rows import ENGINES
from scipy.stats import norm

from inference import (
    NUTS,
    active_units,
    annealed_importance_sampling,
    bidirectional,
    bound_parts,
    check_pair,
    classify,
    estimator_report,
    explain,
    fit,
    gap_decomposition,
    log_likelihood,
    posterior_error,
    predictive_check,
    psis_k_hat,
    simulation_based_calibration,
    to_arviz,
    valid_objectives,
)
from inference.errors import ArgumentError, DataError
from ppl_models import create

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(6, 4)).astype(np.float32)
DRAWS = {"z": RANDOM.normal(size=(20, 6, 2))}

EVALUATORS: dict[str, Callable[[Any, Any], Any]] = {
    "log_likelihood": lambda pair, x: log_likelihood(pair, x, 10).per_datum,
    "bound_parts": lambda pair, x: bound_parts(pair, x, num_particles=10).elbo.per_datum,
    "psis_k_hat": lambda pair, x: psis_k_hat(pair, x, num_particles=100).per_datum,
    "active_units": lambda pair, x: active_units(pair, x)["z"],
    "gap_decomposition": lambda pair, x: (
        gap_decomposition(pair, x, steps=2, num_draws=100).total.per_datum
    ),
    "predictive_check": lambda pair, x: predictive_check(pair, x, np.mean, 5).posterior,
    "annealed_importance_sampling": lambda pair, x: (
        annealed_importance_sampling(pair, x, num_chains=2, num_temperatures=4).per_datum
    ),
    "bidirectional": lambda pair, x: (
        bidirectional(pair, 4, num_chains=2, num_temperatures=4).per_datum
    ),
    "simulation_based_calibration": lambda pair, x: (
        simulation_based_calibration(pair, num_simulations=100, num_draws=9).p_values
    ),
    "to_arviz": lambda pair, x: to_arviz(pair, x, num_draws=5)["posterior"]["z"].values,
    "posterior_error": lambda pair, x: posterior_error(pair, DRAWS, x, num_draws=20).wasserstein,
    "estimator_report": lambda pair, x: (
        estimator_report(
            pair, {"ELBO": "elbo"}, x, num_draws=40, num_particles=1, reference_draws=0
        )
        .measurements[0]
        .bound
    ),
    "explain": lambda pair, x: explain(pair, x)["log_p"].to_numpy(),
    "check_pair": lambda pair, x: [
        f"{each.check} {each.outcome}"
        for each in check_pair(pair, x, checks=["model-observes"]).findings
    ],
    "valid_objectives": lambda pair, x: valid_objectives(pair, x).valid,
}


def forms_of(run: Any) -> tuple[tuple[Any, Any], ...]:
    """A pair and its data in other forms."""
    functions = run.pair.model, run.pair.guide
    return (run, (X,)), (functions, X.astype(np.float64)), (run, X.tolist())


@pytest.fixture(scope="module")
def runs() -> Mapping[str, Any]:
    settings = {"data_dim": 4, "latent_dim": 2, "seed": 0}
    return {
        engine: fit(create("ppca", engine=engine, **settings), X, steps=2, progress=False)
        for engine in ENGINES
    }


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", EVALUATORS)
def test_all_forms_give_the_same_number(name: str, engine: str, runs: Mapping[str, Any]) -> None:
    """On NumPyro, where each call compiles, one form in turn beside the pair."""
    evaluate = EVALUATORS[name]
    expected = evaluate(runs[engine].pair, X)
    forms = forms_of(runs[engine])
    if engine == "numpyro":
        turn = list(EVALUATORS).index(name) % len(forms)
        forms = forms[turn : turn + 1]
    for pair, x in forms:
        np.testing.assert_array_equal(evaluate(pair, x), expected)


def test_chains_take_all_forms(runs: Mapping[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """What reaches the sampler; to compile it for each form would take its time."""

    class ReachedError(BaseException):
        pass

    def reach(pair: Any, check: Any, rows: Any, **settings: Any) -> Any:
        raise ReachedError(pair, rows)

    run = runs["numpyro"]
    monkeypatch.setattr(importlib.import_module("inference.engines.numpyro"), "nuts", reach)
    for pair, x in ((run.pair, X), *forms_of(run)[:2]):  # a list would be one of batches
        with pytest.raises(ReachedError) as reached:
            NUTS().sample(pair, x)
        assert reached.value.args[0] is run.pair
        np.testing.assert_array_equal(reached.value.args[1], (X,))
    for pair, message in REFUSED:
        if pair is not len:  # a model by itself
            with pytest.raises(ArgumentError, match=f"pair must be a pair such as.*{message}"):
                NUTS().sample(pair, X)


@pytest.mark.parametrize("engine", ENGINES)
def test_two_arrays_are_a_tuple_wherever_data_are_taken(engine: str) -> None:
    """The regression and its labels; of `f(x, y)` it is another way to write it."""
    pair = create(
        "conditional_vae", engine=engine, data_dim=4, classes=2, latent_dim=2, hidden=(3,)
    )
    y = np.array([0, 1, 0, 1, 1, 0])
    x = (X > 0).astype(np.float32)
    run = fit(pair, (x, y), steps=1, progress=False)
    whole = log_likelihood(run, (x, y), 5).per_datum
    np.testing.assert_array_equal(
        log_likelihood(run.pair, (x.tolist(), y.tolist()), 5).per_datum, whole
    )
    log_p = [explain(*given)["log_p"] for given in ((run, (x, y)), (run.pair, x, y))]
    np.testing.assert_array_equal(log_p[0], log_p[1])
    assert valid_objectives(run, (x, y)) == valid_objectives(run.pair, x, y)
    np.testing.assert_array_equal(run.latents((x, y))["z"], run.latents(x, y)["z"])


@pytest.mark.parametrize("engine", ENGINES)
def test_classify_takes_all_forms(engine: str) -> None:
    pair = create("semi_supervised_vae", engine=engine, data_dim=4, classes=3, hidden=(3,))
    data = (X > 0).astype(np.float32)
    run = fit(pair, data, steps=1, progress=False)
    for method in ("guide", "iw"):
        expected = classify(run.pair, data, method=method, num_particles=3)
        assert expected.shape == (6, 3)
        for form, x in ((run, (data,)), ((run.pair.model, run.pair.guide), data)):
            found = classify(form, x, method=method, num_particles=3)
            np.testing.assert_array_equal(found, expected)
    with pytest.raises(DataError, match=r"got 2 arrays\. Pass x without its labels"):
        classify(run, (data, np.zeros(6, np.int64)))


def normal(engine: str) -> tuple[Any, Any]:
    """A model without latents, and a guide that draws nothing."""

    def pyro_model(x: Any = None, *, size: int = 1) -> Any:
        with pyro.plate("data", size if x is None else len(x)):
            return pyro.sample("x", dist.Normal(torch.ones(2), 2.0).to_event(1), obs=x)

    def numpyro_model(x: Any = None, *, size: int = 1) -> Any:
        with numpyro.plate("data", size if x is None else len(x)):
            return numpyro.sample("x", npdist.Normal(np.ones(2), 2.0).to_event(1), obs=x)

    def guide(x: Any = None) -> None:
        pass

    return {"pyro": pyro_model, "numpyro": numpyro_model}[engine], guide


@pytest.mark.parametrize("engine", ENGINES)
def test_a_model_without_latents_is_scored_as_exact_and_says_so(engine: str) -> None:
    x = RANDOM.normal(size=(5, 2)).astype(np.float32)
    exact = norm.logpdf(x, 1, 2).sum(1)
    for method in ("iw", "exact"):
        found = log_likelihood(normal(engine), x, method=method, engine=engine)
        assert found.method == "exact"
        np.testing.assert_allclose(found.per_datum, exact, rtol=1e-5)
    parts = bound_parts(normal(engine), x, engine=engine)
    assert (parts.elbo.method, parts.kl) == ("exact", {})
    np.testing.assert_allclose(parts.elbo.per_datum, exact, rtol=1e-5)
    np.testing.assert_array_equal(parts.elbo.per_datum_error, 0)


REFUSED = [
    (3, "got int"),
    ("runs/vae", r"load_run\('runs/vae'\)"),
    (Path("runs"), "load_run"),
    ((len,), r"got a tuple of \(builtin_function_or_method\)"),
    ((X, X), r"got a tuple of \(ndarray, ndarray\)"),
    (type("Vae", (), {"model": len, "guide": len}), r"got Vae. Pass an instance of the class"),
    (len, "pass its guide too"),
]


@pytest.mark.parametrize(("pair", "message"), REFUSED, ids=lambda value: str(value)[:12])
def test_what_is_no_pair_is_refused_in_the_same_words(pair: Any, message: str) -> None:
    for name, evaluate in EVALUATORS.items():
        if name in {"explain", "check_pair"}:
            continue  # these say it in their report
        with pytest.raises(ArgumentError, match=f"pair must be a pair such as.*{message}"):
            evaluate(pair, X)


def test_data_that_are_none_are_refused(runs: Mapping[str, Any]) -> None:
    class Digits:
        train = valid = test = X

    digits: Any = Digits()
    for x, message in (
        (digits, "got a dataset; pass one of its splits, such as data.test"),
        ((), "empty tuple"),
    ):
        with pytest.raises(DataError, match=message):
            log_likelihood(runs["pyro"], x)
    with pytest.raises(ArgumentError, match="written for 'pyro'; leave engine= out"):
        log_likelihood(runs["pyro"], X, engine="numpyro")
    with pytest.raises(DataError, match=r"batch must have shape \(N, 4\)"):
        valid_objectives(runs["pyro"], X[:, :3])


@pytest.mark.parametrize("engine", ENGINES)
def test_a_lone_dictionary_is_of_names_or_the_only_argument(engine: str) -> None:
    """By name where the model has the names, of a run as of its functions; else as it is."""
    words = Words(engine)

    def of(x: Any) -> None:
        (w,) = words.params("w")
        with words.plate("data", len(x)):
            z = words.sample("z", words.dist.Normal(0 * x, 1.0))
            words.sample("x", words.dist.Normal(w * z, 1.0), obs=x)

    def by(x: Any) -> None:
        a, s = words.params("as")
        with words.plate("data", len(x)):
            words.sample("z", words.dist.Normal(a * x + s, 1.0))

    rows, given = X[:, 0], cast(Any, {"x": X[:, 0]})
    named = (lambda x: of(x), lambda x: by(x))
    single = (lambda batch: of(batch["x"]), lambda batch: by(batch["x"]))
    expected = log_likelihood((of, by), rows, 10, engine=engine).per_datum
    for pair in (named, single):
        run = fit(pair, given, steps=1, learning_rate=1e-9, progress=False, engine=engine)
        assert fit(pair, [given], steps=1, progress=False, engine=engine).step == 1
        assert run.latents(given)["z"].shape == (6,)
        for fitted in (pair, run):
            found = log_likelihood(fitted, given, 10, engine=engine).per_datum
            np.testing.assert_allclose(found, expected, rtol=1e-4)
        posterior = cast(Any, to_arviz(run, given, num_draws=2)).posterior
        assert posterior["z"].shape == (1, 2, 6)
        assert "IWAE" in valid_objectives(pair, given, engine=engine).valid
