"""Learning by the score of draws: mean gradients against a sum over all states."""

from __future__ import annotations

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import nnx
from rows import ENGINES, ROWS
from scipy.special import expit
from sequential_laws import put, states

from inference import MMD, Adversarial, fit, valid_objectives
from inference.engines import load_engine
from inference.errors import ObjectiveError
from ppl_models import create

DIM, REPEATS = 2, 500
X = np.repeat(states(DIM), [3, 1, 1, 3], axis=0)
WEIGHT, BIAS = np.array([[0.0, 0.0], [1.2, 0.0]]), np.array([0.6, -0.9])
SLOPE = np.array([1.5, -2.0])  # of a linear critic
both = pytest.mark.parametrize("engine", ENGINES)


def probabilities(weight: Any, bias: Any) -> Any:
    """Of all four states."""
    x = states(DIM)
    logits = x @ weight.T + bias
    return np.where(x == 1, expit(logits), expit(-logits)).prod(1)


def exact(function: Any) -> list[float]:
    """The derivatives of f(p) by the slope of x2 on x1 and by the two biases."""
    step, found = 1e-5, []
    for place in range(3):
        ends = []
        for sign in (1, -1):
            weight, bias = WEIGHT.copy(), BIAS.copy()
            if place == 0:
                weight[1, 0] += sign * step
            else:
                bias[place - 1] += sign * step
            ends.append(function(probabilities(weight, bias)))
        found.append((ends[0] - ends[1]) / (2 * step))
    return found


def estimates(engine: str, objective: Any, x: Any = X) -> list[Any]:
    """REPEATS estimates of each."""
    pair = create("fully_visible", engine=engine, data_dim=DIM)
    put(pair, WEIGHT, BIAS)
    gradients, _ = load_engine(engine).gradients(pair, objective, (x,), REPEATS)
    gradients = {n: g for n, g in gradients.items() if n.startswith("network")}
    name, other = sorted(gradients, key=lambda name: "bias" in name)
    slope = gradients[name][:, 1, 0] if engine == "pyro" else gradients[name][:, 0, 1]
    return [slope, gradients[other][:, 0], gradients[other][:, 1]]


def check(found: list[Any], expected: list[float]) -> None:
    """Each mean within 5 standard errors (rate 6e-7), which resolve a seventh of the largest."""
    largest = max(map(abs, expected))
    for values, truth in zip(found, expected, strict=True):
        error = values.std(ddof=1) / np.sqrt(len(values))
        assert abs(values.mean() - truth) < 5 * error
        assert error < 0.15 * largest


@both
@pytest.mark.parametrize("unbiased", [True, False])
def test_mmd_has_the_exact_gradient_on_average(engine: str, unbiased: bool) -> None:
    """That of E MMD^2 over all states; 500 estimates of 8 draws each."""
    square = ((states(DIM)[:, None] - states(DIM)) ** 2).sum(-1)
    kernel, q = np.exp(-square / 2), np.array([3, 1, 1, 3]) / 8
    among = 1.0 if unbiased else 7 / 8

    def value(p: Any) -> float:  # times the number of data, as the loss counts it
        return len(X) * float(among * p @ kernel @ p - 2 * p @ kernel @ q)

    objective = MMD(bandwidths=1.0, unbiased=unbiased, draw="score")
    check(estimates(engine, objective), exact(value))


@both
def test_two_rows_of_data_are_compared_with_enough_draws(engine: str) -> None:
    """A minibatch of two has the exact gradient, too: it had none, and said nothing."""
    kernel = np.exp(-((states(DIM)[:, None] - states(DIM)) ** 2).sum(-1) / 2)
    found = estimates(engine, MMD(bandwidths=1.0, draw="score"), X[[-1, -1]])
    check(found, exact(lambda p: 2 * float(p @ kernel @ p - 2 * p @ kernel[-1])))


