"""Objectives with parameters or state of their own: trained, resumed, and kept out of the pair."""

from __future__ import annotations

import functools
import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny_belief_net as tb
from tiny_runs import BATCH, assert_same_parameters, assert_same_run, bare, binary, differs, quick

from inference import ELBO, NVIL, REBAR, RELAX, RLOO, Concrete, load_run, log_likelihood
from inference.engines import load_engine
from inference.errors import ObjectiveError
from inference.estimators.certificate.cases import CASES
from inference.objectives import Objective
from inference.program.trainer import Settings

CASE = CASES["bernoulli"]
X = CASE.data(24).astype(np.float32)
STEPS = 18

OWNERS: dict[str, Callable[[], Objective]] = {
    "nvil": lambda: NVIL(hidden=4),
    "rebar": lambda: REBAR(),
    "relax": lambda: RELAX(hidden=4),
    "warm-up": lambda: ELBO(warmup_steps=10),
    "annealed": lambda: Concrete(1.0, final_temperature=0.2, anneal_steps=10),
}
SITES = ("b1", "b2")
LAYERS = ("0.weight", "0.bias", "1.weight", "1.bias")
SCALES = {f"scale.{site}" for site in SITES}
OWNED = {
    "nvil": {f"baseline.{site}.{layer}" for site in SITES for layer in LAYERS}
    | {f"state.{average}.{site}" for site in SITES for average in ("mean", "variance")},
    "rebar": SCALES,
    "relax": SCALES | {f"control.{site}.{layer}" for site in SITES for layer in LAYERS},
    "warm-up": {"state.step"},
    "annealed": {"state.step"},
}
KINDS = ("mean", "variance")
each_owner = pytest.mark.parametrize("owner", OWNERS)


def pair(engine: str) -> Any:
    return CASE.pair(engine, CASE.values)


def loaded(engine: str, folder: Any) -> Any:
    return load_run(folder, pair=pair(engine), batch=(X[:3],))


@functools.cache
def program(over: str, engine: str) -> tuple[Any, np.ndarray]:
    """A pair and data that it can score."""
    if over == "gaussian":
        return bare(engine), binary(20, seed=3)
    case = CASES[over]
    return case.pair(engine, case.values), case.data(20).astype(np.float32)


def gradients(
    engine: str, objective: Objective, over: str = "bernoulli", **state: float
) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Gradients by the pair's parameters, under one seed, and the values."""
    plain, x = program(over, engine)
    values = {f"state.{name}": np.array(value, np.float32) for name, value in state.items()}
    grads, losses = load_engine(engine).gradients(plain, objective, (x,), 3, values=values, seed=1)
    return {n: g for n, g in grads.items() if not n.startswith("objective")}, losses


def assert_close(one: dict[str, np.ndarray], other: dict[str, np.ndarray], by: float = 1) -> None:
    assert one.keys() == other.keys()
    for name, array in one.items():
        expected = other[name] / by
        np.testing.assert_allclose(array, expected, rtol=1e-4, atol=1e-5, err_msg=name)


