"""Rows that hang together by their latents: no weight, and no score, is of one row alone."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from plated import VALUES, Plated, Words, X, log_bernoulli, log_normal
from rows import ENGINES
from scipy.stats import multivariate_normal

from inference import fit, valid_objectives
from inference.engines import load_engine
from inference.errors import ObjectiveError
from inference.estimators.certificate.certify import deviations
from inference.objectives import ELBO, IWAE, RLOO, RWS, Concrete, Enumerated, Objective, WakeSleep

ROWS = X.astype(np.float32)
SQUARE = np.tril(np.ones((4, 4), dtype=np.float32))


def library(words: Words) -> Any:
    if words.library.__name__ == "pyro":
        import torch

        return torch
    import jax.numpy as jnp

    return jnp


def together(words: Words) -> dict[str, Callable[[Any], Any]]:
    """Ways from a latent of each row, (4,), to what depends on those of other rows."""
    np_ = library(words)
    return {
        "walk": lambda z: np_.cumsum(z, 0),
        "roll": lambda z: z + np_.roll(z, 1),
        "mean": lambda z: z - z.mean(),
        "matrix": lambda z: words.array(SQUARE) @ z,
        "slices": lambda z: z * z[0],
        "reshaped": lambda z: (z.reshape(2, 2).T + 0 * z.reshape(2, 2)).reshape(4),
    }


def apart(words: Words) -> dict[str, Callable[[Any], Any]]:
    """Ways that leave rows apart."""
    np_ = library(words)
    return {
        "itself": lambda z: z,
        "walk within a row": lambda z: np_.cumsum(np_.stack([z, z, z], -1), -1)[..., -1],
        "layer": lambda z: (np_.tanh(z[..., None] * words.array(np.ones(7)))).sum(-1),
        "layers": lambda z: (
            np_.stack([z, z * z], -1) @ words.array(np.ones((2, 7))) @ words.array(np.ones((7, 1)))
        )[..., 0],
        "softmax": lambda z: np_.exp(z) / np_.stack([np_.exp(z), np_.exp(-z)], -1).sum(-1),
        "image": lambda z: np_.stack([z] * 6, -1).reshape(4, 2, 3).sum(-1).sum(-1),
    }


def pair(engine: str, way: Callable[[Any], Any], *, discrete: bool = False) -> Any:
    """z_n of each row in a plate, x_n ~ N(w way(z)_n, 1)."""
    words = Words(engine)

    def law(mean: Any) -> Any:
        return words.bernoulli(mean) if discrete else words.dist.Normal(mean, 1.0)

    def model(x: Any) -> None:
        w, p = words.params("wp")
        with words.plate("data", len(x)):
            z = words.sample("z", law(p + 0 * x))
            words.sample("x", words.dist.Normal(w * way(z), 1.0), obs=x)

    def guide(x: Any) -> None:
        a, s = words.params("as")
        with words.plate("data", len(x)):
            words.sample("z", law(a * x + s))

    return SimpleNamespace(engine=engine, model=model, guide=guide)


def trains(pair: Any, objective: Objective) -> None:
    fit(pair, ROWS, objective=objective, steps=1, batch_size=4, progress=False)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("way", together(Words("pyro")))
def test_weights_are_refused_and_a_pathwise_bound_is_not(way: str, engine: str) -> None:
    tied = pair(engine, together(Words(engine))[way])
    if engine == "numpyro":
        probe = load_engine(engine).Probe(tied, (ROWS,))
        assert probe.may_mix_rows(probe.structure().latents, 4)
        if way not in ("walk", "reshaped"):  # what follows is the same on both
            return
    valid = valid_objectives(tied, ROWS).valid
    assert {"ELBO", "RLOO", "WakeSleep"} <= set(valid)
    assert not {"IWAE", "VIMCO", "RWS", "TVO"} & set(valid)
    if way == "walk":
        with pytest.raises(
            ObjectiveError, match=r"IWAE.* a weight of each row's own.*use ELBO\(\)"
        ):
            trains(tied, IWAE(2))
        with pytest.raises(ObjectiveError, match="weight of each row's own"):
            fit(tied, ROWS, steps=1, valid=ROWS, valid_objective=IWAE(2), progress=False)
        trains(tied, IWAE(1))
        trains(tied, RLOO(2))


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("way", apart(Words("pyro")))
def test_rows_that_are_apart_are_not_blamed(way: str, engine: str) -> None:
    free = pair(engine, apart(Words(engine))[way])
    if engine == "pyro":
        assert "IWAE" in valid_objectives(free, ROWS).valid
    else:  # told at a glance, so that nothing is compiled for it
        probe = load_engine(engine).Probe(free, (ROWS,))
        assert not probe.may_mix_rows(probe.structure().latents, 4)


def test_such_weights_make_no_bound() -> None:
    """At a guide that serves each row as if it were alone the bound lies above log p(x)."""
    tied = pair("pyro", together(Words("pyro"))["walk"])
    steps = VALUES["w"] * SQUARE
    covariance: Any = steps @ steps.T + np.eye(4)
    x = np.array([4.0, -4.0, 4.0, -4.0], dtype=np.float32)
    exact = multivariate_normal(VALUES["p"] * steps.sum(1), covariance).logpdf(x)
    losses = load_engine("pyro").gradients(tied, IWAE(200), (x,), 20)[1]
    assert -losses.mean() > exact + 1


@pytest.mark.parametrize("engine", ENGINES)
def test_scores_and_sums_of_single_rows_are_refused(engine: str) -> None:
    tied = pair(engine, together(Words(engine))["walk"], discrete=True)
    for objective in (ELBO(), RLOO(2), Enumerated(), RWS(2)):
        with pytest.raises(ObjectiveError, match=r"'z' by the costs of their own rows"):
            trains(tied, objective)
    trains(tied, WakeSleep())
    trains(tied, Concrete())


def walk_of_bits(*, one_event: bool) -> Plated:
    """b_n ~ B(p), x_n ~ N(w (b_1 + .. + b_n), 1): as rows, or as one datum."""

    def build(words: Words) -> Any:
        def of(law: Any) -> Any:
            return law.to_event(1) if one_event else law

        def model(x: Any) -> None:
            w, p = words.params("wp")
            with words.plate("data", 1 if one_event else 4):
                b = words.sample("b", of(words.bernoulli(p + 0 * x)))
                law = words.dist.Normal(w * library(words).cumsum(b, -1), 1.0)
                words.sample("x", of(law), obs=x)

        def guide(x: Any) -> None:
            a, s = words.params("as")
            with words.plate("data", 1 if one_event else 4):
                words.sample("b", of(words.bernoulli(a * x + s)))

        return model, guide

    def exact(v: Any) -> float:
        total = 0.0
        for bits in itertools.product((0, 1), repeat=4):
            log_q = log_bernoulli(np.array(bits), v["a"] * X + v["s"]).sum()
            log_p = log_bernoulli(np.array(bits), v["p"]).sum()
            log_p += log_normal(X, v["w"] * np.cumsum(bits)).sum()
            total += np.exp(log_q) * (log_p - log_q)
        return float(total)

    return Plated(build, exact, "wpas", X)


@pytest.mark.parametrize("engine", ENGINES)
def test_as_one_datum_the_score_is_right(engine: str) -> None:
    """What the refusal says to write; as rows the score is off by five errors and more."""
    draws = {"numpyro": 3_000, "pyro": 500}[engine]
    found = []
    for one_event in (True, False):
        program = walk_of_bits(one_event=one_event)
        batch = (ROWS[None] if one_event else ROWS,)
        grads, _ = load_engine(engine).gradients(program.pair(engine), RLOO(2), batch, draws)
        found.append(deviations(grads, program.gradient).max())
    assert found[0] < 4.5 < found[1]


def test_batch_normalisation_is_noise_in_training() -> None:
    """It ties rows by statistics of which it keeps running averages."""
    import torch
    from torch import nn

    words, decoder = Words("pyro"), nn.Sequential(nn.Linear(2, 3), nn.BatchNorm1d(3))
    x = np.random.default_rng(0).normal(size=(8, 3)).astype(np.float32)

    def model(x: Any) -> None:
        words.library.module("decoder", decoder)
        with words.plate("data", len(x)):
            z = words.sample("z", words.dist.Normal(torch.zeros(2), 1.0).to_event(1))
            words.sample("x", words.dist.Normal(decoder(z), 1.0).to_event(1), obs=x)

    def guide(x: Any) -> None:
        a, s = words.params("as")
        with words.plate("data", len(x)):
            words.sample("z", words.dist.Normal(a * x[:, :2] + s, 1.0).to_event(1))

    assert "IWAE" in valid_objectives((model, guide), x, engine="pyro").valid
