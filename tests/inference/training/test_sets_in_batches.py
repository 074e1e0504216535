"""A set of rows that is given in batches, to validate on or to evaluate, is that set."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from plated import Words
from torch.utils.data import DataLoader, IterableDataset, TensorDataset

from inference import fit, log_likelihood
from inference.engines import ENGINES
from inference.errors import DataError
from ppl_models import create

X = np.random.default_rng(0).normal(size=(25, 2)).astype(np.float32)
EXACT = (-0.5 * X.astype(np.float64) ** 2 - 0.5 * np.log(2 * np.pi)).sum(1)

FORMS: dict[str, Callable[[], Any]] = {
    "arrays": lambda: [X[:10], X[10:20], X[20:]],
    "as many rows each": lambda: [X[:5], X[5:10], X[10:15], X[15:20], X[20:]],
    "tuples": lambda: [(X[:24],), (X[24:],)],
    "by name": lambda: [{"x": X[:10]}, {"x": X[10:]}],
    "a loader": lambda: DataLoader(TensorDataset(torch.tensor(X)), batch_size=7),
    "a loader of rows": lambda: DataLoader(torch.tensor(X), batch_size=7),  # pyright: ignore[reportArgumentType]
}


class Endless(IterableDataset):
    def __iter__(self) -> Any:
        while True:
            yield torch.tensor(X[0])


def gaussian(engine: str) -> Any:
    words = Words(engine)

    def model(x: Any) -> None:
        mean = words.library.param("mean", words.array(0.0))
        with words.plate("data", len(x)):
            words.sample("x", words.dist.Normal(mean + 0 * x, 1.0).to_event(1), obs=x)

    return model, lambda x: None


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("form", FORMS)
def test_a_set_in_batches_is_that_set(form: str, engine: str) -> None:
    """Its last batch is smaller, and no mean of the batches' means is that of the data."""
    still: dict[str, Any] = {"steps": 1, "learning_rate": 1e-9, "progress": False}
    run = fit(gaussian(engine), X[:8], valid=FORMS[form](), engine=engine, **still)
    assert run.history["valid_bound"].iloc[-1] == pytest.approx(EXACT.mean(), rel=1e-5)
    for pair in (run, gaussian(engine)):
        found = log_likelihood(pair, FORMS[form](), engine=engine)
        np.testing.assert_allclose(found.per_datum, EXACT, rtol=1e-5)


def test_so_it_is_for_pairs_of_the_zoo() -> None:
    pair, rows = create("vae", engine="pyro", data_dim=2, latent_dim=2), (X > 0).astype(np.float32)
    whole = log_likelihood(pair, rows, num_particles=2)
    for batches in ([rows[:10], rows[10:]], DataLoader(torch.tensor(rows), batch_size=7)):  # pyright: ignore[reportArgumentType]
        found = log_likelihood(pair, batches, num_particles=2)  # pyright: ignore[reportArgumentType]
        np.testing.assert_array_equal(found.per_datum, whole.per_datum)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda: (row for row in [X[:10], X[10:]]), r"\(generator\) does not say how many batches"),
        (lambda: DataLoader(Endless(), batch_size=3), r"\(DataLoader\) does not say how many"),
        (lambda: [X[:10], X[10:, :1]], "2 batches that cannot be put behind each other"),
        (lambda: [(X[:10], 3), (X[10:], 4)], "2 batches that cannot be put behind each other"),
    ],
)
def test_what_makes_no_set_is_refused_in_a_sentence(given: Any, said: str) -> None:
    with pytest.raises(DataError, match=said):
        log_likelihood(gaussian("pyro"), given(), engine="pyro")
    with pytest.raises(DataError, match=said):
        fit(gaussian("pyro"), X, valid=given(), steps=1, progress=False, engine="pyro")
