"""Adversarial losses: values and gradients against float64, turns, the optimal critic."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from generators import (
    ROWS,
    data,
    features,
    finite_differences,
    generated,
    one_step,
    scores,
    slopes,
)
from rows import ENGINES
from scipy.stats import norm

from inference import fit, load_run
from inference.engines import load_engine
from inference.errors import ArgumentError, DivergenceError, ObjectiveError
from inference.objectives import MMD, Adversarial, InfoVAE, parse_objective
from inference.program.program import is_owned
from inference.program.trainer import Settings
from ppl_models import create

SMOOTH, OTHER = 0.1, 0.05  # of the labels of data and of draws
BATCH = 20
LOSSES = (
    "minimax",
    "non-saturating",
    "maximum-likelihood",
    "least-squares",
    "hinge",
    "wasserstein",
    "feature-matching",
)


@pytest.fixture(params=ENGINES)
def engine(request):
    return request.param


def log_sigmoid(values: Any) -> Any:
    return -np.logaddexp(0, -values)


def critics(loss: str, a: Any, b: Any) -> float:
    """The critic's loss as the papers have it."""
    if loss == "hinge":
        return np.maximum(0, 1 - a).mean() + np.maximum(0, 1 + b).mean()
    if loss == "wasserstein":
        return b.mean() - a.mean()
    if loss == "least-squares":
        return 0.5 * ((a - (1 - SMOOTH)) ** 2).mean() + 0.5 * ((b - OTHER) ** 2).mean()
    data_term = (1 - SMOOTH) * log_sigmoid(a) + SMOOTH * log_sigmoid(-a)
    draw_term = (1 - OTHER) * log_sigmoid(-b) + OTHER * log_sigmoid(b)
    return -data_term.mean() - draw_term.mean()


def generators(loss: str, params: Any, x: Any, g: Any) -> float:
    if loss == "feature-matching":
        gap = features(params, x).mean(0) - features(params, g).mean(0)
        return (gap**2).sum()
    b = scores(params, g)
    if loss == "minimax":
        return log_sigmoid(-b).mean()
    if loss == "least-squares":
        return 0.5 * ((b - 1) ** 2).mean()
    if loss == "maximum-likelihood":
        return -np.exp(b).mean()
    return -log_sigmoid(b).mean() if loss == "non-saturating" else -b.mean()


def built(loss: str, **settings: Any) -> Adversarial:
    if loss not in ("hinge", "wasserstein"):
        settings = {"smooth_real": SMOOTH, "smooth_generated": OTHER, **settings}
    if loss == "wasserstein" and not settings:
        settings = {"clip": 1.0}
    return Adversarial(loss=loss, hidden=(5,), **settings)


@pytest.mark.parametrize(
    ("loss", "settings"),
    [*((loss, {}) for loss in LOSSES), ("hinge", {"minibatch_features": 2})],
)
def test_gradients_of_both_sides_match_finite_differences(engine, loss, settings):
    x = data().astype(np.float64)
    for phase in ("critic", "generator"):
        step = one_step(engine, built(loss, **settings).during(phase), data())
        fixed = generated(step.params, step.z)

        def loss_of(params: Any, phase=phase, step=step, fixed=fixed) -> float:
            if phase == "generator":
                return generators(loss, params, x, generated(params, step.z))
            return critics(loss, scores(params, x), scores(params, fixed))

        expected = finite_differences(loss_of, step.params)
        for name, gradient in step.gradients.items():
            if name.startswith("state."):
                continue
            own = name.startswith("critic")
            if own != (phase == "critic"):
                assert not gradient.any(), f"{name} moves in the {phase}'s turn"
            else:
                np.testing.assert_allclose(gradient, ROWS * expected[name], rtol=2e-3, atol=2e-4)


def test_gradient_penalty_matches_finite_differences(engine):
    """Between a datum and itself lies nothing but the datum, whatever the random share."""
    bare = one_step(engine, built("wasserstein", gradient_penalty=1e-9).during("critic"), data())
    x = generated(bare.params, bare.z).astype(np.float32)  # data that the draws are equal to
    step = one_step(engine, built("wasserstein", gradient_penalty=3.0).during("critic"), x)

    def loss_of(params: Any) -> float:
        length = np.sqrt((slopes(params, x.astype(np.float64)) ** 2).sum(1))
        return 3.0 * ((length - 1) ** 2).mean()

    expected = finite_differences(loss_of, step.params)
    for name in ("critic.0.weight", "critic.out.weight"):
        wanted = ROWS * expected[name]
        assert abs(wanted).max() > 0.1
        np.testing.assert_allclose(step.gradients[name], wanted, rtol=2e-3, atol=2e-4)


