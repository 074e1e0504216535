"""Numbers and rows of other libraries: taken where they can be used, else refused by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import torch

from inference import (
    DataError,
    Gibbs,
    ZooError,
    annealed_importance_sampling,
    bound_parts,
    check_pair,
    drawn_rows,
    fit,
    frechet_distance,
    log_likelihood,
    psis_k_hat,
)
from inference.arguments import check_count, check_path, check_positive, check_seed
from ppl_models import create

RANDOM = np.random.default_rng(0)
X = (RANDOM.random((300, 6)) < 0.5).astype(np.float32)
REAL = RANDOM.normal(size=(40, 6))
PAIR = create("vae", engine="pyro", data_dim=6, latent_dim=2, hidden=[4])


def test_whole_numbers_of_a_byte_count_as_the_same_of_python() -> None:
    """300 rows by 100: what is computed of both does not fit into a byte, nor may it go round."""
    byte: Any = np.int8
    small: Any = byte(100)
    rows = X[:6]
    runs = [
        fit(PAIR, X, batch_size=n, epochs=e, progress=False)
        for n, e in ((small, byte(1)), (100, 1))
    ]
    assert [run.step for run in runs] == [3, 3]
    run = runs[0]

    def asked(kind: Any) -> list[float]:
        n, few = kind(100), kind(3)
        return [
            log_likelihood(run, rows, n, chunk_size=n).mean,
            bound_parts(run, rows, num_particles=n, chunk_size=few).elbo.mean,
            float(psis_k_hat(run, rows, n, chunk_size=few).per_datum.mean()),
            annealed_importance_sampling(
                run, rows, num_chains=n, num_temperatures=few, leapfrog_steps=kind(1)
            ).mean,
        ]

    assert asked(byte) == asked(int)
    assert type(Gibbs(num_samples=small).num_samples) is int


def test_lengths_of_time_and_what_single_precision_holds_as_zero_are_no_numbers() -> None:
    second = np.timedelta64(5, "s")
    for ask in (
        lambda: check_count("steps", second),
        lambda: check_seed(second),
        lambda: check_positive("learning_rate", second),
        lambda: check_positive("temperature", 1e-50),
        lambda: check_path("out", "\ud800"),
    ):
        with pytest.raises(ZooError, match="must be"):
            ask()


KINDS: dict[str, Any] = {
    "a table": pd.DataFrame(REAL),
    "a table with words for columns": pd.DataFrame(REAL, columns=list("abcdef")),
    "a list": REAL.tolist(),
    "sparse": scipy.sparse.coo_matrix(REAL),
    "a tensor": torch.tensor(REAL),
    "a sparse tensor": torch.tensor(REAL).to_sparse(),
}


@pytest.mark.parametrize("kind", KINDS)
def test_rows_are_drawn_of_whatever_holds_rows(kind: str) -> None:
    """A table's columns must not be taken for its rows."""
    found: Any = drawn_rows(KINDS[kind], 3, seed=1)
    array = found.toarray() if hasattr(found, "toarray") else np.asarray(found)
    assert array == pytest.approx(drawn_rows(REAL, 3, seed=1))


@pytest.mark.parametrize("value", ["words", b"bytes", {"x": REAL}, {1, 2, 3, 4}, dict, 3, None])
def test_what_has_no_rows_is_refused(value: Any) -> None:
    with pytest.raises(DataError, match="x must be an array with rows"):
        drawn_rows(value, 2)


def test_samples_are_what_data_may_be() -> None:
    plain = frechet_distance(REAL, REAL + 1).value
    grad = torch.tensor(REAL, requires_grad=True)
    assert frechet_distance(grad, KINDS["a sparse tensor"]).value == pytest.approx(0, abs=1e-6)
    assert frechet_distance(KINDS["sparse"], pd.DataFrame(REAL + 1)).value == pytest.approx(plain)
    for bad in (torch.empty((40, 6), device="meta"), torch.tensor(REAL) * 1j, REAL * 1e200):
        with pytest.raises(DataError, match="b "):
            frechet_distance(REAL, bad)  # pyright: ignore[reportArgumentType]


def test_tensors_without_a_type_in_numpy_are_checked() -> None:
    rows = torch.tensor(X[:8])
    for kind in (rows.bfloat16(), rows.to_sparse()):
        assert not check_pair(PAIR, kind, checks=["model-draws"]).failed


def test_what_holds_itself_is_no_data_and_no_schedule() -> None:
    own: Any = []
    own.append(own)
    named: Any = {}
    named["x"] = named
    for value in (own, named):
        for ask in (
            lambda value=value: fit(PAIR, value, steps=1, progress=False),
            lambda value=value: fit(PAIR, X, schedule=value, steps=1, progress=False),
            lambda value=value: check_pair(PAIR, value),
        ):
            with pytest.raises(ZooError):
                ask()


def test_more_arguments_than_a_pair_takes_are_said() -> None:
    run = fit(
        create("rbm", engine="pyro", data_dim=6, hidden_dim=2),
        X,
        objective="cd",
        steps=1,
        progress=False,
    )
    with pytest.raises(ZooError, match="fails on a batch of shape"):
        run.encode(X[:2], X[:2])
