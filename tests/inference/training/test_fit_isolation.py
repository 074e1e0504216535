"""`fit` leaves global state and the pair that was passed in as they were."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
from tiny_runs import (
    WIDTH,
    assert_same_parameters,
    assert_same_rows,
    assert_same_run,
    bare,
    binary,
    differs,
    loaded,
    quick,
    vae,
)

from inference import check_pair, estimator_report, fit, log_likelihood
from inference.engines import load_engine
from inference.errors import DataError, DivergenceError


def initial(pair: Any) -> dict[str, np.ndarray]:
    """The parameters of an untrained zoo pair, copied."""
    if pair.engine == "pyro":
        return {n: p.detach().numpy().copy() for n, p in pair.named_parameters()}
    import jax
    from flax import nnx

    leaves = jax.tree_util.tree_leaves_with_path(nnx.state((pair.encoder, pair.decoder)))
    return {jax.tree_util.keystr(path): np.array(leaf) for path, leaf in leaves}


def global_state() -> tuple[Any, ...]:
    import jax
    import numpyro
    import pyro
    import torch

    store = pyro.get_param_store()
    return (
        bytes(torch.get_rng_state().tolist()),
        str(random.getstate()),
        str(np.random.get_state()),
        {name: store[name].detach().tolist() for name in store.keys()},  # noqa: SIM118
        torch.is_grad_enabled(),
        torch.distributions.Distribution._validate_args,
        pyro.poutine.runtime._PYRO_STACK.copy(),
        pyro.settings.get("validate_distributions_pyro"),
        pyro.settings.get("validate_poutine"),
        pyro.settings.get("validate_infer"),
        numpyro.distributions.Distribution._validate_args,
        jax.config.values["jax_default_device"],
        jax.config.values["jax_enable_x64"],
    )  # fmt: skip


def test_global_state_is_left_alone(engine):
    import numpyro
    import pyro
    import torch
    from torch.distributions import constraints

    pyro.param("weight", torch.arange(3.0))
    pyro.param("mine", torch.tensor(2.0), constraint=constraints.positive)
    pyro.enable_validation(True)
    numpyro.enable_validation(True)
    torch.manual_seed(12)
    pair = vae(engine)  # the first import of flax draws from Python's random state
    try:
        before = global_state()
        run = quick(bare(engine), binary(), steps=3, valid=binary(3))
        assert global_state() == before
        quick(pair, binary(), steps=3)
        assert global_state() == before
        log_likelihood(run.pair, binary(), num_particles=2)
        run.pair.guide(torch.tensor(binary())) if engine == "pyro" else None
        with pytest.raises(DataError):
            quick(vae(engine), [binary(4), binary(4)[:, :2]], steps=3)
        with pytest.raises(DivergenceError):
            quick(bare(engine), [binary(4), 1e30 * binary(4)], steps=3)
        torch.manual_seed(12)
        assert global_state() == before
    finally:
        pyro.clear_param_store()
        numpyro.enable_validation(False)
        numpyro.distributions.Distribution.set_default_validate_args(False)
        pyro.enable_validation(__debug__)


def test_the_global_random_state_does_not_matter(engine):
    import torch

    first = quick(bare(engine), binary(), steps=4)
    with torch.random.fork_rng():
        torch.manual_seed(99)
        assert_same_run(first, quick(bare(engine), binary(), steps=4))


def test_the_pair_that_was_passed_in_stays_as_it_was(engine):
    pair = vae(engine)
    before = initial(pair)
    first = quick(pair, binary(), steps=6)
    assert_same_parameters(initial(pair), before)
    assert_same_run(first, quick(pair, binary(), steps=6))
    assert differs(first.parameters, quick(pair, binary(), steps=7).parameters)


def test_two_pairs_share_nothing(engine):
    one, other = vae(engine), vae(engine, seed=1)
    alone = quick(one, binary(), steps=6)
    quick(other, binary(seed=4), steps=6)
    bare_run = quick(bare(engine), binary(), steps=6)
    quick(bare(engine), binary(seed=4), steps=12)
    assert_same_run(alone, quick(one, binary(), steps=6))
    assert_same_run(bare_run, quick(bare(engine), binary(), steps=6))
    kept = {name: array.copy() for name, array in alone.parameters.items()}
    score = log_likelihood(alone.pair, binary(), num_particles=2).per_datum
    again = quick(alone.pair, binary(), steps=6)
    assert differs(kept, again.parameters)
    assert_same_parameters(kept, alone.parameters)
    assert np.array_equal(score, log_likelihood(alone.pair, binary(), num_particles=2).per_datum)


@pytest.mark.parametrize("kind", ["vae", "bare"])
def test_a_fitted_pair_goes_on_from_its_parameters(kind, engine):
    pair = vae(engine) if kind == "vae" else bare(engine)
    fitted = quick(pair, binary(), steps=12, learning_rate=0.05)
    # A step too small to change a number of 32 bits shows what the run began from.
    still = quick(fitted.pair, binary(), steps=1, learning_rate=1e-30)
    assert_same_parameters(fitted.parameters, still.parameters)
    onward = quick(fitted.pair, binary(), steps=12, learning_rate=0.05)
    assert differs(fitted.parameters, onward.parameters)
    fresh = quick(pair, binary(), steps=12, learning_rate=0.05)
    assert_same_run(fitted, fresh)


def test_bare_functions_give_constrained_parameters_by_name_and_reload(engine, tmp_path):
    run = quick(bare(engine), binary(), steps=12, learning_rate=0.2, out=tmp_path / "run")
    assert {n: a.shape for n, a in sorted(run.parameters.items())} == {
        "scale": (),
        "slope": (WIDTH,),
        "spread": (),
        "weight": (WIDTH,),
    }
    assert 0 < run.parameters["scale"] < 1  # began at 1; unconstrained, its logarithm is negative
    assert 0 < run.parameters["spread"] < 2
    again = loaded(engine, tmp_path / "run")
    assert_same_run(run, again)
    score = log_likelihood(run.pair, binary(), num_particles=3).per_datum
    assert np.array_equal(score, log_likelihood(again.pair, binary(), num_particles=3).per_datum)


def test_stax_networks_whose_parameters_are_lists(tmp_path):
    import tiny_stax

    pair = (tiny_stax.model, tiny_stax.guide)
    run = fit(pair, binary(), steps=4, batch_size=4, progress=False, out=tmp_path / "run")
    score = log_likelihood(run.pair, binary(), num_particles=2).per_datum
    assert np.isfinite(score).all()
    from inference import load_run
    from inference.errors import RunFolderError

    again = load_run(tmp_path / "run", pair=pair, batch=(binary(3),))
    assert_same_parameters(run.parameters, again.parameters)
    assert_same_rows(run.rows, again.rows)
    assert np.array_equal(score, log_likelihood(again.pair, binary(), num_particles=2).per_datum)
    with pytest.raises(RunFolderError, match=r"nested in lists; pass some rows"):
        load_run(tmp_path / "run", pair=pair)


@pytest.mark.parametrize("mode", ["no_grad", "inference_mode"])
def test_gradients_that_the_caller_switched_off_are_taken_and_stay_off(mode):
    import torch

    plain, pair = quick(vae("pyro"), binary(), steps=2), vae("pyro")
    with getattr(torch, mode)():
        assert_same_run(quick(pair, binary(), steps=2), plain)
        quick(bare("pyro"), binary(), steps=2)
        gradients = ["gradients-exist", "gradient-of-log-p", "gradient-through-draws"]
        assert not check_pair(pair, binary(), checks=gradients).failed
        assert estimator_report(pair, {"elbo": "elbo"}, binary(3), num_draws=40).measurements
        assert not torch.is_grad_enabled()


def test_without_compilation_steps_and_checks_are_the_same():
    import jax

    pair, probe = bare("numpyro"), load_engine("numpyro").Probe(bare("numpyro"), (binary(3),))
    plain = quick(pair, binary(3), steps=2)
    probe.record("guide", (binary(3),))
    with jax.disable_jit():
        run = quick(pair, binary(3), steps=2)
        assert probe.slopes("path", {}, ["weight"], rng_seed=0).gradient
    for name, value in plain.parameters.items():
        np.testing.assert_allclose(run.parameters[name], value, rtol=1e-5, atol=1e-6)
