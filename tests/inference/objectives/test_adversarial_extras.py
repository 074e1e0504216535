"""Regularisers, unrolled critics, dropout, critics of latents, the maximum-likelihood loss."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from generators import ROWS, data, finite_differences, generated, one_step, scores, slopes
from rows import ENGINES
from scipy.special import expit
from scipy.stats import norm

from inference import fit
from inference.objectives import Adversarial, describe_objective, parse_objective
from inference.objectives._critic import MLPCritic
from inference.objectives._sides import look_at
from inference.objectives.losses import MaximumLikelihood
from ppl_models import create


@pytest.fixture(params=ENGINES)
def engine(request):
    return request.param


def _changed(engine: str, **settings: Any) -> Any:
    """A critic's step without and with a setting; draws and weights are the same."""
    return [
        one_step(engine, Adversarial(hidden=(5,), **own).during("critic"), data())
        for own in ({}, settings)
    ]


@pytest.mark.parametrize("kind", ["r1", "r2", "roth"])
def test_regularisers_match_finite_differences(engine: str, kind: str) -> None:
    bare, step = _changed(engine, regulariser=kind, weight=3.0)
    x, fixed = data().astype(np.float64), generated(step.params, step.z)

    def penalty(params: Any) -> float:
        total = 0.0
        for name, sign, points in (("r1", -1, x), ("r2", 1, fixed)):
            squared = (slopes(params, points) ** 2).sum(1)
            chance = expit(sign * scores(params, points)) ** 2
            if kind in (name, "roth"):
                total += (chance * squared if kind == "roth" else squared).mean()
        return 0.5 * 3.0 * total

    expected = finite_differences(penalty, step.params)
    for name in ("critic.0.weight", "critic.out.weight"):
        wanted = ROWS * expected[name]
        assert abs(wanted).max() > 0.05
        found = step.gradients[name] - bare.gradients[name]
        np.testing.assert_allclose(found, wanted, rtol=3e-3, atol=1e-3)


@pytest.mark.parametrize("steps", [1, 3])
def test_unrolled_critics_match_finite_differences(engine: str, steps: int) -> None:
    """A critic w x + b, whose steps are known in closed form, seen through by the generator."""
    objective = Adversarial(hidden=(), unrolled=steps, unrolled_rate=0.7).during("generator")
    step = one_step(engine, objective, data())
    x = data().astype(np.float64)

    def loss(params: Any) -> float:
        weight, bias = params["critic.out.weight"][:, 0], params["critic.out.bias"][0]
        drawn = generated(params, step.z)
        for _ in range(steps):
            of_data, of_draws = (-expit(-(x @ weight + bias)), expit(drawn @ weight + bias))
            slope = of_data @ x / ROWS + of_draws @ drawn / ROWS
            weight, bias = weight - 0.7 * slope, bias - 0.7 * (of_data + of_draws).mean()
        return np.logaddexp(0, -(drawn @ weight + bias)).mean()

    expected = finite_differences(loss, step.params)
    for name in ("weight", "mean"):
        np.testing.assert_allclose(
            step.gradients[name], ROWS * expected[name], rtol=2e-3, atol=2e-4
        )
    assert not step.gradients["critic.out.weight"].any()


def _network(engine: str, dropout: float) -> Any:
    if engine == "pyro":
        import torch

        with torch.random.fork_rng():
            torch.manual_seed(0)
            return torch.nn.Sequential(
                torch.nn.Linear(2, 8), torch.nn.Dropout(dropout), torch.nn.Linear(8, 1)
            )
    from flax import nnx

    rngs = nnx.Rngs(0)
    return nnx.Sequential(
        nnx.Linear(2, 8, rngs=rngs),
        nnx.Dropout(dropout, rngs=rngs),
        nnx.Linear(8, 1, rngs=rngs),
    )