def critic(engine: str) -> Any:
    if engine == "pyro":
        net = torch.nn.Linear(DIM, 1)
        with torch.no_grad():
            net.weight.copy_(torch.tensor(SLOPE[None]))
            net.bias.zero_()
        return net
    net = nnx.Linear(DIM, 1, rngs=nnx.Rngs(0))
    net.kernel = nnx.Param(jnp.asarray(SLOPE[:, None], jnp.float32))
    return net


@both
@pytest.mark.parametrize("loss", ["minimax", "wasserstein"])
def test_the_generator_has_the_exact_gradient_on_average(engine: str, loss: str) -> None:
    """That of its loss summed over all states, at a critic that is held; 500 estimates."""
    scores = states(DIM) @ SLOPE
    each = {
        "minimax": -np.logaddexp(0, scores),
        "wasserstein": -scores,
    }[loss]
    settings: dict[str, Any] = {"gradient_penalty": 1.0} if loss == "wasserstein" else {}
    objective = Adversarial(critic(engine), loss, draw="score", **settings)
    check(estimates(engine, objective), exact(lambda p: len(X) * float(p @ each)))


def of_belief_net(values: dict[str, Any]) -> Any:
    """p(x) of all four states, with both hidden units summed out."""
    h, x = states(DIM), states(DIM)
    prior = np.where(h == 1, expit(values["decoder.1.bias"]), expit(-values["decoder.1.bias"]))
    logits = h @ values["decoder.0.weight"].T + values["decoder.0.bias"]
    given = np.where(x[:, None] == 1, expit(logits), expit(-logits)).prod(-1)
    return given @ prior.prod(-1)


def of_machine(values: dict[str, Any]) -> Any:
    """p(x) of all four states, with the hidden units and the normaliser summed."""
    x = states(DIM)
    log_f = x @ values["visible_bias"]
    log_f = log_f + np.logaddexp(0, x @ values["weight"] + values["hidden_bias"]).sum(1)
    return np.exp(log_f - np.logaddexp.reduce(log_f))


LAWS: dict[str, tuple[dict[str, Any], Any]] = {
    "sigmoid_belief": ({"latent_dims": (DIM,)}, of_belief_net),
    "rbm": ({"hidden_dim": DIM, "centred": False, "burn_in": 20}, of_machine),
}


def of_critic(p: Any) -> float:
    """The generator's loss by a critic that is held."""
    return float(p @ -np.logaddexp(0, states(DIM) @ SLOPE))


def of_kernel(p: Any) -> float:
    """MMD^2 to the data, up to what p does not change."""
    kernel = np.exp(-((states(DIM)[:, None] - states(DIM)) ** 2).sum(-1) / 2)
    return float(p @ kernel @ p - 2 * p @ kernel @ (np.array([3, 1, 1, 3]) / 8))


@both
@pytest.mark.parametrize(
    ("model", "by"), [("sigmoid_belief", "critic"), ("rbm", "critic"), ("rbm", "kernel")]
)
def test_hidden_units_and_energies_learn_by_scores(engine: str, model: str, by: str) -> None:
    """The mean of 300 estimates of 8 draws, of every parameter of the model, against a sum.

    Of an energy log p is known up to log Z, which weights that sum to zero leave out.
    """
    settings, law = LAWS[model]
    pair = create(model, engine=engine, data_dim=DIM, **settings)
    random = np.random.default_rng(4)
    held = {name: random.normal(size=v.shape) for name, v in sorted(pair.get_weights().items())}
    pair.set_weights({name: value.astype(np.float32) for name, value in held.items()})
    objective: Any = MMD(bandwidths=1.0, draw="score")
    if by == "critic":
        objective = Adversarial(critic(engine), "minimax", draw="score")
    exact_value = of_critic if by == "critic" else of_kernel
    found, _ = load_engine(engine).gradients(pair, objective, (X,), 300)
    for name in (name for name in held if not name.startswith("encoder")):
        for place in np.ndindex(held[name].shape):
            ends = []
            for sign in (1, -1):
                values = {n: v.copy() for n, v in held.items()}
                values[name][place] += sign * 1e-5
                ends.append(len(X) * exact_value(law(values)))
            estimates = found[name][:, *place]
            error = estimates.std(ddof=1) / np.sqrt(len(estimates))
            # 18 means, each within 5 standard errors: false failures at a rate of 1e-5.
            assert abs(estimates.mean() - (ends[0] - ends[1]) / 2e-5) < 5 * error, (name, place)