def train(engine: str, objective: Objective, steps: int = STEPS, **keywords: Any) -> Any:
    return quick(pair(engine), X, objective=objective, steps=steps, learning_rate=0.03, **keywords)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A function: a run that never stopped, one that did, its folder, and a used objective."""
    known: dict[tuple[str, str], Any] = {}

    def get(owner: str, engine: str) -> tuple[Any, Any, Path, Objective]:
        if (owner, engine) not in known:
            make, out = OWNERS[owner], tmp_path_factory.mktemp("runs") / "run"
            used = make()
            whole = train(engine, used, valid=X[:5])
            train(engine, make(), steps=7, valid=X[:5], out=out)
            resumed = train(engine, make(), valid=X[:5], out=out, resume=True)
            known[owner, engine] = whole, resumed, out, used
        return known[owner, engine]

    return get


@each_owner
def test_training_works(owner, engine):
    run = train(engine, OWNERS[owner](), steps=300)
    losses = [row["loss"] for row in run.rows]
    assert len(losses) == 3
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]


@each_owner
def test_a_stopped_run_goes_on_bit_for_bit(owner, engine, runs):
    whole, resumed, out, _ = runs(owner, engine)
    assert (whole.step, resumed.step) == (STEPS, STEPS)
    assert_same_run(whole, resumed)
    assert_same_run(resumed, loaded(engine, out))


def test_a_resumed_run_that_forgets_its_state_is_caught(engine, runs, tmp_path, monkeypatch):
    """Planted: the warm-up begins anew."""
    trainer: Any = load_engine(engine).Trainer
    restore = trainer.restore

    def forgetful(self: Any, arrays: dict[str, Any]) -> None:
        forgotten = {n: 0 * a if "objective.state" in n else a for n, a in arrays.items()}
        restore(self, forgotten)

    monkeypatch.setattr(trainer, "restore", forgetful)
    train(engine, OWNERS["warm-up"](), steps=7, valid=X[:5], out=tmp_path / "run")
    resumed = train(engine, OWNERS["warm-up"](), valid=X[:5], out=tmp_path / "run", resume=True)
    assert differs(runs("warm-up", engine)[0].parameters, resumed.parameters)


@each_owner
def test_a_fitted_pair_holds_nothing_of_the_objective(owner, engine, runs):
    _, run, out, _ = runs(owner, engine)
    held = run.pair.store["params"] if engine == "pyro" else run.pair.values
    for names in (run.parameters, held, loaded(engine, out).parameters):
        assert set(names) == set(CASE.values)


@each_owner
def test_a_run_read_back_has_the_same_likelihood(owner, engine, runs):
    _, run, out, _ = runs(owner, engine)
    first = log_likelihood(run.pair, X, 20)
    assert np.isfinite(first.mean)
    assert log_likelihood(loaded(engine, out).pair, X, 20).mean == first.mean


@each_owner
def test_a_fitted_pair_can_be_fitted_again(owner, engine, runs):
    first, _, _, objective = runs(owner, engine)
    before = {name: array.copy() for name, array in first.parameters.items()}
    for again in (objective, RLOO(2)):
        second = quick(first.pair, X, objective=again, steps=5, learning_rate=0.03)
        assert np.isfinite(second.rows[-1]["loss"])
        assert set(second.parameters) == set(CASE.values)
        assert differs(before, second.parameters)
    assert_same_parameters(before, first.parameters)


@each_owner
def test_validation_and_earlier_fits_leave_it_as_it_is(owner, engine, runs):
    whole, _, _, used = runs(owner, engine)
    assert "valid_bound" in whole.rows[0]
    without = train(engine, used)
    assert_same_parameters(whole.parameters, without.parameters)


@each_owner
def test_what_is_owned_moves(owner, engine):
    settings = Settings(seed=0, arrays=(X,), batch_size=BATCH, learning_rate=0.03, total_steps=6)
    trainer = load_engine(engine).Trainer(pair(engine), OWNERS[owner](), settings)
    with trainer.running():
        trainer.start((X[:BATCH],))
        before = {n: np.array(a) for n, a in trainer.state().items() if "objective." in n}
        trainer.run(0, 6)
        after = {n: a for n, a in trainer.state().items() if "objective." in n}
    for name in OWNED[owner]:
        entries = [full for full in before if f"objective.{name}" in full]
        assert entries, name
        for full in entries:
            assert not np.array_equal(before[full], after[full]), full
            if name == "state.step":
                assert (before[full], after[full]) == (0, 6)


@each_owner
def test_stock_svi_of_numpyro_trains_it(owner):
    import jax
    import optax
    from jax import random
    from numpyro.infer import SVI

    plain, objective = pair("numpyro"), OWNERS[owner]()
    svi = SVI(*objective.attach(plain.model, plain.guide), optax.adam(0.03), loss=objective)
    state = svi.init(random.PRNGKey(0), X)

    def owned(state: Any) -> dict[str, np.ndarray]:
        values = {**svi.get_params(state), **(state.mutable_state or {})}
        return {n: np.asarray(v) for n, v in values.items() if n.startswith("objective.")}

    first, update, losses = owned(state), jax.jit(svi.update), []
    assert set(first) == {f"objective.{name}" for name in OWNED[owner]}
    for _ in range(60):
        state, loss = update(state, X)
        losses.append(float(loss))
    last = owned(state)
    assert all(not np.array_equal(first[name], last[name]) for name in first)
    assert np.mean(losses[-10:]) < np.mean(losses[:10])
    assert set(state.mutable_state or {}) == {n for n in first if ".state." in n}


@each_owner
def test_stock_svi_of_numpyro_evaluates_it(owner):
    import jax
    import optax
    from jax import random
    from numpyro.infer import SVI

    plain, objective = pair("numpyro"), OWNERS[owner]()
    svi = SVI(*objective.attach(plain.model, plain.guide), optax.adam(0.03), loss=objective)
    state = svi.init(random.PRNGKey(0), X)
    evaluated, updated = jax.jit(lambda s: (svi.evaluate(s, X), svi.update(s, X)[1]))(state)
    np.testing.assert_allclose(evaluated, updated, rtol=1e-5)


@each_owner
def test_stock_svi_of_numpyro_says_what_is_missing(owner):
    import jax
    import optax
    from jax import random
    from numpyro.infer import SVI

    plain, objective = pair("numpyro"), OWNERS[owner]()
    svi = SVI(plain.model, plain.guide, optax.adam(0.03), loss=objective)
    state = svi.init(random.PRNGKey(0), X)
    with pytest.raises(ObjectiveError, match=r"SVI\(\*objective\.attach\(model, guide\)"):
        jax.eval_shape(svi.update, state, X)


@pytest.fixture
def svi():
    """A function that makes Pyro's own SVI, with a parameter store that is put back."""
    pyro = importlib.import_module("pyro")
    optim = importlib.import_module("pyro.optim")
    torch = importlib.import_module("torch")

    class Stock:
        x = torch.tensor(X)

        def __call__(self, plain: Any, objective: Objective) -> Any:
            adam = optim.Adam({"lr": 0.03})
            return pyro.infer.SVI(plain.model, plain.guide, adam, loss=objective)

        def owned(self) -> dict[str, np.ndarray]:
            store = pyro.get_param_store()
            names = [name for name in store if name.startswith("objective")]
            return {name: store[name].detach().numpy().copy() for name in names}

    with pyro.get_param_store().scope(), torch.random.fork_rng():
        torch.manual_seed(0)
        yield Stock()