@pytest.mark.parametrize("own", [False, True])
def test_dropout_is_on_in_training_alone_and_a_run_resumes(
    engine: str, own: bool, tmp_path: Any
) -> None:
    pair = create("mlp_generator", engine=engine, data_dim=2, latent_dim=1, hidden=(4,))
    x = np.random.default_rng(0).random((40, 2)).round().astype(np.float32)
    runs = {}
    for share in (0.0, 0.5):
        critic = _network(engine, share) if own else "mlp"
        given: Any = {} if own else {"dropout": share, "hidden": (6,)}
        settings: Any = {"objective": Adversarial(critic, **given), "progress": False}
        runs[share] = fit(pair, x, steps=6, batch_size=20, **settings)
    assert any(
        not np.array_equal(value, runs[0.5].parameters[name])
        for name, value in runs[0.0].parameters.items()
    )
    run = runs[0.5]
    np.testing.assert_array_equal(run.critic(x), run.critic(x))
    fit(pair, x, steps=3, batch_size=20, out=tmp_path / "run", **settings)
    again = fit(pair, x, steps=6, batch_size=20, out=tmp_path / "run", resume=True, **settings)
    for name, value in run.parameters.items():
        np.testing.assert_array_equal(value, again.parameters[name])


def test_dropout_leaves_out_units_where_the_generator_learns(engine: str) -> None:
    plain, dropped = (
        one_step(engine, Adversarial(hidden=(50,), dropout=p).during("generator"), data())
        for p in (0.0, 0.5)
    )
    assert not np.allclose(plain.gradients["weight"], dropped.gradients["weight"], rtol=1e-2)


def test_dropout_leaves_out_its_share_and_keeps_the_mean() -> None:
    """100,000 units: the share is within 5 of its standard errors."""
    random = np.random.default_rng(0)
    program: Any = SimpleNamespace(
        uniform=lambda units: random.random(units.shape), ops=SimpleNamespace(where=np.where)
    )
    settings: Any = {"spectral_norm": False, "minibatch_features": 0, "classes": 0}
    critic = MLPCritic(program, (4,), dropout=0.2, **settings)
    units = np.full(100_000, 3.0)
    found = critic._dropped(units)
    assert abs((found == 0).mean() - 0.2) < 5 * np.sqrt(0.2 * 0.8 / 1e5)
    np.testing.assert_allclose(found[found != 0], 3.0 / 0.8)
    assert critic.evaluating()._dropped(units) is units


def test_maximum_likelihood_on_gaussians() -> None:
    """At the best critic the gradient of -E exp(D(g)) is that of E_p -log q, which is known.

    q = N(m, s), p = N(0.3, 0.8); draws at 200,000 quantiles of q, a rule of midpoints.
    """
    import torch

    quantiles = torch.tensor(norm.ppf((np.arange(200_000) + 0.5) / 200_000))
    mean, scale = (torch.tensor(v, dtype=torch.float64, requires_grad=True) for v in (0.0, 1.0))
    log_p = torch.distributions.Normal(0.3, 0.8).log_prob
    log_q = torch.distributions.Normal(0.0, 1.0).log_prob  # held: the critic's, not the draws'
    drawn = mean + scale * quantiles
    MaximumLikelihood().generator(log_p(drawn) - log_q(drawn), torch).backward()
    # -E_p log N(x; m, s) = log s + (0.64 + (0.3 - m)^2) / (2 s^2)
    assert float(mean.grad) == pytest.approx(-0.3, abs=1e-4)  # pyright: ignore
    assert float(scale.grad) == pytest.approx(1 - (0.64 + 0.09), abs=2e-4)  # pyright: ignore


@pytest.mark.parametrize("sees", ["z", "x, z"])
def test_a_critic_of_latents_matches_finite_differences(engine: str, sees: str) -> None:
    """The guide descends -log s(D(z)), or -D(x, z), less log p(x | z)."""
    objective = Adversarial(hidden=(5,), critic_sees=sees).during("generator")
    step = one_step(engine, objective, data())
    x, start = data().astype(np.float64), step.params
    noise = step.codes - (x @ start["guide_weight"].T + start["guide_bias"])

    def loss(params: Any) -> float:
        z = x @ params["guide_weight"].T + params["guide_bias"] + noise
        b = scores(params, z if sees == "z" else np.concatenate([x, z], 1))
        term = -b.mean() if sees == "x, z" else np.logaddexp(0, -b).mean()
        fit = norm.logpdf(x, generated(params, z), np.exp(params["log_noise"]))
        return term - fit.sum(1).mean()

    expected = finite_differences(loss, start)
    for name in ("weight", "mean", "guide_weight", "guide_bias"):
        wanted = ROWS * expected[name]
        assert abs(wanted).max() > 1e-2
        np.testing.assert_allclose(step.gradients[name], wanted, rtol=3e-3, atol=3e-3)
    assert not any(g.any() for n, g in step.gradients.items() if n.startswith("critic"))


