"""Belief nets against sums over all states, written in numpy."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rows import ENGINES
from scipy.special import log_expit
from scipy.stats import chi2
from scoring import kernel_names, log_densities, numpyro_site_params

from inference import Enumerated, log_likelihood, valid_objectives
from inference.engines import load_engine
from inference.engines.numpyro.pairs import StoredPair
from inference.engines.numpyro.parameters import flatten, parameters, stored
from inference.engines.pyro.parameters import rebuild
from ppl_models import create

DATA, LATENT = 4, (3, 2)
VARIANTS = {
    "binary": {},
    "signed": {"units": "signed"},
    "autoregressive": {"units": "signed", "autoregressive": True, "guide": "autoregressive"},
}
RATE = 1e-5


def states(size: int) -> NDArray[np.float32]:
    return np.array(list(itertools.product([0.0, 1.0], repeat=size)), dtype=np.float32)


def moved(engine: str, variant: str, seed: int = 3) -> tuple[Any, dict[str, NDArray[Any]]]:
    """A pair with random parameters, and these as numpy arrays in torch's layout."""
    options = {"data_dim": DATA, "latent_dims": LATENT, **VARIANTS[variant]}
    ours: Any = create("sigmoid_belief", engine="numpyro", **options)
    x = states(DATA)[:1]
    template = numpyro_site_params(ours, (x,))
    random = np.random.default_rng(seed)
    values = {
        name: random.normal(size=value.shape).astype(np.float32)
        for name, value in flatten(template).items()
    }
    fitted: Any = stored(ours, values, template)
    named = kernel_names(parameters(fitted))
    if engine == "pyro":
        fitted = rebuild(create("sigmoid_belief", engine="pyro", **options), named, (x,))
    return fitted, {name: value.astype(np.float64) for name, value in named.items()}


def layer(
    values: dict[str, NDArray[Any]], name: str, below: Any, units: Any, *, signed: bool
) -> NDArray[Any]:
    """log p(units | below), unit by unit in a loop; data, the lowest layer, are never signed."""

    def seen(value: Any, *, data: bool) -> Any:
        return 2 * value - 1 if signed and not data else value

    total = 0.0
    for i in range(units.shape[-1]):
        logit = values[f"{name}.bias"][i]
        if below is not None:
            logit = logit + seen(below, data=name == "encoder.0") @ values[f"{name}.weight"][i]
        for j in range(i):
            if f"{name}.lateral" in values:
                logit = logit + values[f"{name}.lateral"][i, j] * seen(
                    units[..., j], data=name == "decoder.0"
                )
        total = total + np.where(units[..., i] == 1, log_expit(logit), log_expit(-logit))
    return np.asarray(total)


def exact(
    values: dict[str, NDArray[Any]], x: Any, h1: Any, h2: Any, *, signed: bool
) -> tuple[NDArray[Any], NDArray[Any]]:
    log_p = (
        layer(values, "decoder.2", None, h2, signed=signed)
        + layer(values, "decoder.1", h2, h1, signed=signed)
        + layer(values, "decoder.0", h1, x, signed=signed)
    )
    log_q = layer(values, "encoder.0", x, h1, signed=signed) + layer(
        values, "encoder.1", h1, h2, signed=signed
    )
    return log_p, log_q


