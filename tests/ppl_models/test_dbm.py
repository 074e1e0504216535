"""Deep Boltzmann machines of 4-3-2 and 3-2-2 units against sums over all their states."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from rows import ENGINES
from scipy.special import expit
from small_rbm import states

from inference import CD, fit, log_likelihood, log_partition, valid_objectives
from inference.engines import load_engine
from inference.errors import ObjectiveError
from ppl_models import create

SIZES = ((4, 3, 2), (3, 2, 2))
COPIES, REPEATS, LIMIT = 250, 40, 6.0  # z of 31 means by 40 repeats: t with 39 degrees, 1e-5 in all
each_engine = pytest.mark.parametrize("engine", ENGINES)
each_size = pytest.mark.parametrize("sizes", SIZES)


def parameters(sizes: tuple[int, int, int]) -> dict[str, Any]:
    random = np.random.default_rng(sum(sizes))
    d, h, g = sizes
    shapes = {
        "weight_1": (d, h),
        "weight_2": (h, g),
        "data_bias": (d,),
        "bias_1": (h,),
        "bias_2": (g,),
    }
    drawn = {name: 1.2 * random.normal(size=shape) for name, shape in shapes.items()}
    return {name: value.astype(np.float32).astype(np.float64) for name, value in drawn.items()}


def joint(values: dict[str, Any], sizes: tuple[int, int, int]) -> Any:
    """log f(x, h1, h2) of all states, (2^D, 2^H1, 2^H2)."""
    x, h, g = map(states, sizes)
    below = (x @ values["data_bias"])[:, None] + x @ values["weight_1"] @ h.T
    above = (h @ values["bias_1"])[:, None] + h @ values["weight_2"] @ g.T
    return below[:, :, None] + above[None] + (g @ values["bias_2"])[None, None]


def pair(engine: str, sizes: tuple[int, int, int], **more: Any) -> Any:
    told = {"data_dim": sizes[0], "hidden_dims": sizes[1:], "centred": False, "burn_in": 60}
    made: Any = create("dbm", engine=engine, **{**told, **more})
    made.set_weights({n: v.astype(np.float32) for n, v in parameters(sizes).items()})
    return made


def log_p(sizes: tuple[int, int, int]) -> Any:
    every = joint(parameters(sizes), sizes)
    return np.logaddexp.reduce(every.reshape(len(every), -1), 1) - np.logaddexp.reduce(every, None)


def fixed_point(values: dict[str, Any], x: Any, sweeps: int = 200) -> Any:
    """Mean field: chances of h1 given x."""
    below = x @ values["weight_1"]
    found = expit(values["bias_1"] + 2 * below)
    for _ in range(sweeps):
        above = expit(values["bias_2"] + found @ values["weight_2"])
        found = expit(values["bias_1"] + below + above @ values["weight_2"].T)
    return found


@each_engine
@each_size
def test_likelihood_and_constant_are_sums_over_all_states(engine: str, sizes: Any) -> None:
    """3,000 draws for each x, within 5 of the mean's own standard errors (6e-7)."""
    x = states(sizes[0]).astype(np.float32)
    log_z = np.logaddexp.reduce(joint(parameters(sizes), sizes), None)
    assert log_partition(pair(engine, sizes), "exact").log_z == pytest.approx(log_z, rel=1e-5)
    found = log_likelihood(pair(engine, sizes, normaliser="exact"), x, 3000)
    assert abs(found.mean - log_p(sizes).mean()) < 5 * found.monte_carlo_error < 0.05
    annealed = log_partition(
        pair(engine, sizes), "ais", base="uniform", num_chains=400, num_temperatures=60
    )
    error = (annealed.upper - annealed.lower) / 6
    assert abs(annealed.log_z - log_z) < 5 * error < 0.2
    both = log_likelihood(pair(engine, sizes), x, 1000, method="ais", num_temperatures=100)
    assert abs(both.mean - log_p(sizes).mean()) < 0.2


@each_engine
@pytest.mark.parametrize("sizes", SIZES[:1])
def test_the_guide_is_the_fixed_point_and_its_bound_is_below(engine: str, sizes: Any) -> None:
    """The bound of all 2^H1 states, and one draw of 300 copies, within 5 standard errors."""
    values, x = parameters(sizes), states(sizes[0])
    mean, h = fixed_point(values, x), states(sizes[1])
    run = fit(
        pair(engine, sizes, normaliser="exact", sweeps=60),
        x.astype(np.float32),
        objective=CD(),
        steps=1,
        learning_rate=1e-9,
        progress=False,
    )
    np.testing.assert_allclose(run.latents(x.astype(np.float32))["h1"], mean, atol=1e-4)
    log_q = np.log(mean) @ h.T + np.log1p(-mean) @ (1 - h).T
    every = joint(values, sizes)
    log_f = np.logaddexp.reduce(every, 2) - np.logaddexp.reduce(every, None)
    bound = (np.exp(log_q) * (log_f - log_q)).sum(1)
    assert (bound <= log_p(sizes) + 1e-9).all()
    copies = np.repeat(x, 300, 0).astype(np.float32)
    found = log_likelihood(run, copies, 1).per_datum
    error = found.reshape(len(x), 300).std(1, ddof=1).mean() / np.sqrt(len(found))
    assert abs(found.mean() - bound.mean()) < 5 * error < 0.2


