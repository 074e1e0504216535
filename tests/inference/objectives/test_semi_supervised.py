"""A critic of K classes and draws: its loss in numpy, its optimum, whom `classify` asks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.special
import scipy.stats
from rows import ENGINES

from inference import classify, fit, load_run
from inference.engines import load_engine
from inference.errors import ArgumentError, DataError, ObjectiveError
from inference.objectives import Adversarial, SemiSupervisedAdversarial, parse_objective
from inference.objectives.losses import Wasserstein
from inference.program.trainer import Settings
from ppl_models import create
from ppl_models.datasets import load
from ppl_models.networks.dense_critic_numpyro import DenseCritic

multivariate_normal: Any = scipy.stats.multivariate_normal  # whose types say less than it takes

logsumexp: Any = scipy.special.logsumexp  # whose types say less than it takes

MEANS = np.array([[0.0, 1.5], [1.3, -0.75], [-1.3, -0.75]])
SCALE = 0.6


@pytest.fixture(params=ENGINES)
def engine(request):
    return request.param


def mixture(rows: int, known: float, seed: int = 0) -> tuple[Any, Any]:
    """Points of three Gaussians, and their classes where they are known."""
    random = np.random.default_rng(seed)
    y = random.integers(0, 3, rows)
    x = MEANS[y] + SCALE * random.normal(size=(rows, 2))
    return x.astype(np.float32), np.where(random.random(rows) < known, y, -1)


def generator(engine: str) -> Any:
    return create("ppca", engine=engine, data_dim=2, latent_dim=2, noise_scale=1.0)


@pytest.mark.parametrize(("engine", "noise"), [("pyro", None), ("numpyro", None), ("numpyro", 0.5)])
def test_the_best_critic_is_the_posterior_and_the_ratio_of_densities(
    engine: str, noise: float | None, tmp_path: Any
) -> None:
    """p(y | x) and p / (p + q) in closed form; the generator rests, and draws N(0, W W' + I).

    Under noise on its inputs they are those of data and draws with the noise, asked without any.
    A critic that does not look at x is off by more than 0.11.
    """
    settings: dict[str, Any] = {"critic_steps": 500, "draw": "sample"}
    critic: dict[str, Any] = {"hidden": (32, 32)}
    if noise is not None:
        options: Any = {"outputs": 3, "input_noise": noise, "noise": 0.0}
        critic = {"critic": DenseCritic(2, (32, 32), **options)}
    objective = SemiSupervisedAdversarial(3, **settings, **critic)
    start, data = generator(engine), mixture(20_000, 0.5)
    settings = {"objective": objective, "progress": False, "schedule": "cosine"}
    settings |= {"steps": 500, "batch_size": 500, "learning_rate": 0.02}
    run = fit(start, data, out=tmp_path / "run", **settings)
    x, _ = mixture(500, 1.0, seed=1)
    added = (noise or 0.0) ** 2 * np.eye(2)
    parts = [multivariate_normal(mean, SCALE**2 * np.eye(2) + added).logpdf(x) for mean in MEANS]
    log_p = logsumexp(parts, axis=0) - np.log(3)
    weight = run.parameters["weight"].astype(np.float64)
    q = multivariate_normal(np.zeros(2), weight @ weight.T + np.eye(2) + added).logpdf(x)
    posterior = np.exp(np.array(parts).T - logsumexp(parts, axis=0)[:, None])
    found = classify(run, x)
    np.testing.assert_allclose(found.sum(1), 1, rtol=1e-6)
    assert abs(found - posterior).mean() < 0.015
    chance, wanted = 1 / (1 + np.exp(-run.critic(x))), 1 / (1 + np.exp(q - log_p))
    assert abs(chance - wanted).mean() < 0.03
    assert abs(chance.mean() - wanted).mean() > 0.11
    again = load_run(tmp_path / "run", **({} if noise is None else {"objective": objective}))
    np.testing.assert_allclose(classify(again, x), found, atol=1e-6)


def test_data_pass_through_the_critic_once_a_step() -> None:
    """Its score and its classes are of one pass, and so of the same noise: 2 calls and the draws'.

    Two more steps are one of the critic, on data and draws, and one of the generator, on draws.
    """
    import torch

    class Counting(torch.nn.Linear):
        calls = 0

        def forward(self, input: Any) -> Any:
            Counting.calls += 1
            return super().forward(input)

    found = []
    for steps in (2, 4):
        Counting.calls = 0
        objective = SemiSupervisedAdversarial(3, Counting(2, 3), loss="non-saturating")
        data = mixture(20, 0.5)
        fit(generator("pyro"), data, objective=objective, steps=steps, progress=False)
        found.append(Counting.calls)
    assert found[1] - found[0] == 3


def test_a_critic_is_asked_for_no_weights_and_no_latent(engine: str) -> None:
    objective = SemiSupervisedAdversarial(3, hidden=())
    run = fit(generator(engine), mixture(8, 0.5), objective=objective, steps=1, progress=False)
    x, _ = mixture(5, 1.0, seed=1)
    np.testing.assert_allclose(classify(run, x).sum(1), 1, rtol=1e-12)
    with pytest.raises(ArgumentError, match=r"critic tell.*method='iw'.*leave it out"):
        classify(run, x, method="iw")
    with pytest.raises(ArgumentError, match=r"critic tell.*site='z'.*leave it out"):
        classify(run, x, site="z")


def test_the_critics_loss_in_numpy(engine: str) -> None:
    """One step of plain descent, from differences of the weights, with a critic l = x W + b."""
    x, y = mixture(8, 0.6, seed=3)
    assert 0 < (y < 0).sum() < 8
    objective = SemiSupervisedAdversarial(3, hidden=(), label_weight=2.0)
    before, after, drawn = _step(engine, objective, x, y)

    def loss(weight: Any, bias: Any) -> float:
        logits, made = x @ weight + bias, drawn @ weight + bias
        total = logsumexp(logits, axis=1)
        labelled = y >= 0
        right = logits[labelled, y[labelled]] - total[labelled]
        told = np.logaddexp(0, -total).mean() + np.logaddexp(0, logsumexp(made, axis=1)).mean()
        return 8 * (told - 2.0 * right.mean())

    weight, bias = (before[n].astype(np.float64) for n in ("weight", "bias"))
    for index in np.ndindex(weight.shape):
        moved = np.zeros_like(weight)
        moved[index] = 1e-6
        slope = (loss(weight + moved, bias) - loss(weight - moved, bias)) / 2e-6
        step = after["weight"][index] - before["weight"][index]
        assert step == pytest.approx(-1e-3 * slope, rel=5e-3, abs=2e-6)


def _step(engine: str, objective: Any, x: Any, y: Any) -> tuple[Any, Any, Any]:
    """The critic's layer before and after a step, and what the generator draws: its mean."""
    if engine == "pyro":
        import torch

        descent: Any = torch.optim.SGD
    else:
        import optax

        descent = optax.sgd
    pair: Any = create(
        "ppca", engine=engine, data_dim=2, latent_dim=2, data_mean=np.array([0.4, -0.2])
    )
    if engine == "pyro":
        with torch.no_grad():  # pyright: ignore[reportPossiblyUnboundVariable]
            pair.weight.zero_()  # all draws are the mean
    else:
        pair.initial["weight"] = 0 * pair.initial["weight"]
    settings = Settings(seed=0, arrays=(x, y), batch_size=8, learning_rate=1e-3, optimiser=descent)
    trainer = load_engine(engine).Trainer(pair, objective, settings)
    with trainer.running():
        trainer.start((x, y))
        values = []
        for step in range(2):
            own = {n.strip('[]"'): v for n, v in trainer.values().items()}
            name = "objective.critic.out."
            values.append({part: np.array(own[name + part]) for part in ("weight", "bias")})
            trainer.run(step, step + 1)
    drawn = np.tile(np.array([0.4, -0.2]), (8, 1))
    return values[0], values[1], drawn


def test_labels_are_the_objectives_alone(engine: str) -> None:
    pair = create("mlp_generator", engine=engine, data_dim=64, latent_dim=4, hidden=(8,))
    data = load("digits", labels=100)
    run = fit(
        pair,
        data,
        objective=SemiSupervisedAdversarial(hidden=(16,), dropout=0.2),
        steps=4,
        batch_size=50,
        progress=False,
    )
    assert classify(run, data.test).shape == (len(data.test), 10)
    assert run.sample(3).shape == (3, 64)
    short = data.train, data.train[:3, 0]
    for bad, message in (((data.train,), "must end with"), (short, "equally")):
        with pytest.raises(DataError, match=message):
            fit(pair, bad, objective=SemiSupervisedAdversarial(), steps=1, progress=False)


def test_upstream_svi_takes_the_labels_too(engine: str) -> None:
    pair, (x, y) = generator(engine), mixture(20, 0.5)
    objective = SemiSupervisedAdversarial(3, hidden=(4,))
    if engine == "pyro":
        import pyro.infer
        import torch
        from pyro.optim import Adam  # pyright: ignore[reportAttributeAccessIssue]

        with pyro.get_param_store().scope():
            svi: Any = pyro.infer.SVI(pair.model, pair.guide, Adam({"lr": 0.01}), loss=objective)
            losses = [svi.step(torch.from_numpy(x), torch.from_numpy(y)) for _ in range(2)]
    else:
        import jax
        import optax
        from numpyro.infer import SVI

        svi = SVI(*objective.attach(pair.model, pair.guide), optax.adam(0.01), loss=objective)
        state, losses = svi.init(jax.random.PRNGKey(0), x, y), []
        for _ in range(2):
            state, loss = svi.update(state, x, y)
            losses.append(float(loss))
    assert np.isfinite(losses).all()


def test_a_critic_of_other_shape_is_refused(engine: str) -> None:
    if engine == "pyro":
        import torch

        critic: Any = torch.nn.Linear(2, 4)
    else:
        from flax import nnx

        critic = nnx.Linear(2, 4, rngs=nnx.Rngs(0))
    with pytest.raises(ObjectiveError, match="a logit for each of 3 classes"):
        fit(
            generator(engine),
            mixture(20, 0.5),
            objective=SemiSupervisedAdversarial(3, critic, loss="non-saturating"),
            steps=1,
            progress=False,
        )


def test_its_string_form() -> None:
    objective = parse_objective("semisupervisedadversarial:classes=3,label_weight=2.0")
    assert isinstance(objective, SemiSupervisedAdversarial)
    assert isinstance(objective, Adversarial)
    assert (objective.classes, objective.label_weight) == (3, 2.0)
    with pytest.raises(ValueError, match="classes must be"):
        SemiSupervisedAdversarial(1)


@pytest.mark.parametrize(
    "loss", ["hinge", "least-squares", Wasserstein(clip=0.1)], ids=["hinge", "squares", "means"]
)
def test_a_loss_whose_critic_tells_no_probabilities_is_refused(loss: Any) -> None:
    with pytest.raises(ValueError, match=r"one of 'minimax', 'non-saturating', 'maximum-like"):
        SemiSupervisedAdversarial(3, loss=loss)
    assert SemiSupervisedAdversarial(3, loss="maximum-likelihood").loss.log_ratio