def everything() -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Every joint state of x, h1, h2."""
    joint = states(DATA + sum(LATENT))
    return joint[:, :DATA], joint[:, DATA : DATA + LATENT[0]], joint[:, DATA + LATENT[0] :]


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("engine", ENGINES)
def test_every_joint_state_has_the_right_density(engine: str, variant: str) -> None:
    pair, values = moved(engine, variant)
    x, h1, h2 = everything()
    log_p, log_q = log_densities(pair, (x,), {"h1": h1, "h2": h2})
    expected = exact(values, x, h1, h2, signed=variant != "binary")
    np.testing.assert_allclose(log_p, expected[0], rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(log_q, expected[1], rtol=1e-4, atol=1e-4)
    assert np.exp(log_p.astype(np.float64)).sum() == pytest.approx(1, abs=1e-5)
    assert np.exp(log_q.astype(np.float64)).sum() == pytest.approx(len(states(DATA)), rel=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_units_are_drawn_with_their_probabilities(engine: str) -> None:
    """Pearson's chi-squared over all states of x, 20,000 draws, false-failure rate 1e-5.

    Drawing the units in the wrong order or from the wrong row of the lateral weights fails it.
    """
    pair, values = moved(engine, "autoregressive")
    count = 20_000
    draws = load_engine(engine).draw(pair, count, 0)[1]
    x, h1, h2 = everything()
    joint = np.exp(exact(values, x, h1, h2, signed=True)[0])
    expected = count * joint.reshape(len(states(DATA)), -1).sum(1)
    codes = (draws @ 2 ** np.arange(DATA)[::-1]).astype(int)
    found = np.bincount(codes, minlength=len(expected))
    wrong = expected[np.random.default_rng(0).permutation(len(expected))]
    limit = chi2.isf(RATE, len(expected) - 1)
    assert ((found - expected) ** 2 / expected).sum() < limit
    assert ((found - wrong) ** 2 / wrong).sum() > limit


@pytest.mark.parametrize("engine", ENGINES)
def test_the_guide_is_drawn_with_its_probabilities(engine: str) -> None:
    """The mean weight p/q is p(x) within 5 standard errors, 200,000 draws (rate 6e-7)."""
    pair, values = moved(engine, "autoregressive")
    x, h1, h2 = everything()
    joint = np.exp(exact(values, x, h1, h2, signed=True)[0])
    evidence = joint.reshape(len(states(DATA)), -1).sum(1)
    chosen = int(evidence.argmax())
    copies = np.repeat(states(DATA)[chosen : chosen + 1], 2000, axis=0)
    weights = np.exp(log_likelihood(pair, copies, 100, seed=1).per_datum)
    error = weights.std(ddof=1) / np.sqrt(len(weights))
    assert abs(weights.mean() - evidence[chosen]) < 5 * error < 0.2 * evidence[chosen]


@pytest.mark.parametrize("engine", ENGINES)
def test_enumeration_gives_the_exact_bound(engine: str) -> None:
    pair, values = moved(engine, "signed")
    x, h1, h2 = everything()
    log_p, log_q = exact(values, x, h1, h2, signed=True)
    elbo = (np.exp(log_q) * (log_p - log_q)).reshape(len(states(DATA)), -1).sum(1)
    negative = load_engine(engine).gradients(pair, Enumerated(), (states(DATA),), 1)[1]
    assert -negative[0] == pytest.approx(elbo.sum(), rel=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_objectives_that_need_independent_units_say_so(engine: str) -> None:
    refused = valid_objectives(moved(engine, "autoregressive")[0], states(DATA)).refused
    for name in ("Concrete", "REBAR", "RELAX", "DisARM", "Enumerated"):
        assert "'h1'" in refused[name]
    assert not {"NVIL", "VIMCO", "RLOO", "RWS", "WakeSleep"} & set(refused)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"latent_dims": ()}, "latent_dims must name at least one layer"),
        ({"latent_dims": (3, 0)}, "every entry of latent_dims must be .* at least 1, got 0"),
        ({"latent_dims": 200}, "latent_dims must be a sequence"),
        ({"units": "spin"}, "units must be one of binary, signed; got 'spin'"),
        ({"guide": "mean-field"}, "guide must be one of factorial, autoregressive"),
        ({"autoregressive": 1}, "autoregressive must be True or False, got 1"),
        ({"data_mean": [0.5]}, r"data_mean must have shape \(784,\)"),
    ],
)
def test_bad_arguments_are_named(engine: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        create("sigmoid_belief", engine=engine, **options)


def test_stored_pairs_keep_the_lateral_weights() -> None:
    pair, values = moved("numpyro", "autoregressive")
    assert isinstance(pair, StoredPair)
    assert {name for name in values if name.endswith("lateral")} == {
        *(f"decoder.{depth}.lateral" for depth in range(3)),
        *(f"encoder.{depth}.lateral" for depth in range(2)),
    }