@each_engine
def test_the_mean_gradient_is_that_of_the_transition_matrix(engine: str) -> None:
    """Data at the guide less h1 after two steps, even layers and odd, from the guide's draws."""
    sizes = SIZES[0]
    values, (x, h, _) = parameters(sizes), map(states, sizes)
    rows = np.random.default_rng(3).integers(0, 16, 10)
    found, _ = load_engine(engine).gradients(
        pair(engine, sizes, sweeps=60),
        CD(2),
        (np.repeat(x[rows], COPIES, 0).astype(np.float32),),
        REPEATS,
    )
    mean = fixed_point(values, x)
    q = np.exp(np.log(mean) @ h.T + np.log1p(-mean) @ (1 - h).T)
    held = (np.bincount(rows, minlength=16) / 10)[:, None] * q  # of x and h1
    every = joint(values, sizes)
    law = np.exp(every - np.logaddexp.reduce(every, None))  # of all three
    marginal = law.sum((0, 2))
    up = (law / marginal[None, :, None]).transpose(1, 0, 2).reshape(len(h), -1)
    down = (law / law.sum(1, keepdims=True)).transpose(0, 2, 1).reshape(-1, len(h))
    np.testing.assert_allclose(marginal @ up @ down, marginal, atol=1e-12)
    ends = held.sum(0) @ np.linalg.matrix_power(up @ down, 2)
    top = expit(values["bias_2"] + h @ values["weight_2"])
    below = expit(values["data_bias"] + h @ values["weight_1"].T)
    apart = held.sum(0) - ends
    expected = {
        "weight_1": x.T @ held @ h - (below * ends[:, None]).T @ h,
        "data_bias": held.sum(1) @ x - ends @ below,
        "bias_1": apart @ h,
        "weight_2": (h * apart[:, None]).T @ top,
        "bias_2": apart @ top,
    }
    for name, each in found.items():
        each = -np.asarray(each) / (10 * COPIES)
        error = each.std(0, ddof=1) / np.sqrt(REPEATS) + 1e-6
        assert (abs(each.mean(0) - expected[name]) < LIMIT * error).all(), name


@each_engine
def test_centring_changes_no_law(engine: str) -> None:
    sizes, mean = SIZES[0], np.array([0.2, 0.5, 0.7, 0.9])
    moved = parameters(sizes)
    moved["bias_1"] = moved["bias_1"] - mean @ moved["weight_1"] - moved["weight_2"].sum(1) / 2
    moved["bias_2"] = moved["bias_2"] - moved["weight_2"].sum(0) / 2
    moved["data_bias"] = moved["data_bias"] - moved["weight_1"].sum(1) / 2
    log_z = np.logaddexp.reduce(joint(moved, sizes), None)
    made = pair(engine, sizes, centred=True, data_mean=mean)
    assert log_partition(made, "exact").log_z == pytest.approx(log_z, rel=1e-5)
    found = log_partition(made, "ais", num_chains=400, num_temperatures=60)  # from the data's mean
    assert abs(found.log_z - log_z) < 5 * (found.upper - found.lower) / 6 < 0.2


@each_engine
def test_a_tempered_machine_knows_which_units_are_data(engine: str) -> None:
    """At beta the log odds of x given h1 are beta (W1 h1 + b) + (1 - beta) logit(mean)."""
    sizes, values = SIZES[0], parameters(SIZES[0])
    mean = np.array([0.2, 0.4, 0.6, 0.7], np.float32)
    law = pair(engine, sizes, data_mean=mean).law()
    h = states(sizes[1])
    odds = np.log(mean) - np.log1p(-mean)
    for beta, tempered in ((0.3, law.tempered(0.3, law.base())), (0.0, law.base())):
        given = torch.tensor(h, dtype=torch.float32) if engine == "pyro" else h
        found = [
            np.asarray(to_numpy(part(given))) for part in (tempered.data_inputs, tempered.codes)
        ]
        wanted = beta * (h @ values["weight_1"].T + values["data_bias"]) + (1 - beta) * odds
        np.testing.assert_allclose(found[0], wanted, atol=1e-5)
        above = expit(beta * (h @ values["weight_2"] + values["bias_2"]))
        np.testing.assert_allclose(found[1], above, atol=1e-5)


def to_numpy(value: Any) -> Any:
    return value.detach().numpy() if isinstance(value, torch.Tensor) else value


@each_engine
def test_what_takes_it(engine: str) -> None:
    x = states(4).astype(np.float32)
    bare = valid_objectives(pair(engine, SIZES[0]), x)
    assert {"CD", "UpDown", "MultiPrediction"} == set(bare.valid)
    assert "'h1' says normalised = False" in bare.refused["ELBO"]
    assert {"ELBO", "RLOO"} <= set(
        valid_objectives(pair(engine, SIZES[0], normaliser="exact"), x).valid
    )
    with pytest.raises(ObjectiveError, match="'h1' says normalised = False"):
        log_likelihood(pair(engine, SIZES[0]), x)


@each_engine
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"hidden_dims": (5,)}, "hidden_dims must have 2 sizes, .* the model 'rbm'"),
        ({"hidden_dims": (5, 4, 3)}, "hidden_dims must have 2 sizes, .* 'dbn' takes more"),
        ({"normaliser": "exact"}, "normaliser='exact': .* smaller side, which has 500 units"),
        ({"sweeps": 0}, "sweeps must be a whole number"),
        ({"unroll": 1}, "unroll must be True or False"),
        ({"data_mean": [0.5]}, r"data_mean must have shape \(784,\)"),
    ],
)
def test_bad_arguments_are_named(engine: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        create("dbm", engine=engine, **options)