def test_no_gradient_goes_through_a_chain_and_the_refusal_says_what_learns_by_it() -> None:
    pair = create("rbm", engine="numpyro", data_dim=DIM, hidden_dim=2)
    for name in ("MMD", "Adversarial"):
        why = valid_objectives(pair, X).refused[name]
        assert "drawn by a Markov chain" in why
        assert f"{name}(draw='score')" in why


@both
def test_a_machine_learns_two_states_from_a_critic(engine: str) -> None:
    """Self-supervised boosting: 400 rows of two equal pixels, a logistic critic of products."""
    x = np.repeat(np.array([[0, 0], [1, 1]], np.float32), 200, axis=0)
    pair = create("rbm", engine=engine, data_dim=DIM, hidden_dim=3, burn_in=20)
    against = Adversarial(draw="score", hidden=(8,), instance_noise=0.1)
    settings: Any = {"steps": 200, "learning_rate": 0.05, "progress": False}
    run = fit(pair, x, objective=against, average_decay=0.9, **settings)
    drawn = run.sample(500, mean=False)
    assert (drawn[:, 0] == drawn[:, 1]).mean() > 0.8
    assert 0.2 < drawn[:, 0].mean() < 0.8


@both
@pytest.mark.parametrize("model", ["sigmoid_belief", "nade"])
def test_a_critic_takes_discrete_draws_for_numbers(engine: str, model: str) -> None:
    settings: Any = {"latent_dims": (3,)} if model == "sigmoid_belief" else {"hidden_dim": 3}
    pair = create(model, engine=engine, data_dim=DIM, **settings)
    against = Adversarial(draw="score", hidden=(4,))
    run = fit(pair, X.astype(np.float32), objective=against, steps=2, progress=False)
    assert np.isfinite(run.rows[-1]["loss"])


@both
def test_a_net_learns_from_a_critic_alone(engine: str) -> None:
    """400 rows of two equal pixels: after 150 steps under MMD most draws have equal pixels."""
    x = np.repeat(np.array([[0, 0], [1, 1]], np.float32), 200, axis=0)
    pair = create("fully_visible", engine=engine, data_dim=DIM)
    run = fit(pair, x, objective=MMD(draw="score"), steps=150, learning_rate=0.1, progress=False)
    drawn = run.sample(500)
    assert (drawn[:, 0] == drawn[:, 1]).mean() > 0.9
    assert 0.3 < drawn[:, 0].mean() < 0.7


@both
def test_discrete_latents_and_sequential_data_learn_by_it(engine: str) -> None:
    row = ROWS["sigmoid-belief-autoregressive"]
    pair = create(row.model, engine=engine, **row.hyperparameters)
    run = fit(pair, row.batch(8), objective=MMD(draw="score"), steps=2, progress=False)
    assert np.isfinite(run.rows[-1]["loss"])


@both
def test_straight_through_moves_by_the_conditionals_mean(engine: str) -> None:
    pair = create("made", engine=engine, data_dim=5, hidden=(6,))
    x = (np.random.default_rng(0).random((8, 5)) < 0.5).astype(np.float32)
    run = fit(pair, x, objective=MMD(draw="straight-through"), steps=2, progress=False)
    assert np.isfinite(run.rows[-1]["loss"])
    assert "draw='score'" in valid_objectives(pair, x).refused["MMD"]
    with pytest.raises(ObjectiveError, match=r"'x'.*draw='score'"):
        fit(pair, x, objective=MMD(draw="relaxed"), steps=1)


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: MMD(draw="score", unbiased=False, sqrt=True), "leave out sqrt"),
        (lambda: Adversarial(draw="score", loss="feature-matching"), "another loss"),
        (lambda: Adversarial(draw="score", joint=True), "leave out joint"),
    ],
)
def test_settings_that_do_not_go_with_scores(build: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        build()