def test_gradient_penalty_is_between_data_and_draws(engine, monkeypatch):
    """At a quarter of the datum and three of its draw, where the random share is a quarter."""
    module = importlib.import_module(f"inference.engines.{engine}.program")
    program = {"pyro": "PyroProgram", "numpyro": "NumPyroProgram"}[engine]
    monkeypatch.setattr(getattr(module, program), "uniform", lambda self, like: 0 * like + 0.25)
    values = []
    for weight in (1e-9, 3.0):
        objective = built("wasserstein", gradient_penalty=weight).during("critic")
        values.append(one_step(engine, objective, data()))
    bare, step = values
    fixed = generated(step.params, step.z)

    def penalty(params: Any) -> float:
        between = 0.25 * data().astype(np.float64) + 0.75 * fixed
        length = np.sqrt((slopes(params, between) ** 2).sum(1))
        return 3.0 * ((length - 1) ** 2).mean()

    expected = finite_differences(penalty, step.params)
    for name in ("critic.0.weight", "critic.out.weight"):
        found = step.gradients[name] - bare.gradients[name]
        np.testing.assert_allclose(found, ROWS * expected[name], rtol=2e-3, atol=1e-3)


@pytest.mark.parametrize("loss", ["non-saturating", "least-squares", "hinge"])
def test_joint_critic_teaches_the_guide(engine, loss):
    """The guide descends the generator's loss with the two sides exchanged."""
    objective = Adversarial(loss=loss, hidden=(5,), joint=True).during("generator")
    step = one_step(engine, objective, data())
    x = data().astype(np.float64)
    start = step.params
    noise = step.codes - (x @ start["guide_weight"].T + start["guide_bias"])  # the scale is one

    def loss_of(params: Any) -> float:
        drawn = np.concatenate([generated(params, step.z), step.z], 1)
        z = x @ params["guide_weight"].T + params["guide_bias"] + noise
        a, b = scores(params, np.concatenate([x, z], 1)), scores(params, drawn)
        if loss == "least-squares":
            return 0.5 * ((b - 1) ** 2).mean() + 0.5 * (a**2).mean()
        if loss == "hinge":
            return a.mean() - b.mean()
        return -log_sigmoid(b).mean() - log_sigmoid(-a).mean()

    expected = finite_differences(loss_of, start)
    for name in ("weight", "mean", "guide_weight", "guide_bias"):
        wanted = ROWS * expected[name]
        assert abs(wanted).max() > 1e-3
        np.testing.assert_allclose(step.gradients[name], wanted, rtol=2e-3, atol=2e-4)


def test_instance_noise_falls_to_zero(engine):
    """Noise that is all but nothing changes nothing; its scale goes down by equal steps."""
    values = [
        one_step(engine, built("hinge", instance_noise=noise).during("critic"), data()).value
        for noise in (0.0, 1e-9, 3.0)
    ]
    assert values[1] == pytest.approx(values[0], rel=1e-5)
    assert abs(values[2] - values[0]) > 0.01 * abs(values[0])
    objective = Adversarial(instance_noise=0.5, noise_steps=4)
    scales = []
    for done in range(6):
        carried = SimpleNamespace(
            ops=np, state=lambda name, initial, done=done: done, keep=lambda name, value: None
        )
        scales.append(float(objective._noise(carried)))  # pyright: ignore[reportArgumentType]
    assert scales == [0.5, 0.375, 0.25, 0.125, 0.0, 0.0]
    fitted = stepping(engine, line(engine), Adversarial(instance_noise=0.5, noise_steps=4), 3)
    counted = [float(_find(values, "objective.state.step")) for values in fitted]
    assert counted == [1.0, 2.0, 3.0]


def test_the_value_is_what_the_critic_tells_apart(engine):
    for loss, blind in (("minimax", 2 * np.log(2)), ("hinge", 2.0), ("least-squares", 0.25)):
        step = one_step(engine, Adversarial(loss=loss, hidden=(5,)).during("critic"), data())
        a = scores(step.params, data().astype(np.float64))
        b = scores(step.params, generated(step.params, step.z))
        plain = {
            "minimax": -log_sigmoid(a).mean() - log_sigmoid(-b).mean(),
            "hinge": critics("hinge", a, b),
            "least-squares": 0.5 * ((a - 1) ** 2).mean() + 0.5 * (b**2).mean(),
        }[loss]
        assert step.value == pytest.approx(ROWS * (plain - blind), rel=1e-4)


