"""What holds numbers is taken for what it means; what would lose its meaning is refused."""

from __future__ import annotations

import contextlib
import importlib
from collections import UserDict, UserList, deque, namedtuple
from types import MappingProxyType
from typing import Any

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import numpyro
import numpyro.distributions as npdist
import pandas as pd
import pytest
import scipy.sparse
import torch
from tiny_runs import assert_same_run, bare, binary, quick, vae

from inference import Adversarial, check_pair, log_likelihood, valid_objectives
from inference.data.arrays import as_array
from inference.errors import DataError
from ppl_models import create

X = binary()
ALIKE = {
    "table": lambda: pd.DataFrame(X, columns=list("fedcba")),
    "table of several types": lambda: pd.DataFrame(
        {i: X[:, i].astype(bool) if i % 2 else X[:, i] for i in range(6)}
    ),
    "table with missing-value types": lambda: pd.DataFrame(X).astype("Int64"),
    "sparse matrix": lambda: scipy.sparse.csr_matrix(X),
    "sparse array": lambda: scipy.sparse.coo_array(X),
    "sparse tensor": lambda: torch.tensor(X).to_sparse(),
    "another byte order": lambda: X.astype(">f4"),
    "integers of another byte order": lambda: X.astype(">i4"),
    "reversed": lambda: X.astype(int)[::-1, ::-1].copy()[::-1, ::-1],
    "by columns": lambda: np.asfortranarray(X.astype(int)),
    "bfloat16 of numpy": lambda: X.astype(ml_dtypes.bfloat16),
    "bfloat16 of torch": lambda: torch.tensor(X).bfloat16(),
    "bfloat16 of jax": lambda: jnp.asarray(X, jnp.bfloat16),
    "float16": lambda: X.astype(np.float16),
    "float128": lambda: X.astype(np.longdouble),
    "tensor with a gradient": lambda: torch.tensor(X, requires_grad=True),
    "masked array without masked values": lambda: np.ma.MaskedArray(X, mask=False),
    "matrix of jax": lambda: jnp.asarray(X),
    "list": lambda: X.tolist(),
}


@pytest.mark.parametrize("kind", ALIKE)
def test_all_are_the_same_array(kind):
    found = as_array(ALIKE[kind]())
    assert type(found) is np.ndarray
    assert found.dtype.isnative
    assert min(found.strides) > 0
    np.testing.assert_array_equal(found.astype(np.float32), X)


@pytest.mark.parametrize(
    "kind", ["table", "sparse matrix", "bfloat16 of torch", "reversed", "list"]
)
def test_a_fit_takes_them_and_so_do_evaluations(kind, engine):
    right, run = quick(vae(engine), X, steps=3), quick(vae(engine), ALIKE[kind](), steps=3)
    assert_same_run(right, run)
    for one, other in (
        (log_likelihood(run.pair, ALIKE[kind](), 2), log_likelihood(run.pair, X, 2)),
    ):
        np.testing.assert_array_equal(one.per_datum, other.per_datum)
    np.testing.assert_array_equal(run.reconstruct(ALIKE[kind]()), run.reconstruct(X))


def functions(engine: str) -> tuple[Any, Any]:
    """Model and guide of no class: a batch is what they are called with."""
    ppl: Any = importlib.import_module(engine)
    dist: Any = importlib.import_module(f"{engine}.distributions")
    zeros: Any = torch.zeros if engine == "pyro" else jnp.zeros

    def model(x: Any) -> None:
        mean = ppl.param("mean", zeros(6))
        with ppl.plate("data", len(x)):
            z = ppl.sample("z", dist.Normal(mean, 1.0).to_event(1))
            ppl.sample("x", dist.Normal(z, 1.0).to_event(1), obs=x)

    def guide(x: Any) -> None:
        with ppl.plate("data", len(x)):
            ppl.sample("z", dist.Normal(x / 2, 0.5**0.5).to_event(1))

    return model, guide


@pytest.mark.parametrize("kind", ALIKE)
def test_bare_functions_take_them(kind, engine):
    pair = functions(engine)
    right, found = (log_likelihood(pair, x, 2) for x in (X, ALIKE[kind]()))
    np.testing.assert_array_equal(found.per_datum, right.per_datum)
    run = quick(functions(engine), ALIKE[kind](), steps=2)
    assert_same_run(quick(functions(engine), X, steps=2), run)


def masked() -> Any:
    return np.ma.MaskedArray(X, mask=np.eye(*X.shape, dtype=bool))


