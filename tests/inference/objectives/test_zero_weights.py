"""Draws that the model cannot have made have no weight; the rest is as enumeration says."""

from __future__ import annotations

import itertools
from types import SimpleNamespace
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
from plated import Words
from rows import ENGINES
from scipy.special import logsumexp

from inference.engines import load_engine
from inference.objectives import (
    ELBO,
    NVIL,
    REBAR,
    RELAX,
    RLOO,
    RWS,
    STL,
    VIMCO,
    Concrete,
    DReG,
    Enumerated,
    TailAdaptive,
    WakeSleep,
)

K, ROWS, SETS = 3, 250, 40
PRIOR, GUIDE = np.array([0.4, -0.6]), np.array([0.2, -0.3, 0.5])  # the third state is impossible
MEANS = np.array([-1.0, 1.0, 0.0])
X = np.full(ROWS, 0.3, dtype=np.float32)
each_engine = pytest.mark.parametrize("engine", ENGINES)


def pair(engine: str) -> tuple[Any, Any]:
    library: Any = pyro if engine == "pyro" else numpyro
    d: Any = pdist if engine == "pyro" else ndist
    array: Any = torch.tensor if engine == "pyro" else jnp.asarray

    def model(x: Any) -> None:
        prior = library.param("prior", array(PRIOR.astype(np.float32)))
        never = array(np.array([-np.inf], dtype=np.float32))
        both = torch.cat([prior, never]) if engine == "pyro" else jnp.concatenate([prior, never])
        with library.plate("data", len(x)):
            k = library.sample("k", d.Categorical(logits=both))
            mean = array(MEANS.astype(np.float32))[k]
            library.sample("x", d.Normal(mean, 1.0), obs=x)

    def guide(x: Any) -> None:
        logits = library.param("guide", array(GUIDE.astype(np.float32)))
        with library.plate("data", len(x)):
            library.sample("k", d.Categorical(logits=logits))

    return model, guide


def gradients(engine: str, objective: Any) -> tuple[np.ndarray, np.ndarray]:
    """The objective's value per call, and its gradient per row by prior and guide, (SETS, 5)."""
    model, guide = pair(engine)
    if engine == "numpyro":

        def loss(params: Any, key: Any) -> Any:
            return -objective.loss(key, params, model, guide, jnp.asarray(X)) / ROWS

        params = {"prior": jnp.asarray(PRIOR), "guide": jnp.asarray(GUIDE)}
        keys = jax.random.split(jax.random.PRNGKey(0), SETS)
        run = jax.jit(jax.vmap(jax.value_and_grad(loss), in_axes=(None, 0)))
        values, slopes = run(params, keys)
        return np.asarray(values), np.concatenate([slopes["prior"], slopes["guide"]], axis=1)
    values, each = [], []
    with pyro.get_param_store().scope():
        pyro.set_rng_seed(0)
        for _ in range(SETS):
            pyro.clear_param_store()
            value = -objective(model, guide, torch.tensor(X)) / ROWS
            value.backward()
            values.append(value.item())
            pieces: Any = [pyro.param(name).grad for name in ("prior", "guide")]
            each.append(torch.cat(pieces).numpy())
    return np.array(values), np.array(each)


def enumerated(prior: np.ndarray, guide: np.ndarray) -> float:
    """E log 1/K sum_k w_k, with nothing for sets of draws that are all impossible."""
    log_q = guide - logsumexp(guide)
    log_p = np.append(prior - logsumexp(prior), -np.inf)
    log_w = log_p - 0.5 * (X[0] - MEANS) ** 2 - 0.5 * np.log(2 * np.pi) - log_q
    total = 0.0
    for states in map(list, itertools.product(range(3), repeat=K)):
        bound = logsumexp(log_w[states]) - np.log(K)
        total += np.exp(log_q[states].sum()) * bound if np.isfinite(bound) else 0.0
    return total


def slopes() -> np.ndarray:
    both, step = np.concatenate([PRIOR, GUIDE]), 1e-5
    moves = step * np.eye(len(both))

    def at(values: np.ndarray) -> float:
        return enumerated(values[:2], values[2:])

    return np.array([(at(both + move) - at(both - move)) / (2 * step) for move in moves])


@each_engine
@pytest.mark.parametrize("objective", [VIMCO(K), RWS(K)], ids=["VIMCO", "RWS"])
def test_gradients_are_those_of_enumeration(engine: str, objective: Any) -> None:
    values, found = gradients(engine, objective)
    assert np.isneginf(values).all()  # a row whose draws are all impossible is in every call
    assert np.isfinite(found).all()
    counted = slice(0, 5) if isinstance(objective, VIMCO) else slice(0, 2)
    error = found.std(0, ddof=1) / np.sqrt(SETS)
    # Six errors with 39 degrees of freedom are 5e-7; 14 such numbers fail once in 100,000 runs.
    np.testing.assert_array_less(abs(found.mean(0) - slopes())[counted], 6 * error[counted] + 1e-6)