@each_owner
def test_stock_svi_of_pyro_trains_it(owner, svi):
    stock = svi(pair("pyro"), OWNERS[owner]())
    losses = [stock.step(svi.x)]
    first = svi.owned()
    assert {name.split(".", 1)[1] for name in first} == OWNED[owner]
    assert all(name.startswith("objective#") for name in first)
    losses += [stock.step(svi.x) for _ in range(59)]
    last = svi.owned()
    assert all(not np.array_equal(first[name], last[name]) for name in first)
    assert np.mean(losses[-10:]) < np.mean(losses[:10])
    stock.evaluate_loss(svi.x)
    assert all(np.array_equal(last[name], svi.owned()[name]) for name in last)


@each_owner
def test_stock_svi_of_pyro_attaches_nothing(owner):
    plain, objective = pair("pyro"), OWNERS[owner]()
    assert objective.attach(plain.model, plain.guide) == (plain.model, plain.guide)


@each_owner
@pytest.mark.parametrize("shared", ["objective", "pair", "neither"])
def test_two_trained_in_one_process_own_different_things(owner, shared, svi):
    one, objective = pair("pyro"), OWNERS[owner]()
    first = svi(one, objective)
    other = one if shared == "pair" else pair("pyro")
    second = svi(other, objective if shared == "objective" else OWNERS[owner]())
    first.step(svi.x)
    mine = svi.owned()
    second.step(svi.x)
    both = svi.owned()
    assert len(both) == 2 * len(mine)
    assert all(np.array_equal(array, both[name]) for name, array in mine.items())


class Reconstruction(Objective):
    """E_q[log p(x | z)]."""

    def surrogate(self, program: Any) -> Any:
        return program.total(program.draw(1).log_p_sites["x"].mean(0))

    def check(self, structure: Any) -> None:
        structure.check_observed()


def test_a_warm_up_starts_from_the_reconstruction(engine):
    start = gradients(engine, ELBO(beta=2.0, warmup_steps=4), "gaussian", step=0)[0]
    assert_close(start, gradients(engine, Reconstruction(), "gaussian")[0])


@pytest.mark.parametrize(("step", "beta"), [(1, 0.5), (9, 2.0)])
def test_a_warm_up_rises_to_beta(step, beta, engine):
    warm = gradients(engine, ELBO(beta=2.0, warmup_steps=4), "gaussian", step=step)[0]
    assert_close(warm, gradients(engine, ELBO(beta=beta), "gaussian")[0])