REFUSED = {
    "masked array": (masked, r"6 masked values.*x.filled\(0\), ~np.ma.getmaskarray\(x\)"),
    "column of text": (
        lambda: pd.DataFrame(X).assign(kind=["a"] * len(X)),
        r"column 'kind' does not; drop it, or code it",
    ),
    "column of categories": (
        lambda: pd.DataFrame(X).assign(kind=pd.Categorical(["a"] * len(X))),
        r"column 'kind' does not; .*\.cat\.codes",
    ),
    "tensor without numbers": (lambda: torch.empty(24, 6, device="meta"), "device 'meta'"),
    "set of tensors": (
        lambda: torch.utils.data.TensorDataset(torch.tensor(X)),
        r"TensorDataset(; pass what is in its \.tensors|\.$)",
    ),
}
TIMES = pd.date_range("2020", periods=3, tz="UTC")
RECORDS = np.array([(1, 2.0), (3, 4.0)], dtype=[("a", int), ("b", float)])
APART = np.array([np.ones(2), np.zeros(2), None], dtype=object)[:2]
REMEDIES = {
    "complex": (X + 1j, r"x\.real", lambda x: x.real),
    "times": (
        TIMES.tz_localize(None).to_numpy(),
        r"\(x - x\.min\(\)\) / numpy\.timedelta64",
        lambda x: (x - x.min()) / np.timedelta64(1, "D"),
    ),
    "times with a zone": (
        pd.Series(TIMES),
        r"\(t - t\.min\(\)\) / pandas\.Timedelta\('1D'\)",
        lambda t: (t - t.min()) / pd.Timedelta("1D"),
    ),
    "spans of time": (
        np.array([1, 2], dtype="m8[h]"),
        r"x / numpy\.timedelta64",
        lambda x: x / np.timedelta64(1, "D"),
    ),
    "fields": (
        RECORDS,
        r"column_stack\(\[x\[name\] for",
        lambda x: np.column_stack([x[name] for name in x.dtype.names]),
    ),
    "rows as objects": (APART, r"numpy\.stack\(list\(x\)\)", lambda x: np.stack(list(x))),
    "numbers as objects": (
        np.array([[1, None]], dtype=object),
        r"\.astype\('float32'\)",
        lambda x: x.astype("float32"),
    ),
    "numbers in text": (
        pd.Series(["1.5", "2"], dtype="string"),
        r"pandas\.to_numeric\(t\)",
        pd.to_numeric,
    ),
    "categories": (pd.Series(list("ab"), dtype="category"), r"\.cat\.codes", lambda t: t.cat.codes),
}


@pytest.mark.parametrize("kind", REMEDIES)
def test_the_remedy_of_what_holds_no_numbers_works(kind):
    given, words, remedy = REMEDIES[kind]
    with pytest.raises(DataError, match=words):
        as_array(given)
    assert np.isfinite(as_array(remedy(given)).reshape(-1)[0])


@pytest.mark.parametrize("missing", [None, pd.NA])
def test_numbers_that_a_table_keeps_as_objects(missing):
    table = pd.DataFrame({"a": pd.Series([1, missing], dtype=object), "b": [2.5, 3]})
    np.testing.assert_array_equal(as_array(table), [[1, 2.5], [np.nan, 3]])


@pytest.mark.parametrize("kind", ["int64", "uint64"])
def test_whole_numbers_beyond_32_bits_are_quantities(kind, engine):
    """Of 2 ** 32 + 5 jax kept 5, in silence."""
    large = np.full((4, 6), 2**32 + 5, dtype=kind)
    pair = functions(engine)
    found, right = (log_likelihood(pair, x, 3).mean for x in (large, large.astype(np.float32)))
    assert found == right < -1e18
    labels = np.arange(4) + 2**31 - 4
    assert as_array(labels).dtype == labels.dtype  # these fit


@pytest.mark.parametrize("kind", REFUSED)
def test_what_would_lose_its_meaning(kind):
    make, words = REFUSED[kind]
    for attempt in (
        lambda: quick(vae("pyro"), make(), steps=1),
        lambda: quick(vae("pyro"), [make()], steps=1),
        lambda: quick(vae("pyro"), X, valid=make(), steps=1),
        lambda: log_likelihood(vae("pyro"), make(), 2),
    ):
        with pytest.raises(DataError, match=words):
            attempt()


def test_the_remedy_for_a_masked_array_works():
    given = masked()
    x, seen = given.filled(0), ~np.ma.getmaskarray(given)
    assert as_array(x).shape == X.shape
    assert as_array(seen, first=False).dtype == bool


def test_second_arguments(engine):
    pair = create("conditional_vae", engine=engine, data_dim=6, latent_dim=2, hidden=(3,),
                  classes=3)  # fmt: skip
    y = np.arange(len(X)) % 3
    right = quick(pair, (X, y), steps=2)
    for same in (y.tolist(), pd.Series(y), y.astype(">i8"), y[::-1].copy()[::-1]):
        run = quick(pair, (X, same), steps=2)
        assert_same_run(right, run)
        log_likelihood(run.pair, (X, same), 2)


Batch = namedtuple("Batch", "x")


def test_batches_of_other_kinds(engine):
    right = quick(vae(engine), [X[:8], X[8:]], epochs=1)
    for batches in (
        [Batch(X[:8]), Batch(X[8:])],
        [pd.DataFrame(X[:8]), pd.DataFrame(X[8:])],
        [[torch.tensor(X[:8])], [torch.tensor(X[8:])]],
    ):
        assert_same_run(right, quick(vae(engine), batches, epochs=1))
    with pytest.raises(DataError, match=r"a dictionary of 'x', 'y'; pass a tuple .*\(batch\['x'\]"):
        quick(vae(engine), [{"x": X, "y": X}], epochs=1)