def test_jacobian_clamp_on_a_line(engine):
    """With one latent every move of length one stretches by |w|."""
    start = float(_values(line(engine))["weight"][0, 0])
    size = abs(start)
    for clamp in ((0.0, 0.5 * size), (2 * size, 20.0), (0.0, 20.0)):
        clamped = Adversarial(hidden=(4,), loss="wasserstein", clip=1e-9, jacobian_clamp=clamp)
        # A critic without slope leaves the clamp alone to move the generator.
        (*_, last) = stepping(engine, line(engine), clamped, 2, optimiser=_descent(engine))
        moved = float(_find(last, "weight")[0, 0]) - start
        off = max(size - clamp[1], 0.0) - max(clamp[0] - size, 0.0)
        pull = -1e-3 * BATCH * 2 * off  # the slope of a squared distance for each of the rows
        assert moved * np.sign(start) == pytest.approx(pull, rel=0.02, abs=1e-7)


def _descent(engine: str) -> Any:
    if engine == "pyro":
        import torch

        return torch.optim.SGD
    import optax

    return optax.sgd


def stepping(
    engine: str, pair: Any, objective: Any, steps: int, optimiser: Any = None
) -> Iterator[Any]:
    """All values after each step."""
    settings = Settings(
        seed=0, arrays=(bell(),), batch_size=BATCH, learning_rate=1e-3, optimiser=optimiser
    )
    trainer = load_engine(engine).Trainer(pair, objective, settings)
    with trainer.running():
        trainer.start((bell()[:BATCH],))
        for step in range(steps):
            trainer.run(step, step + 1)
            yield trainer.values()


def _find(values: Any, name: str) -> Any:
    return values[name] if name in values else values[f'["{name}"]']


def _values(pair: Any) -> Any:
    if pair.engine == "numpyro":
        return {name: np.asarray(value) for name, value in pair.initial.items()}
    return {name: value.detach().numpy() for name, value in pair.named_parameters()}


def line(engine: str) -> Any:
    return create("ppca", engine=engine, data_dim=1, latent_dim=1, noise_scale=0.5)


def bell() -> Any:
    return np.random.default_rng(0).normal(1.0, 1.0, size=(5_000, 1)).astype(np.float32)


def network(engine: str) -> Any:
    if engine == "pyro":
        import torch

        generator = torch.random.get_rng_state()
        torch.manual_seed(0)
        critic = torch.nn.Sequential(
            torch.nn.Linear(1, 24), torch.nn.Tanh(), torch.nn.Linear(24, 1)
        )
        torch.random.set_rng_state(generator)
        return critic
    from flax import nnx

    rngs = nnx.Rngs(0)
    return nnx.Sequential(nnx.Linear(1, 24, rngs=rngs), nnx.tanh, nnx.Linear(24, 1, rngs=rngs))


@pytest.mark.parametrize("kind", ["mlp", "network"])
def test_the_critic_finds_the_optimum_in_closed_form(engine, kind, tmp_path):
    """sigmoid(D) = p / (p + q) for Gaussians p and q; the model rests, so only D learns.

    An untrained critic is off by more than 0.2.
    """
    critic = "mlp" if kind == "mlp" else network(engine)
    objective = Adversarial(critic, critic_steps=10_000, hidden=(24,), draw="sample")
    start = line(engine)
    settings: Any = {"objective": objective, "progress": False, "learning_rate": 5e-3}
    run = fit(start, bell(), steps=1_000, batch_size=500, out=tmp_path / "run", **settings)
    assert _same(run.parameters, _values(start))
    weight = float(run.parameters["weight"][0, 0])
    x = np.linspace(-1.0, 2.0, 40, dtype=np.float32)[:, None]
    p, q = norm.pdf(x[:, 0], 1, 1), norm.pdf(x[:, 0], 0, np.hypot(weight, 0.5))
    chance = 1 / (1 + np.exp(-run.critic(x)))
    assert abs(chance - p / (p + q)).max() < 0.05
    assert abs(0.5 - p / (p + q)).max() > 0.2
    again = load_run(tmp_path / "run", objective=None if kind == "mlp" else objective)
    np.testing.assert_allclose(again.critic(x), run.critic(x), rtol=1e-5, atol=1e-6)


def test_a_run_without_a_critic_says_so(engine):
    run = fit(line(engine), bell(), steps=1, progress=False)
    with pytest.raises(ArgumentError, match="has no critic"):
        run.critic(bell()[:3])


def _sides(values: Any) -> tuple[Any, Any]:
    """The pair's values and the critic's, without states."""
    own = {name: v for name, v in values.items() if is_owned(name) and ".state." not in name}
    return {name: v for name, v in values.items() if not is_owned(name)}, own