def discrete(engine: str, *, one_hot: bool, both: bool) -> Any:
    """The same program; the guide excludes the third state, as the model does, or proposes it."""
    words = Words(engine)
    library: Any = words.library
    joined: Any = torch.cat if engine == "pyro" else jnp.concatenate
    softmax: Any = (lambda a: torch.softmax(a, -1)) if engine == "pyro" else jax.nn.softmax

    def law(logits: Any, *, excludes: bool) -> Any:
        """NumPyro's own checks take no logit of -inf; torch makes small probabilities of none."""
        if engine == "pyro":
            known = joined([logits, words.array([-np.inf])]) if excludes else logits
            kind: Any = pdist.OneHotCategorical if one_hot else pdist.Categorical
            return kind(logits=known)
        probs = softmax(logits)
        probs = joined([probs, words.array([0.0])]) if excludes else probs
        return ndist.Multinomial(1, probs=probs) if one_hot else ndist.Categorical(probs=probs)

    def model(x: Any) -> None:
        prior = library.param("prior", words.array(PRIOR))
        with library.plate("data", len(x)):
            k = library.sample("k", law(prior, excludes=True))
            means = words.array(MEANS)
            library.sample(
                "x", words.dist.Normal((k * means).sum(-1) if one_hot else means[k], 1.0), obs=x
            )

    def guide(x: Any) -> None:
        logits = library.param("guide", words.array(GUIDE[:2] if both else GUIDE))
        with library.plate("data", len(x)):
            library.sample("k", law(logits, excludes=both))

    return SimpleNamespace(engine=engine, model=model, guide=guide)


def slopes_of_the_elbo() -> dict[str, np.ndarray]:
    """Of sum_k q_k (log p_k - log q_k) over the two states that are left."""
    log_p = PRIOR - logsumexp(PRIOR) - 0.5 * (X[0] - MEANS[:2]) ** 2
    log_q = GUIDE[:2] - logsumexp(GUIDE[:2])
    q, cost = np.exp(log_q), log_p - log_q
    prior = np.exp(PRIOR - logsumexp(PRIOR))
    return {"prior": q - prior, "guide": q * (cost - (q * cost).sum())}


OF_INTEGERS = (ELBO(), ELBO(2, analytic_kl=False), RLOO(2), NVIL(normalise=False), Enumerated())
OF_ONE_HOT = (ELBO(), REBAR(), RELAX())


@each_engine
@pytest.mark.parametrize(
    ("one_hot", "objective"),
    [(one_hot, each) for one_hot in (False, True) for each in (OF_INTEGERS, OF_ONE_HOT)[one_hot]],
    ids=repr,
)
def test_states_that_both_sides_exclude_count_for_nothing(
    engine: str, one_hot: bool, objective: Any
) -> None:
    made = discrete(engine, one_hot=one_hot, both=True)
    found, losses = load_engine(engine).gradients(made, objective, (X,), SETS)
    assert np.isfinite(losses).all()
    for name, expected in slopes_of_the_elbo().items():
        sampled = -found[name] / ROWS
        error = sampled.std(0, ddof=1) / np.sqrt(SETS)
        # As above; 56 such numbers.
        np.testing.assert_array_less(abs(sampled.mean(0) - expected), 6 * error + 1e-5)


@each_engine
@pytest.mark.parametrize(
    "objective", [*OF_INTEGERS, WakeSleep(), REBAR(), RELAX(), Concrete(0.5)], ids=repr
)
def test_states_that_the_model_alone_excludes_make_the_bound_minus_infinity(
    engine: str, objective: Any
) -> None:
    """And no gradient NaN, but for relaxed draws, which take a little of every state."""
    one_hot = isinstance(objective, REBAR | Concrete)
    made = discrete(engine, one_hot=one_hot, both=False)
    found, losses = load_engine(engine).gradients(made, objective, (X,), 4)
    assert np.isposinf(losses).all()
    if not isinstance(objective, Concrete):
        assert all(np.isfinite(each).all() for each in found.values())


@each_engine
@pytest.mark.parametrize("objective", [STL(3), DReG(3), TailAdaptive(3)], ids=repr)
def test_pathwise_draws_without_a_density(engine: str, objective: Any) -> None:
    """A prior on an interval, of which the guide leaves the inside: -inf, and finite gradients."""
    words = Words(engine)

    class Interval(words.dist.Normal):
        """Uniform on [-1, 1], on the whole line; NumPyro's own is constant outside of it."""

        def log_prob(self, value: Any) -> Any:
            return words.array([-np.inf, -np.log(2)])[1 * (abs(value) < 1)]

    def model(x: Any) -> None:
        with words.plate("data", len(x)):
            z = words.sample("z", Interval(0 * x, 1.0))
            words.sample("x", words.dist.Normal(z, 1.0), obs=x)

    def guide(x: Any) -> None:
        a = words.library.param("a", words.array(0.5))
        with words.plate("data", len(x)):
            words.sample("z", words.dist.Normal(a * x, 1.0))

    pair = SimpleNamespace(engine=engine, model=model, guide=guide)
    found, losses = load_engine(engine).gradients(pair, objective, (X,), 4)
    assert np.isposinf(losses).all()
    assert np.isfinite(found["a"]).all()
    assert (found["a"] != 0).all()