def test_a_warm_up_weighs_the_scores_of_discrete_draws(engine):
    warm = gradients(engine, ELBO(warmup_steps=4), step=3)[0]
    assert_close(warm, gradients(engine, ELBO(beta=0.75))[0])


@pytest.mark.parametrize("over", ["gaussian", "bernoulli"])
def test_what_is_reported_is_the_plain_elbo(over, engine):
    expected = gradients(engine, ELBO(), over)[1]
    for objective in (ELBO(beta=3.0), ELBO(beta=0.5, warmup_steps=9, free_bits=0.2)):
        found = gradients(engine, objective, over)[1]
        np.testing.assert_allclose(found, expected, rtol=1e-6, err_msg=repr(objective))


@pytest.mark.parametrize("over", ["gaussian", "bernoulli"])
def test_enough_free_bits_leave_the_divergence_alone(over, engine):
    free = gradients(engine, ELBO(free_bits=1e6), over)[0]
    assert_close(free, gradients(engine, ELBO(beta=0.0), over)[0])


def test_hardly_any_free_bits_change_nothing(engine):
    free = gradients(engine, ELBO(free_bits=1e-6), "gaussian")[0]
    assert_close(free, gradients(engine, ELBO(), "gaussian")[0])


@pytest.mark.parametrize("step", [3, 25])
def test_a_temperature_falls_geometrically(step, engine):
    annealed = Concrete(1.0, final_temperature=0.2, anneal_steps=10)
    expected = gradients(engine, Concrete(0.2 ** min(step / 10, 1)))
    found = gradients(engine, annealed, step=step)
    assert_close(found[0], expected[0])
    np.testing.assert_allclose(found[1], expected[1], rtol=1e-5)


def test_nvil_divides_what_is_learnt_by_its_score(engine):
    """In the mixed program the guide's continuous draw is reparameterised, and not scaled."""
    case = CASES["mixed"]
    plain = gradients(engine, NVIL(None, centre=False, normalise=False), "mixed")
    for variance, by in ((9.0, 3.0), (0.25, 1.0)):
        scaled = gradients(engine, NVIL(None, centre=False), "mixed", **{"variance.k": variance})
        np.testing.assert_array_equal(scaled[1], plain[1])
        for name in case.values:
            divisor = by if name in ("guide_weight", "guide_bias") else 1.0
            assert_close({name: scaled[0][name]}, {name: plain[0][name]}, divisor)


def test_nvil_subtracts_the_mean(engine):
    """What it takes away is in proportion to it, and from the guide's gradient alone."""
    objective = NVIL(None, normalise=False)
    plain, one, two = (
        gradients(engine, objective, "bernoulli", **{f"mean.{site}": mean for site in SITES})[0]
        for mean in (0.0, 5.0, -10.0)
    )
    for name in CASE.values:
        taken = one[name] - plain[name]
        assert (np.abs(taken).max() > 1e-3) == (name in CASE.guide_names)
        np.testing.assert_allclose(two[name] - plain[name], -2 * taken, rtol=1e-3, atol=1e-4)


def test_nvil_keeps_running_moments_of_its_signal(engine):
    """Data apart from the units, and a guide that is the prior: each signal is log p(x_n).

    mean_t = 0.9 mean_{t-1} + 0.1 mean_n log p(x_n), and so the variance about mean_{t-1}.
    """
    values = {n: 0 * v if "weight" in n else v for n, v in tb.parameters().items()}
    values["guide_bias"] = values["prior"]
    x = tb.data(20)
    log_p = (x * values["bias"] - np.logaddexp(0, values["bias"])).sum(1)
    mean = variance = 0.0
    for _ in range(3):
        mean, variance = (
            0.9 * mean + 0.1 * log_p.mean(),
            0.9 * variance + 0.1 * ((log_p - mean) ** 2).mean(),
        )
    run = quick(
        tb.pair(engine, values), x.astype(np.float32), objective=NVIL(None, decay=0.9),
        batch_size=20, steps=3, learning_rate=1e-12,
    )  # fmt: skip
    found = {kind: float(v) for n, v in run.owned.items() for kind in KINDS if f"{kind}." in n}
    assert found == pytest.approx({"mean": mean, "variance": variance}, rel=1e-4)