def test_turns_are_exclusive(engine):
    """Whose turn it is not stays bit for bit, though Adam has momentum for both."""
    objective = Adversarial(hidden=(4,), critic_steps=2)
    runs = [_sides(values) for values in stepping(engine, line(engine), objective, 7)]
    for step in range(1, 7):
        (pair, critic), (next_pair, next_critic) = runs[step - 1], runs[step]
        generators_turn = step % 3 == 2
        assert _same(pair, next_pair) == (not generators_turn)
        assert _same(critic, next_critic) == generators_turn


def test_the_side_that_is_ahead_waits(engine):
    """A side moves in its turns exactly where the critic's running accuracy lets it."""
    objective = Adversarial(hidden=(4,), freeze=0.55, critic_learning_rate=0.05)
    values = list(stepping(engine, line(engine), objective, 60))
    waited = []
    for step in range(2, 60, 2):  # the critic's turns
        accuracy = float(_find(values[step], "objective.state.accuracy"))
        still = _same(_sides(values[step - 1])[1], _sides(values[step])[1])
        assert still == (accuracy > 0.55)
        waited.append(still)
    assert any(waited)
    assert not all(waited)
    waited = []
    for step in range(1, 60, 2):  # the generator's
        accuracy = float(_find(values[step], "objective.state.accuracy"))
        still = _same(_sides(values[step - 1])[0], _sides(values[step])[0])
        assert still == (accuracy < 1 - 0.55)
        waited.append(still)
    assert any(waited)
    assert not all(waited)


def _same(one: Any, other: Any) -> bool:
    return all(np.array_equal(one[name], other[name]) for name in one)


def test_clip_and_learning_rate_of_the_critic(engine):
    clipped = Adversarial(loss="wasserstein", clip=0.02, hidden=(4,))
    (*_, last) = stepping(engine, line(engine), clipped, 8)
    pair, critic = _sides(last)
    assert max(abs(w).max() for w in critic.values()) == pytest.approx(0.02, rel=1e-5)
    assert max(abs(w).max() for w in pair.values()) > 0.05
    slow = Adversarial(hidden=(4,), critic_learning_rate=1e-12)
    first, *_, last = stepping(engine, line(engine), slow, 8)
    for name, value in _sides(first)[1].items():
        np.testing.assert_allclose(value, _sides(last)[1][name], atol=1e-8)
    assert not _same(_sides(first)[0], _sides(last)[0])


@pytest.mark.parametrize(
    ("engine", "kind"), [("pyro", "mlp"), ("pyro", "network"), ("numpyro", "network")]
)
def test_a_resumed_run_is_the_same_bit_for_bit(engine, kind, tmp_path):
    critic = "mlp" if kind == "mlp" else network(engine)
    own: Any = {"spectral_norm": True, "minibatch_features": 2} if kind == "mlp" else {}
    objective = Adversarial(
        critic, hidden=(4,), critic_steps=2, instance_noise=0.2, noise_steps=10, freeze=0.9, **own
    )
    settings: Any = {"objective": objective, "progress": False, "batch_size": 50}
    whole = fit(line(engine), bell(), steps=14, **settings)
    fit(line(engine), bell(), steps=7, out=tmp_path / "run", **settings)
    resumed = fit(line(engine), bell(), steps=14, out=tmp_path / "run", resume=True, **settings)
    assert _same(whole.parameters, resumed.parameters)
    assert _same(whole.owned, resumed.owned)


@pytest.mark.parametrize("objective", [MMD(), InfoVAE(), Adversarial(hidden=(4,))], ids=repr)
def test_upstream_svi_takes_them_as_its_loss(engine, objective):
    pair, x = line(engine), bell()[:40]
    if engine == "pyro":
        import pyro.infer
        import torch
        from pyro.optim import Adam  # pyright: ignore[reportAttributeAccessIssue]

        with pyro.get_param_store().scope():
            optim = Adam({"lr": 0.05})
            upstream: Any = pyro.infer.SVI(pair.model, pair.guide, optim, loss=objective)
            losses = [upstream.step(torch.from_numpy(x.copy())) for _ in range(3)]
    else:
        import jax
        import optax
        from numpyro.infer import SVI

        model, guide = objective.attach(pair.model, pair.guide)
        svi = SVI(model, guide, optax.adam(0.05), loss=objective)
        state = svi.init(jax.random.PRNGKey(0), x)
        losses = []
        for _ in range(3):
            state, loss = svi.update(state, x)
            losses.append(float(loss))
    assert np.isfinite(losses).all()
    assert len(set(losses)) == 3


