"""NumPyro guides that compute a latent of a draw and parameters, with a density of their own."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro.infer.autoguide import AutoNormal

from inference import IWAE, valid_objectives

DATA = np.random.default_rng(1).normal(size=5).astype(np.float32)
SPLITS = {"STL", "DReG", "TailAdaptive", "ChiSquare"}  # the gradient through draws from the rest
SCORES = {"RWS", "TVO", "SUMO", "JensenShannon", "TotalVariation"}  # learn by log q of held draws
aside: Any = {"is_auxiliary": True}
param: Any = numpyro.param
delta: Any = dist.Delta
START = {"loc": 0.3, "log_scale": -0.4}


def model(x):
    with numpyro.plate("rows", len(x)):
        z = numpyro.sample("z", dist.Normal(0.0, 1.0))
        numpyro.sample("x", dist.Normal(z, 0.5), obs=x)


def moved(scaled: bool, held: bool = False):
    def guide(x):
        loc, log_scale = param("loc", 0.3), jnp.zeros(())
        if scaled:
            log_scale = param("log_scale", -0.4)
        if held:
            loc, log_scale = map(jax.lax.stop_gradient, (loc, log_scale))
        with numpyro.plate("rows", len(x)):
            noise = numpyro.sample("noise", dist.Normal(0.0, 1.0), infer=aside)
            z = loc * x + jnp.exp(log_scale) * noise
            numpyro.sample("z", delta(z, log_density=-log_scale))

    return guide


def plain(x):
    loc, log_scale = param("loc", 0.3), param("log_scale", -0.4)
    with numpyro.plate("rows", len(x)):
        numpyro.sample("z", dist.Normal(loc * x, jnp.exp(log_scale)))


def test_its_own_density_is_refused_where_it_would_be_left_out():
    valid = valid_objectives((model, moved(scaled=True)), DATA)
    assert not (SPLITS | SCORES) & set(valid.valid)
    assert {"ELBO", "IWAE", "RLOO"} <= set(valid.valid)
    assert "'z' is computed of parameters" in valid.refused["DReG"]


def test_where_its_density_has_no_parameter_sticking_the_landing_is_allowed():
    valid = valid_objectives((model, moved(scaled=False)), DATA)
    assert "STL" in valid.valid
    assert "DReG" not in valid.valid


def test_parameters_that_are_held_do_not_count():
    assert set(valid_objectives((model, moved(scaled=True, held=True)), DATA).valid) >= SPLITS


def test_guides_of_the_library_act_through_their_draws():
    assert set(valid_objectives((model, AutoNormal(model)), DATA).valid) >= SPLITS | SCORES


def mean_gradient(objective: Any, guide: Any) -> tuple[np.ndarray, np.ndarray]:
    def loss(parameters: dict[str, Any], key: Any) -> Any:
        return objective.loss(key, parameters, model, guide, DATA)

    keys = jax.random.split(jax.random.PRNGKey(0), 4000)
    slopes = jax.jit(jax.vmap(jax.grad(loss), (None, 0)))(
        {n: jnp.float32(v) for n, v in START.items()}, keys
    )
    each = np.stack([np.asarray(slopes[name]) for name in START])
    return each.mean(1), each.std(1) / 4000**0.5


def test_the_bound_of_many_draws_has_the_gradient_of_the_same_guide_written_plainly():
    """4,000 draws of each; by chance a difference is above 5 errors once in a million runs."""
    ours, error = mean_gradient(IWAE(3), moved(scaled=True))
    truth, other = mean_gradient(IWAE(3), plain)
    assert np.abs(ours - truth).max() < 5 * np.hypot(error, other).max()
