"""Tables, missing entries and names as forums have them: what `fit` takes, and what it says."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpyro
import numpyro.distributions as npdist
import pandas
import pyro
import pyro.distributions as dist
import pytest
from numpyro.infer.autoguide import AutoNormal as NumPyroAutoNormal
from pyro.infer.autoguide import AutoNormal
from torch import Tensor

from inference import fit
from inference.errors import PairError

X = np.random.default_rng(0).normal(size=(6, 2)).astype(np.float32)
Y = np.random.default_rng(1).normal(size=6).astype(np.float32)
TABLE = pandas.DataFrame({"x": X[:, 0], "y": Y})


AGES = np.array([0.1, np.nan, 0.4, np.nan, -0.3, 0.8], np.float32)


def imputed(age: Any) -> None:
    mean = numpyro.sample("mean", npdist.Normal(0, 1))
    with numpyro.plate("missing", 2):
        missing = numpyro.sample("age_imputed", npdist.Normal(mean, 1.0).mask(False))
    filled = age.at[np.array([1, 3])].set(missing)
    with numpyro.plate("data", len(age)):
        numpyro.sample("age", npdist.Normal(mean, 1.0), obs=filled)


def test_entries_that_are_filled_in_by_their_place() -> None:
    """Two rows by themselves have no fourth entry, of which jax says nothing."""
    run = fit((imputed, NumPyroAutoNormal(imputed)), [(AGES,)], steps=2, progress=False)
    assert np.isfinite(run.history["loss"]).all()


def tables_on_numpyro(x: Any, y: Any) -> None:
    slope = numpyro.sample("slope", npdist.Normal(0, 1))
    with numpyro.plate("data", len(x)):
        numpyro.sample("y", npdist.Normal(slope * x[:, 0], 1.0), obs=y[:, 0])


def test_several_tables() -> None:
    """A table has no type of numbers, but one for each column."""
    pair = tables_on_numpyro, NumPyroAutoNormal(tables_on_numpyro)
    run = fit(pair, [(TABLE[["x"]], TABLE[["y"]])], steps=2, seed=0, progress=False)
    arrays = X[:, :1], Y[:, None]
    expected = fit(pair, [arrays], steps=2, seed=0, progress=False)
    np.testing.assert_array_equal(run.history["loss"], expected.history["loss"])


def opens_twice(x: Tensor) -> None:
    for name in ("first", "second"):
        with pyro.plate("data", len(x)):
            pyro.sample(name, dist.Normal(0.0, 1.0), obs=x)


def numpyro_draws_twice(x: Any) -> None:
    numpyro.sample("x", npdist.Normal(0, 1), obs=x)
    numpyro.sample("x", npdist.Normal(0, 1), obs=x)


def by_column(table: Any) -> None:
    slope = pyro.sample("slope", dist.Normal(0.0, 1.0))
    with pyro.plate("data", len(table["x"])):
        pyro.sample("y", dist.Normal(slope * table["x"], 1.0), obs=table["y"])


def by_column_on_numpyro(table: Any) -> None:
    slope = numpyro.sample("slope", npdist.Normal(0, 1))
    numpyro.sample("y", npdist.Normal(slope * table["x"], 1.0), obs=table["y"])


def nothing(*given: Any) -> None:
    del given


@pytest.mark.parametrize(
    ("model", "data", "remedy"),
    [
        (opens_twice, Y, "made once and kept"),
        (numpyro_draws_twice, Y, "a name of its own"),
        (by_column, TABLE, "pass a dictionary of arrays"),
        (by_column_on_numpyro, TABLE, "pass a dictionary of arrays"),
    ],
)
def test_what_to_do_about_what_the_libraries_say(model: Any, data: Any, remedy: str) -> None:
    engine = "numpyro" if "numpyro" in model.__name__ else "pyro"
    with pytest.raises(PairError, match=remedy):
        fit((model, nothing), data, engine=engine, steps=1, progress=False)


def test_a_table_as_a_dictionary_of_its_columns() -> None:
    """What the remedy says: the same as of arrays that are made by hand."""
    columns = {name: TABLE[name].to_numpy() for name in TABLE}
    run = fit((by_column, AutoNormal(by_column)), [(columns,)], steps=2, progress=False)
    assert np.isfinite(run.history["loss"]).all()
