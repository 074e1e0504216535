"""Programs without a plate: what a datum is has to be said before anything is weighed per datum."""

from __future__ import annotations

import importlib
import inspect
import math
from typing import Any

import numpy as np
import numpyro_corpus
import pyro
import pyro_corpus
import pytest
import torch
from numpyro_corpus.registry import arguments as numpyro_arguments
from pyro_corpus import arguments_of as pyro_arguments
from scipy.stats import multivariate_normal

from inference import ELBO, IWAE, check_pair, fit, log_likelihood, valid_objectives
from inference.errors import ObjectiveError
from inference.objectives.registry import examples
from inference.pairs import called_with, fitted
from inference.program.batches import Form

MULTI_SAMPLE = {
    *("IWAE", "MIWAE", "PIWAE", "CIWAE", "DReG", "Renyi", "TailAdaptive", "ChiSquare"),
    *("VIMCO", "RWS"),
}
CASES = {  # to run all of the corpora takes minutes: their text says which have no plate
    f"{library}-{program.name}": (program, arguments)
    for library, programs, arguments in (
        ("pyro", pyro_corpus.PROGRAMS, pyro_arguments),
        ("numpyro", numpyro_corpus.PROGRAMS, numpyro_arguments),
    )
    for program in programs
    if ".plate(" not in inspect.getsource(program.build)
}
KINDS = {
    *("pyro-weight_matrices", "pyro-images_without_a_plate", "pyro-local_level"),
    *("numpyro-weight_matrices", "numpyro-images_without_a_plate", "numpyro-autoregression"),
    *("numpyro-gaussian_process", "numpyro-stochastic_volatility"),
}
SERIES = np.cumsum(np.random.default_rng(2).normal(size=9)).astype(np.float32)


def structure_of(pair: Any, args: Any, kwargs: Any) -> Any:
    given = called_with(fitted(pair, batch=Form(args, kwargs)), args, kwargs)
    return given.backend.structure(given.pair, given.arrays)


def without_a_plate(program: Any, arguments: Any) -> bool:
    """Whether several rows are observed, in no plate."""
    with pyro.get_param_store().scope(), torch.random.fork_rng():
        args, kwargs = arguments(program.batches()[0])
        structure = structure_of(program.make(), args, kwargs)
    data = structure.observed
    return bool(data) and structure.rows > 1 and not any(site.plates for site in data)


@pytest.mark.parametrize("name", CASES)
def test_no_objective_weighs_all_rows_as_one_unasked(name):
    """Refused with a remedy; single-sample objectives fit in their place."""
    program, arguments = CASES[name]
    if not without_a_plate(program, arguments):
        assert name not in KINDS
        return
    args, kwargs = arguments(program.batches()[0])
    validity = valid_objectives(program.make(), *args, **kwargs)
    assert not MULTI_SAMPLE & set(validity.valid)
    assert all("plate('data'" in validity.refused[each] for each in ("IWAE", "Renyi"))
    assert {"ELBO", "NVIL", "RLOO"} <= set(validity.valid)


def test_the_kinds_are_among_them():
    assert {type(each).__name__ for each in examples()} >= MULTI_SAMPLE
    assert CASES.keys() >= KINDS


def level(engine: str, plates: tuple[int, ...]) -> tuple[Any, Any]:
    """A series around an unknown level, as one event in plates of such sizes."""
    library, dist = (importlib.import_module(n) for n in (engine, f"{engine}.distributions"))

    def around(body: Any) -> Any:
        for size in plates:
            with library.plate("data", size):
                return body()
        return body()

    def model(y: Any) -> None:
        def body() -> None:
            z = library.sample("z", dist.Normal(0.0, 2.0))
            mean = z[..., None] + 0 * y if plates else z + 0 * y
            library.sample("y", dist.Normal(mean, 1.0).to_event(1), obs=y)

        around(body)

    def guide(y: Any) -> None:
        del y
        around(lambda: library.sample("z", dist.Normal(library.param("m", array(0.5)), 0.4)))

    def array(value: float) -> Any:
        return torch.tensor(value) if engine == "pyro" else np.float32(value)

    return model, guide


@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
def test_refused_without_a_plate_and_taken_in_a_plate_of_one(engine):
    y = torch.tensor(SERIES) if engine == "pyro" else SERIES
    settings = {"steps": 3, "progress": False, "engine": engine}
    said = (
        r"IWAE\(num_particles=4\) weighs .* all 9 rows .* plate\('data', 1\).*fit this pair: ELBO"
    )
    with pytest.raises(ObjectiveError, match=said):
        fit(level(engine, ()), [(y,)], objective=IWAE(4), **settings)
    fit(level(engine, ()), [(y,)], objective=ELBO(), **settings)
    run = fit(level(engine, (1,)), [(y,)], objective=IWAE(4), **settings)
    assert np.isfinite(run.history["loss"]).all()


@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
def test_the_likelihood_of_one_datum_is_that_of_all_rows(engine):
    y = torch.tensor(SERIES) if engine == "pyro" else SERIES
    with pytest.raises(ObjectiveError, match=r"no plate.*plate\('data', 1\)"):
        log_likelihood(level(engine, ()), y, engine=engine)
    found = log_likelihood(level(engine, (1,)), y, num_particles=20_000, engine=engine)
    covariance: Any = np.eye(9) + 4.0
    exact = multivariate_normal.logpdf(SERIES, np.zeros(9), covariance)
    # The weights' relative deviation is about 1, so that of the estimate is 1 / sqrt(K).
    assert abs(found.mean - exact) < 6 * 2 / math.sqrt(20_000)
    assert found.per_datum.shape == (1,)
    assert "all rows as one datum" in found.method
    assert np.isfinite(found.per_datum).all()


@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
def test_neither_is_blamed(engine):
    y = torch.tensor(SERIES) if engine == "pyro" else SERIES
    limits = check_pair(level(engine, ()), y, engine=engine)
    assert not limits.failed
    assert {finding.check for finding in limits.limits} == {"data-in-plate"}
    said = check_pair(level(engine, (1,)), y, engine=engine)
    assert not said.failed
    assert not said.limits, said


@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
def test_a_plate_that_says_how_many_there_are_is_not_blamed_for_all_of_them(engine):
    """The batch is all of the data, so that no plate can be given them twice."""
    library, dist = (importlib.import_module(n) for n in (engine, f"{engine}.distributions"))
    y = torch.tensor(SERIES) if engine == "pyro" else SERIES

    def model(y: Any) -> None:
        z = library.sample("z", dist.Normal(0.0, 2.0))
        with library.plate("data", 9, subsample_size=len(y)):
            library.sample("y", dist.Normal(z, 1.0), obs=y)

    def guide(y: Any) -> None:
        del y
        start = torch.tensor(0.5) if engine == "pyro" else 0.5
        library.sample("z", dist.Normal(library.param("m", start), 0.4))

    assert check_pair((model, guide), y, engine=engine).failed == []
