"""Pseudo-likelihood, noise-contrastive estimation and score matching against closed forms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import small_rbm as rbm
from rows import ENGINES
from scipy.special import expit

from inference import NCE, PseudoLikelihood, ScoreMatching, valid_objectives
from inference.engines import load_engine
from inference.errors import ArgumentError
from ppl_models import create

VALUES = {name: value.astype(np.float32) for name, value in rbm.parameters().items()}
EXACT = {name: value.astype(np.float64) for name, value in VALUES.items()}
DATA = rbm.STATES[np.random.default_rng(3).integers(0, 256, 12)].astype(np.float32)
REAL = np.random.default_rng(5).normal(size=(10, 3)).astype(np.float32)
each_engine = pytest.mark.parametrize("engine", ENGINES)


def binary(engine: str) -> Any:
    return create("rbm", engine=engine, **rbm.SETTINGS)


def gaussian(engine: str) -> Any:
    return create(
        "rbm", engine=engine, data_dim=3, hidden_dim=2, visible="gaussian-variance", centred=False
    )


def climbed(engine: str, pair: Any, objective: Any, rows: Any, repeats: int, **values: Any) -> Any:
    """Gradients and values of what is climbed, summed over the rows."""
    found, losses = load_engine(engine).gradients(pair, objective, (rows,), repeats, values=values)
    return {name: -np.asarray(each, np.float64) for name, each in found.items()}, -losses


def log_chances(values: dict[str, Any], rows: Any) -> float:
    """sum_i log p(v_i | others), summed over the rows."""
    total = 0.0
    for place in range(rbm.VISIBLE):
        turned = rows.copy()
        turned[:, place] = 1 - turned[:, place]
        apart = rbm.log_factor(values, rows) - rbm.log_factor(values, turned)
        total += np.log(expit(apart)).sum()
    return float(total)


@each_engine
def test_the_pseudo_likelihood_and_its_gradient_are_exact(engine: str) -> None:
    """Against flips in numpy, and central differences of them; random entries on average."""
    rows = DATA.astype(np.float64)
    found, values = climbed(engine, binary(engine), PseudoLikelihood(), DATA, 1, **VALUES)
    assert values[0] == pytest.approx(log_chances(EXACT, rows), rel=1e-5)
    for name in ("weight", "visible_bias", "hidden_bias"):
        for entry in ((0,) * EXACT[name].ndim, (-1,) * EXACT[name].ndim):
            up, down = ({**EXACT, name: EXACT[name].copy()} for _ in range(2))
            up[name][entry] += 1e-5
            down[name][entry] -= 1e-5
            slope = (log_chances(up, rows) - log_chances(down, rows)) / 2e-5
            assert found[name][0][entry] == pytest.approx(slope, rel=2e-3, abs=1e-3)
    _, some = climbed(engine, binary(engine), PseudoLikelihood(2), DATA, 150, **VALUES)
    error = some.std(ddof=1) / np.sqrt(len(some))
    assert abs(some.mean() - values[0]) < 5 * error


@each_engine
@pytest.mark.parametrize("kind", ["marginals", "a pair"])
def test_noise_contrast_is_still_at_the_truth(engine: str, kind: str) -> None:
    """At c = -log Z and the model's own draws its mean gradient is zero, of 12,000 rows.

    That of the constant within 5 of its largest standard errors (rate 6e-7); a constant that is
    left out is far from it.
    """
    random, law = np.random.default_rng(0), rbm.probabilities(EXACT)
    mean = (law[:, None] * rbm.STATES).sum(0)
    owned = {"state.mean": mean, "state.count": np.array(1e6), "state.square": mean}
    rows = rbm.STATES[random.choice(256, 12_000, p=law)].astype(np.float32)
    pair = create("nade", engine=engine, data_dim=8, hidden_dim=3)
    noise = "marginals" if kind == "marginals" else pair
    for constant, still in ((-rbm.log_partition(EXACT), True), (0.0, False)):
        given = {**VALUES, **owned, "log_constant": np.array(constant)}
        if kind != "marginals":
            given = {name: value for name, value in given.items() if name not in owned}
        found, _ = climbed(engine, binary(engine), NCE(4, noise), rows, 4, **given)
        slopes = {name: each / len(rows) for name, each in found.items()}
        (name,) = (each for each in slopes if "log_constant" in each)
        spread = np.sqrt(0.25 / len(rows))  # of the data's part, at most
        assert (abs(slopes[name].mean()) < 5 * spread) == still


@each_engine
@pytest.mark.parametrize("kind", ["denoising", "sliced"])
def test_score_matching_is_its_closed_form(engine: str, kind: Any) -> None:
    """Without weights the machine is a Gaussian; with them the slope's divergence is known."""
    noise = np.random.default_rng(1)
    b, log_scale = noise.normal(size=3), 0.2 * noise.normal(size=3)
    weight = (0.7 if kind == "sliced" else 0.0) * noise.normal(size=(3, 2))
    values = {"weight": weight, "visible_bias": b, "hidden_bias": noise.normal(size=2)}
    values["log_scale"] = log_scale
    precision, rows, scale = np.exp(-2 * log_scale), REAL.astype(np.float64), 0.3
    copies = np.repeat(REAL, 100, 0)
    _, found = climbed(engine, gaussian(engine), ScoreMatching(kind, scale), copies, 60, **values)
    on = expit(rows * precision @ weight + values["hidden_bias"])
    slope = precision * (b - rows + on @ weight.T)
    if kind == "denoising":
        exact = -0.5 * (scale**2 * slope**2 + (1 - scale**2 * precision) ** 2)
    else:
        curve = (precision[:, None] * weight) ** 2 @ (on * (1 - on)).T
        exact = -(curve.T - precision) - 0.5 * slope**2
    found = found / 100
    error = found.std(ddof=1) / np.sqrt(len(found))
    assert abs(found.mean() - exact.sum()) < 6 * error < 0.15 * abs(exact.sum())


@each_engine
def test_which_takes_which_data(engine: str) -> None:
    of_binary = valid_objectives(binary(engine), DATA)
    assert set(of_binary.valid) == {"CD", "PseudoLikelihood", "NCE"}
    assert "slope of a density by the data" in of_binary.refused["ScoreMatching"]
    of_real = valid_objectives(gaussian(engine), REAL)
    assert set(of_real.valid) == {"CD", "PseudoLikelihood", "NCE", "ScoreMatching"}
    vae = create("vae", engine=engine, data_dim=8, latent_dim=2, hidden=(3,))
    refused = valid_objectives(vae, DATA).refused
    for name in ("CD", "PseudoLikelihood", "NCE", "ScoreMatching"):
        assert "every density of this model integrates to one" in refused[name]


def test_bad_arguments_are_named() -> None:
    wrong: Any = "implicit"
    for make, words in (
        (lambda: NCE(0), "ratio must be a whole number"),
        (lambda: NCE(noise="uniform"), "noise must be 'marginals' or a fitted pair"),
        (lambda: PseudoLikelihood(0), "sites must be a whole number"),
        (lambda: ScoreMatching(wrong), "kind must be one of denoising, sliced"),
        (lambda: ScoreMatching(noise_scale=0.0), "noise_scale must be a positive number"),
    ):
        with pytest.raises(ArgumentError, match=words):
            make()