def test_gibbs_net_without_steps_is_ali(engine: str) -> None:
    settings: list[dict[str, Any]] = [{}, {"gibbs_steps": 0}, {"gibbs_steps": 2}]
    values = [
        one_step(engine, Adversarial(hidden=(5,), joint=True, **own).during("critic"), data()).value
        for own in settings
    ]
    assert values[0] == values[1] != values[2]


class _LinearChain:
    """z ~ N(0, 1), x ~ N(2 z, 0.5^2); a guide N(0.3 x, 0.4^2), which is not the posterior."""

    structure = SimpleNamespace(proposals=[SimpleNamespace(name="z")])
    ops = SimpleNamespace(real=np.asarray, concatenate=lambda parts: np.concatenate(parts, 1))

    def __init__(self, x: Any, random: np.random.Generator) -> None:
        self.data, self.random = (x,), random

    def at(self, x: Any) -> _LinearChain:
        return _LinearChain(x, self.random)

    def stop(self, x: Any) -> Any:
        return x

    def propose(self) -> dict[str, Any]:
        (x,) = self.data
        return {"z": 0.3 * x + 0.4 * self.random.normal(size=x.shape)}

    def generate(self, n: int, *, draw: str, values: Any = None) -> Any:
        del draw
        z = self.random.normal(size=(n, 1)) if values is None else values["z"]
        x = 2 * z + 0.5 * self.random.normal(size=z.shape)
        return SimpleNamespace(x=x, given=(), latents={"z": z})


@pytest.mark.parametrize("steps", [0, 1, 30])
def test_gibbs_net_draws_are_those_of_the_chain(steps: int) -> None:
    """v -> 0.3^2 (2^2 v + 0.5^2) + 0.4^2 from 1; 200,000 chains, within 5 standard errors."""
    random = np.random.default_rng(0)
    program: Any = _LinearChain(np.full((200_000, 1), 9.0), random)
    sides = look_at(program, draw="sample", noise=None, joint=True, steps=steps)
    variance = 1.0
    for _ in range(steps):
        variance = 0.09 * (4 * variance + 0.25) + 0.16
    x, z = (part[:, 0] for part in sides.drawn)
    error = 5 * np.sqrt(2 / 200_000)
    assert abs(z.var() / variance - 1) < error
    assert abs(x.var() / (4 * variance + 0.25) - 1) < error
    assert abs(sides.real[1].mean() - 2.7) < 0.01  # the guide beside the data


def test_gibbs_net_learns_by_the_last_step(engine: str) -> None:
    """Beside the clamped pair the guide learns by the z of the chain's end, and the model by its x.

    With a critic that looks at x alone (its weights of z are zero) the guide's gradient is that of
    its last draw through the model, which without steps is none.
    """
    slopes_of = []
    for steps in (0, 2):
        objective = Adversarial(hidden=(5,), joint=True, gibbs_steps=steps, loss="hinge")
        step = one_step(engine, objective.during("generator"), data())
        slopes_of.append(step.gradients["guide_weight"])
        assert abs(step.gradients["weight"]).max() > 1e-3
    assert abs(slopes_of[0] - slopes_of[1]).max() > 1e-3


def test_the_string_form_and_refusals() -> None:
    given: list[dict[str, Any]] = [
        {"critic_sees": "x, z"},
        {"regulariser": "roth", "weight": 0.5},
        {"unrolled": 5, "hidden": (3, 4)},
    ]
    for settings in given:
        objective = Adversarial(**settings)
        again = parse_objective(describe_objective(objective))
        assert again.arguments() == objective.arguments()
    cases: dict[str, Any] = {
        "critic_sees must be": {"critic_sees": "y"},
        "compares latents": {"critic_sees": "z", "joint": True},
        "log ratio": {"critic_sees": "x, z", "loss": "hinge"},
        "'roth' weighs slopes": {"regulariser": "roth", "loss": "hinge"},
        "say which": {"weight": 2.0},
        "leave out clip": {"unrolled": 2, "regulariser": "r1"},
        "set unrolled": {"unrolled_rate": 1.0},
        "set joint=True": {"gibbs_steps": 2},
        "build them": {"critic": object(), "dropout": 0.5},
    }
    for message, settings in cases.items():
        with pytest.raises(ValueError, match=message):
            Adversarial(**settings)