def test_plain_svi_cannot_take_turns(engine):
    with pytest.raises(ObjectiveError, match="needs turns"):
        one_step(engine, Adversarial(loss="wasserstein", clip=0.1), data())


def test_spectral_norm_is_one(engine):
    objective = Adversarial(hidden=(8, 8), spectral_norm=True)
    *_, own = stepping(engine, line(engine), objective, 60)
    own = {n.strip('[]"'): v for n, v in own.items()}
    for layer in ("0", "1", "out"):
        weight = own[f"objective.critic.{layer}.weight"]
        u = own[f"objective.state.critic.{layer}.u"]
        left = weight @ u / np.linalg.norm(weight @ u)
        right = weight.T @ left / np.linalg.norm(weight.T @ left)
        # The critic is divided by this estimate; power iteration has followed the weights so far.
        assert left @ weight @ right == pytest.approx(np.linalg.norm(weight, 2), rel=2e-2)


def test_a_critic_that_overflows_stops_the_run(engine, tmp_path):
    """The step, who was to blame, and the last good checkpoint."""
    objective = Adversarial(loss="wasserstein", gradient_penalty=1.0, hidden=(4,))
    settings: Any = {"objective": objective, "progress": False, "batch_size": 50}
    with pytest.raises(DivergenceError, match=r"critic's scores.*at step \d+.*is kept in") as error:
        fit(line(engine), bell(), steps=400, learning_rate=1e12, out=tmp_path / "r", **settings)
    assert error.value.run is not None
    kept = load_run(tmp_path / "r")
    for values in (kept.parameters, kept.owned, error.value.run.owned):
        assert all(np.isfinite(value).all() for value in values.values())


def test_settings_that_do_not_go_together_are_refused():
    cases = {
        "slope is bounded": {"loss": "wasserstein"},
        "labels to smooth": {"loss": "hinge", "smooth_real": 0.1},
        "sign says data": {"loss": "wasserstein", "clip": 0.1, "freeze": 0.9},
        "learn from": {"loss": "feature-matching", "joint": True},
        "needs instance_noise": {"noise_steps": 5},
        "build them": {"critic": object(), "spectral_norm": True},
        "loss must be one of": {"loss": "gan"},
        "clip must be positive": {"clip": 0.0},
        "jacobian_clamp must be": {"jacobian_clamp": (3, 1)},
        "draw must be one of": {"draw": "hard"},
    }
    for message, settings in cases.items():
        with pytest.raises(ValueError, match=message):
            Adversarial(**settings)
    objective = parse_objective("adversarial:loss=hinge,hidden=(8, 8),jacobian_clamp=(1, 20)")
    assert isinstance(objective, Adversarial)
    assert (objective.hidden, objective.jacobian_clamp) == ((8, 8), (1.0, 20.0))


def test_what_cannot_be_trained_adversarially_is_refused_by_name(engine):
    net = create("sigmoid_belief", engine=engine, data_dim=5, latent_dims=(3,))
    x = (np.random.default_rng(0).random((20, 5)) < 0.5).astype(np.float32)
    for objective, message in (
        (Adversarial(), "'h1'.*straight-through"),
        (Adversarial(draw="sample"), "'h1'"),
        (Adversarial(draw="relaxed", jacobian_clamp=(1, 2)), "'h1', being discrete"),
        (Adversarial(draw="relaxed", joint=True), "not reparameterised"),
    ):
        with pytest.raises(ObjectiveError, match=message):
            fit(net, x, objective=objective, steps=1, progress=False)
    draw = "relaxed" if engine == "pyro" else "straight-through"
    run = fit(net, x, objective=Adversarial(draw=draw, hidden=(4,)), steps=4, progress=False)
    assert all(np.isfinite(value).all() for value in run.parameters.values())
    with pytest.raises(ObjectiveError, match=r"flax\.nnx|torch\.nn"):
        fit(line(engine), bell(), objective=Adversarial(lambda x: x), steps=1, progress=False)


def test_labels_reach_the_critic(engine):
    pair = create("mlp_generator", engine=engine, data_dim=4, latent_dim=2, hidden=(5,), classes=3)
    random = np.random.default_rng(0)
    x, y = random.random((30, 4)).astype(np.float32).round(), random.integers(0, 3, 30)
    run = fit(pair, (x, y), objective=Adversarial(hidden=(4,), classes=3), steps=4, progress=False)
    assert run.critic(x, y).shape == (30,)
    assert not np.allclose(run.critic(x, y), run.critic(x, (y + 1) % 3))
    with pytest.raises(ObjectiveError, match="classes="):
        fit(pair, (x, y), objective=Adversarial(hidden=(4,)), steps=1, progress=False)