STAND_INS = {
    "memory view": lambda: X.data,
    "deque": lambda: deque(X.tolist()),
    "user's list": lambda: UserList(X.tolist()),
    "user's dictionary": lambda: UserDict(x=X),
    "dictionary that cannot be changed": lambda: MappingProxyType({"x": X}),
}


@pytest.mark.parametrize("kind", STAND_INS)
def test_what_stands_for_an_array_or_a_dictionary_is_one(kind):
    pair, steps = bare("pyro"), {"steps": 2, "objective": "elbo"}
    assert_same_run(quick(pair, STAND_INS[kind](), **steps), quick(pair, X, **steps))
    one, other = (log_likelihood(pair, x, 1).per_datum for x in (STAND_INS[kind](), X))
    np.testing.assert_array_equal(one, other)


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize(
    ("x", "said"),
    [
        ({1.0, 2.0}, "no order of rows"),
        ({1.0: 2.0}.keys(), "no order of rows"),
        (lambda: torch.nested.nested_tensor([torch.ones(2), torch.ones(3)]), "to_padded_tensor"),
    ],
    ids=["set", "keys", "nested tensor"],
)
def test_what_has_no_rows_of_one_length_is_refused(x, said):
    x = x() if callable(x) else x
    with pytest.raises(DataError, match=said):
        quick(bare("pyro"), x, steps=1)
    with pytest.raises(DataError, match=said):
        log_likelihood(bare("pyro"), x)


def test_a_typed_key_is_told_its_form_that_is_taken():
    def drawn(name: str, key: Any) -> Any:
        noise, at = 0 * jax.random.normal(key), numpyro.param(name + "_at", jnp.array(0.1))
        assert at is not None
        return numpyro.sample(name, npdist.Normal(noise + at, 1.0))

    def model(x: Any, key: Any) -> None:
        with numpyro.plate("data", len(x)):
            mean = drawn("z", key)
            numpyro.sample("x", npdist.Normal(mean, 1.0), obs=x[:, 0])

    def guide(x: Any, key: Any) -> None:
        with numpyro.plate("data", len(x)):
            drawn("z", key)

    key = jax.random.key(0)
    for ask in (
        lambda key: quick((model, guide), [(X, key)], steps=1),
        lambda key: valid_objectives((model, guide), X, key),
        lambda key: check_pair((model, guide), X, key, checks=["runs-together"]),
    ):
        with pytest.raises(DataError, match=r"jax\.random\.key_data"):
            ask(key)
        ask(jax.random.key_data(key))


# ---------------------------------------------------------------- double precision


@contextlib.contextmanager
def double(engine: str):
    if engine == "numpyro":
        with jax.enable_x64(True):
            yield lambda name, **shape: create(name, engine=engine, **shape)
        return

    def make(name: str, **shape: Any) -> Any:
        pair: Any = create(name, engine=engine, **shape)
        return pair.double()

    yield make


OBJECTIVES = {
    "vae": ["elbo", "nvil"],
    "sigmoid_belief": ["nvil", "relax"],
    "mlp_generator": [Adversarial(hidden=(3,), critic_steps=2, instance_noise=0.2)],
}


@pytest.mark.parametrize("name", OBJECTIVES)
def test_double_precision_trains(name, engine):
    shape: dict[str, Any] = {"data_dim": 6, "latent_dim": 2, "hidden": (3,)}
    if name == "sigmoid_belief":
        shape = {"data_dim": 6, "latent_dims": (2,)}
    if name == "mlp_generator":
        shape |= {"likelihood": "gaussian", "noise_scale": 1.0}
    with double(engine) as make:
        for objective in OBJECTIVES[name]:
            run = quick(make(name, **shape), X, steps=2, objective=objective)
            assert np.isfinite(run.rows[-1]["loss"])


def test_double_precision_is_kept(engine):
    x = X + 1e-9 * np.random.default_rng(0).normal(size=X.shape)
    shape = {"data_dim": 6, "latent_dim": 1, "hidden": (2,), "likelihood": "gaussian"}
    with double(engine) as make:
        pair = make("vae", **shape)
        apart = log_likelihood(pair, x, 1).per_datum - log_likelihood(pair, X, 1).per_datum
    assert (apart != 0).all()
    assert np.abs(apart).max() < 1e-6


def test_torchs_default_type_counts_where_there_are_no_networks():
    from inference.data.pair_arrays import precision_of

    assert precision_of(bare("pyro")) is np.float32
    torch.set_default_dtype(torch.float64)
    try:
        assert precision_of(bare("pyro")) is np.float64
        quick(bare("pyro"), X, steps=2)
    finally:
        torch.set_default_dtype(torch.float32)
