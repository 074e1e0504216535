"""A density that counts a value more than once is refused, and no right program is blamed."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as ndist
import pyro
import pyro.distributions as pdist
import pytest
import torch
from jax import random
from rows import ENGINES, ROWS
from scipy.stats import norm

from inference import check_pair, fit
from inference.engines import load_engine
from inference.engines.numpyro.inspection import _density_shape
from inference.errors import PairError
from inference.objectives import ELBO
from ppl_models import create

N, D = 9, 3
LINE = np.random.default_rng(0).normal(size=N).astype(np.float32)
TABLE = np.random.default_rng(1).normal(size=(N, D)).astype(np.float32)
SQUARE = np.random.default_rng(2).normal(size=(N, N)).astype(np.float32)


class Words:
    """Statements that read the same in both libraries."""

    def __init__(self, engine: str) -> None:
        pyros = engine == "pyro"
        self.lib: Any = pyro if pyros else numpyro
        self.normal: Any = pdist.Normal if pyros else ndist.Normal
        self.array: Any = torch.tensor if pyros else jnp.asarray

    def sample(self, name: str, loc: Any, *, events: int = 0, obs: Any = None) -> Any:
        loc = self.array(np.asarray(loc, "f4"))
        if obs is not None:
            loc = loc + self.drift()
        one = self.array(np.float32(1))
        return self.lib.sample(name, self.normal(loc, one).to_event(events), obs=obs)

    def plate(self, name: str, size: int, dim: int | None = None) -> Any:
        return self.lib.plate(name, size, dim=dim)

    def drift(self) -> Any:
        return self.lib.param("drift", self.array(np.float32(0)))


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, "f4")


def nothing(w: Words, x: Any) -> None:
    w.drift()


def column_beside_line(w: Words, x: Any) -> None:
    w.sample("x", zeros(N, 1), obs=x)


def column_in_a_plate(w: Words, x: Any) -> None:
    with w.plate("data", N):
        w.sample("x", zeros(N, 1), obs=x)


def column_of_data_in_a_plate(w: Words, x: Any) -> None:
    with w.plate("data", N):
        w.sample("x", zeros(N, 1), obs=x[:, None])


def local_columns(w: Words, x: Any) -> None:
    with w.plate("data", N):
        w.sample("z", zeros(N, 1))


def data_of_local_columns(w: Words, x: Any) -> None:
    with w.plate("data", N):
        w.sample("z", zeros(N, 1))
        w.sample("x", zeros(N), obs=x)


def plate_around_columns(w: Words, x: Any) -> None:
    with w.plate("data", N):
        w.sample("x", zeros(N, N), obs=x)


def one_row_for_all(w: Words, x: Any) -> None:
    w.sample("x", zeros(N, D), obs=x[:1])


def rows_in_the_event(w: Words, x: Any) -> None:
    with w.plate("data", N):
        w.sample("x", zeros(N, N, D), events=2, obs=x)


def one_row_too_many(w: Words, x: Any) -> None:
    with w.plate("data", N + 1):
        w.sample("x", zeros(N + 1, D), events=1, obs=x)


def one_for_five(w: Words, x: Any) -> None:
    w.sample("z", zeros(5))
    with w.plate("data", N):
        w.sample("x", zeros(N), obs=x)


def one(w: Words, x: Any) -> None:
    w.sample("z", zeros())


WRONG: dict[str, tuple[Any, Any, np.ndarray, str]] = {
    "column-beside-line": (column_beside_line, nothing, LINE, "values-fill-their-sites"),
    "column-in-a-plate": (column_in_a_plate, nothing, LINE, "values-fill-their-sites"),
    "column-of-data": (column_of_data_in_a_plate, nothing, LINE, "values-fill-their-sites"),
    "local-columns": (data_of_local_columns, local_columns, LINE, "batch-dimensions-in-plates"),
    "plate-around-columns": (plate_around_columns, nothing, SQUARE, "batch-dimensions-in-plates"),
    "one-row-for-all": (one_row_for_all, nothing, TABLE, "values-fill-their-sites"),
    "rows-in-the-event": (rows_in_the_event, nothing, TABLE, "values-fill-their-sites"),
    "one-row-too-many": (one_row_too_many, nothing, TABLE, ""),
    "one-for-five": (one_for_five, one, LINE, ""),
}


def pair(engine: str, model: Any, guide: Any) -> tuple[Any, Any]:
    w = Words(engine)
    return (lambda x: (w.drift(), model(w, x))[0]), (lambda x: guide(w, x))


@pytest.mark.parametrize("name", WRONG)
@pytest.mark.parametrize("engine", ENGINES)
def test_a_repeated_density_is_refused_in_the_checker_s_words(engine: str, name: str) -> None:
    model, guide, x, check = WRONG[name]
    both = pair(engine, model, guide)
    with pytest.raises(PairError) as caught:
        fit(both, x, steps=1, progress=False, engine=engine)
    if check:
        report = check_pair(both, x, checks=[check], engine=engine)
        assert str(caught.value) in [finding.message for finding in report.failed]


def weights(w: Words, x: Any) -> None:
    w.sample("z", zeros(5))
    w.sample("square", zeros(N, N))


def weights_and_data(w: Words, x: Any) -> None:
    weights(w, x)
    with w.plate("data", N):
        w.sample("x", zeros(N), obs=x)


def line_of_times(w: Words, x: Any) -> None:
    with w.plate("series", D):
        w.sample("x", zeros(N, D), obs=x)


def constant_response(w: Words, x: Any) -> None:
    w.sample("one", zeros(5), obs=w.array(np.float32(1)))
    with w.plate("data", N):
        w.sample("x", zeros(N), obs=x)


def rows_on_the_left(w: Words, x: Any) -> None:
    with w.plate("data", N, dim=-2):
        w.sample("x", zeros(N, D), obs=x)


def ensemble(w: Words, x: Any) -> None:
    with w.plate("models", 4, dim=-2), w.plate("data", N, dim=-1):
        w.sample("x", zeros(4, 1), obs=x)


def as_many_models_as_rows(w: Words, x: Any) -> None:
    with w.plate("models", N, dim=-2), w.plate("data", N, dim=-1):
        w.sample("x", zeros(N, 1), obs=x)


def density(x: np.ndarray) -> float:
    return float(norm.logpdf(x.astype(np.float64)).sum())


RIGHT: dict[str, tuple[Any, Any, np.ndarray, Any]] = {
    "weights": (weights_and_data, weights, LINE, density(LINE)),
    "times-on-the-left": (line_of_times, nothing, TABLE, density(TABLE)),
    "constant": (constant_response, nothing, LINE, density(LINE) + 5 * norm.logpdf(1.0)),
    "rows-on-the-left": (rows_on_the_left, nothing, TABLE, density(TABLE)),
    "ensemble": (ensemble, nothing, LINE, 4 * density(LINE)),
    "as-many-models": (as_many_models_as_rows, nothing, LINE, N * density(LINE)),
}


@pytest.mark.parametrize("name", RIGHT)
@pytest.mark.parametrize("engine", ENGINES)
def test_what_counts_each_value_once_is_scored(engine: str, name: str) -> None:
    model, guide, x, exact = RIGHT[name]
    both = pair(engine, model, guide)
    run = fit(both, x, objective=ELBO(), steps=1, progress=False, engine=engine)
    assert -run.history["loss"].iloc[0] * len(x) == pytest.approx(exact, rel=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("name", ROWS)
def test_no_pair_of_the_zoo_is_blamed(name: str, engine: str) -> None:
    """With as many rows as an event has entries too, which hides much."""
    row = ROWS[name]
    if engine not in row.engines:
        return
    both = create(row.model, engine=engine, **row.hyperparameters)
    for rows in (1, 3, 12) if engine == "pyro" else (12,):
        structure = load_engine(engine).structure(both, row.batch(rows))
        structure.check_densities()
        sites = (*structure.model.values(), *structure.guide.values())
        assert all(site.density_shape is not None for site in sites if site.scorable)


@pytest.mark.parametrize("batch", [(), (3,), (2, 1)])
def test_the_shape_of_a_density_is_told_without_writing_it_out(batch: tuple[int, ...]) -> None:
    """Of NumPyro's own laws, wrapped or not, at values of other batch shapes, as jax has it."""
    one = jnp.ones((*batch, 3)) / 3
    laws = [
        ndist.Normal(jnp.zeros(batch), 1.0),
        ndist.Bernoulli(logits=jnp.zeros(batch)),
        ndist.Binomial(4, jnp.full(batch, 0.5)),
        ndist.Categorical(one),
        ndist.Multinomial(4, one),
        ndist.Dirichlet(one),
        ndist.MultivariateNormal(one, jnp.eye(3)),
        ndist.Normal(one, 1.0).to_event(1),
        ndist.Normal(one, 1.0).to_event(1).mask(jnp.ones(batch, bool)),
        ndist.Normal(0.0, 1.0).expand((*batch, 3)).to_event(1),
        ndist.ZeroInflatedPoisson(0.1, jnp.ones(batch)),
    ]
    for law in laws:
        drawn = law.sample(random.PRNGKey(0))
        for more in ((), (2, 3)):
            value = jnp.broadcast_to(drawn, np.broadcast_shapes(more, batch) + law.event_shape)
            came = _density_shape({"fn": law, "value": value})
            want: Any = jax.eval_shape(law.log_prob, value)
            assert came == want.shape, type(law)
