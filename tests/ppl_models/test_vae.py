"""The VAE's likelihoods, flows and given networks against scipy, numeric Jacobians and refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as ndist
import pyro.distributions as pdist
import pytest
import torch
from flax import nnx
from rows import ENGINES
from scipy.stats import logistic

from inference import ELBO, IWAE, STL, fit, load_run, log_likelihood, valid_objectives
from inference.engines import load_engine
from inference.errors import ObjectiveError, RunFolderError
from inference.objectives.registry import examples
from ppl_models import create
from ppl_models.networks.latent_variables import flows, flows_numpyro
from ppl_models.networks.latent_variables.latent_structure import flow_inputs
from ppl_models.networks.observations.likelihoods import DiscretisedLogistic as PyroLogistic
from ppl_models.networks.observations.likelihoods_numpyro import DiscretisedLogistic as JaxLogistic

SMALL = {"data_dim": 12, "latent_dim": 3, "hidden": (7,)}


def discretised(engine: str, loc: Any, scale: Any, levels: int) -> Any:
    if engine == "pyro":
        return PyroLogistic(torch.tensor(loc), torch.tensor(scale), levels)
    return JaxLogistic(jnp.asarray(loc), jnp.asarray(scale), levels)


@pytest.mark.parametrize("levels", [2, 17, 256])
@pytest.mark.parametrize("engine", ENGINES)
def test_probabilities_of_the_grey_levels(engine: str, levels: int) -> None:
    """They sum to 1, and are differences of scipy's distribution function where that is exact."""
    loc = np.array([-0.5, 0.0, 0.3, 0.5, 1.0, 1.7], np.float32)
    scale = np.array([0.3, 0.01, 0.1, 0.002, 0.5, 0.05], np.float32)
    x = (np.arange(levels) / (levels - 1)).astype(np.float32)[:, None]
    fn = discretised(engine, loc, scale, levels)
    values = torch.tensor(x) if engine == "pyro" else jnp.asarray(x)
    log_prob = np.asarray(fn.log_prob(values), np.float64)
    np.testing.assert_allclose(np.exp(log_prob).sum(0), 1, rtol=1e-5)
    edges = np.concatenate([[-np.inf], (np.arange(levels - 1) + 0.5) / (levels - 1), [np.inf]])
    cumulative = logistic.cdf(edges[:, None], loc.astype(float), scale.astype(float))
    expected = np.diff(cumulative, axis=0)
    large = expected > 1e-6
    np.testing.assert_allclose(np.exp(log_prob)[large], expected[large], rtol=3e-3, atol=1e-9)
    assert np.isfinite(log_prob).all()
    mean = (expected * np.arange(levels)[:, None]).sum(0) / (levels - 1)
    np.testing.assert_allclose(np.asarray(fn.mean), mean, atol=0.5 / (levels - 1) + 1e-6)


@pytest.mark.parametrize("engine", ENGINES)
def test_draws_of_grey_levels_have_their_probabilities(engine: str) -> None:
    """20,000 draws of 5 levels; five frequencies within 5.5 standard errors each."""
    fn = discretised(engine, np.float32(0.6) * np.ones(20_000, np.float32), np.float32(0.2), 5)
    if engine == "pyro":
        torch.manual_seed(0)
        draws = fn.sample().numpy()
    else:
        draws = np.asarray(fn.sample(jax.random.PRNGKey(0)))
    edges = np.array([-np.inf, 0.125, 0.375, 0.625, 0.875, np.inf])
    expected = np.diff(logistic.cdf(edges, 0.6, 0.2))
    found = np.array([(np.abs(draws - k / 4) < 1e-6).mean() for k in range(5)])
    assert found.sum() == pytest.approx(1)
    assert (np.abs(found - expected) < 5.5 * np.sqrt(expected * (1 - expected) / 20_000)).all()


@pytest.mark.parametrize("kind", ["planar", "iaf"])
def test_density_of_a_flow_draw_by_a_numeric_jacobian(kind: str) -> None:
    """log q(T(z0)) = log N(z0) - log |det dT/dz0|, the Jacobian column by column, both engines."""
    random = np.random.default_rng(0)
    dim, length = 3, 3
    count = flow_inputs(kind, length, dim)
    given = random.normal(size=(2, count))
    base = torch.tensor(random.normal(size=(2, dim)))
    flow = flows.Flow(kind, length, dim, 8, torch.Generator().manual_seed(0)).double()
    for step in flow.steps:
        step.masks = tuple(mask.double() for mask in step.masks)  # pyright: ignore
    zero = torch.zeros(2, dim, dtype=torch.float64)
    fn: Any = flow(pdist.Normal(zero, 1.0).to_event(1), torch.tensor(given))

    def forward(z: Any) -> Any:
        for transform in fn.transforms:
            z = transform(z)
        return z

    z = forward(base)
    log_q = fn.log_prob(z).detach().numpy()
    columns = []
    for index in range(dim):
        move = torch.zeros(dim, dtype=torch.float64)
        move[index] = 1e-6
        columns.append(((forward(base + move) - forward(base - move)) / 2e-6).detach().numpy())
    log_det = np.linalg.slogdet(np.stack(columns, -1))[1]
    normal = -0.5 * (base.numpy() ** 2).sum(-1) - 0.5 * dim * np.log(2 * np.pi)
    np.testing.assert_allclose(log_q, normal - log_det, rtol=1e-6)

    theirs = flows_numpyro.Flow(kind, length, dim, 8, nnx.Rngs(0))
    with numpyro.handlers.block():
        standard = ndist.Normal(jnp.zeros((2, dim)), 1.0).to_event(1)
        other: Any = theirs(standard, jnp.asarray(given, jnp.float32))
    values, between = other.sample_with_intermediates(jax.random.PRNGKey(0))
    start = between[0][0]

    def transformed(z: jax.Array) -> jax.Array:
        for transform in other.transforms:
            z = transform(z)
        return z

    whole = jax.jacfwd(transformed)(start)  # (2, dim, 2, dim)
    log_det = [np.linalg.slogdet(np.asarray(whole[n, :, n]))[1] for n in range(2)]
    normal = -0.5 * (np.asarray(start) ** 2).sum(-1) - 0.5 * dim * np.log(2 * np.pi)
    np.testing.assert_allclose(other.log_prob(values, between), normal - log_det, rtol=1e-4)
    if kind == "iaf":
        np.testing.assert_allclose(other.log_prob(values), normal - log_det, rtol=1e-4)


@pytest.mark.parametrize("engine", ENGINES)
def test_planar_guides_learn_by_bounds_of_their_own_draws(engine: str) -> None:
    x = (np.random.default_rng(0).random((8, 12)) < 0.4).astype(np.float32)
    x[0] = 0  # at a zero input the encoder's output is zero
    pair = create("vae", engine=engine, **SMALL, flow="planar", flow_length=2)
    for objective in (ELBO(), IWAE(num_particles=3)):
        run = fit(pair, x, steps=2, objective=objective, progress=False)
        assert np.isfinite(run.rows[-1]["loss"])
    assert np.isfinite(log_likelihood(run.pair, x, num_particles=3).per_datum).all()
    with pytest.raises(ObjectiveError, match=r"guide's 'z' is a flow whose inverse is not known"):
        fit(pair, x, steps=2, objective=STL(), progress=False)
    found = valid_objectives(pair, x)
    scoring = {"PIWAE", "STL", "DReG", "TailAdaptive", "ChiSquare", "RWS", "WakeSleep"}
    assert scoring <= {name for name, why in found.refused.items() if "inverse" in why}
    for objective in examples() if engine == "pyro" else ():  # what is not refused works
        if type(objective).__name__ in found.valid:
            fit(pair, x, steps=1, objective=objective, progress=False)


def networks(engine: str) -> tuple[Any, Any]:
    if engine == "pyro":
        return (
            torch.nn.Sequential(torch.nn.Linear(12, 5), torch.nn.ReLU(), torch.nn.Linear(5, 6)),
            torch.nn.Linear(3, 12),
        )
    rngs = nnx.Rngs(0)
    encoder = nnx.Sequential(nnx.Linear(12, 5, rngs=rngs), nnx.relu, nnx.Linear(5, 6, rngs=rngs))
    return encoder, nnx.Linear(3, 12, rngs=rngs)


@pytest.mark.parametrize("engine", ENGINES)
def test_networks_of_the_users_own(engine: str, tmp_path: Path) -> None:
    x = (np.random.default_rng(0).random((8, 12)) < 0.4).astype(np.float32)
    encoder, decoder = networks(engine)
    pair = create("vae", engine=engine, **SMALL, encoder=encoder, decoder=decoder)
    run = fit(pair, x, steps=2, progress=False, out=tmp_path / "run")
    assert sum(v.size for v in run.parameters.values()) == 12 * 5 + 5 + 5 * 6 + 6 + 3 * 12 + 12
    with pytest.raises(RunFolderError, match=r"encoder must be a .*pass the pair: load_run"):
        load_run(tmp_path / "run")
    loaded = load_run(tmp_path / "run", pair=pair)
    z = np.ones((2, 3), np.float32)
    np.testing.assert_array_equal(loaded.decode(z=z), run.decode(z=z))


@pytest.mark.parametrize("engine", ENGINES)
def test_given_networks_are_refused_by_name(engine: str) -> None:
    encoder, decoder = networks(engine)
    for bad, words in (
        ({"encoder": decoder}, r"encoder must be .*\(\.\.\., 12\) to \(\.\.\., 6\), but it fails"),
        ({"decoder": encoder}, r"decoder must be .*but it fails"),
        ({"encoder": encoder, "flow": "iaf"}, r"encoder must be .* 9\), but .* to \(2, 6\)"),
        ({"decoder": "mlp"}, "decoder must be .* or None for the pair's own; got 'mlp'"),
        ({"decoder": decoder, "data_mean": np.zeros(12)}, "data_mean sets the bias"),
    ):
        with pytest.raises(ValueError, match=words):
            create("vae", engine=engine, **SMALL, **bad)


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ({"latent": "discrete"}, "latent must be one of gaussian, categorical, mixed"),
        ({"categorical_dim": 0}, "categorical_dim must be a whole number"),
        ({"classes": 0}, "classes must be a whole number"),
        ({"flow": "radial"}, "flow must be one of none, planar, iaf"),
        ({"flow_length": 0}, "flow_length must be"),
        ({"flow_hidden": 0}, "flow_hidden must be"),
        ({"flow": "iaf", "latent": "categorical"}, "latent='mixed' or flow='none'"),
        ({"levels": 1}, "levels must be at least 2"),
        ({"likelihood": "poisson"}, "likelihood must be one of"),
    ],
)
@pytest.mark.parametrize("engine", ENGINES)
def test_arguments_are_refused_by_name(engine: str, bad: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        create("vae", engine=engine, **SMALL, **bad)


@pytest.mark.parametrize("engine", ENGINES)
def test_data_off_the_grey_levels_are_refused(engine: str) -> None:
    pair = create("vae", engine=engine, **SMALL, likelihood="discretised-logistic", levels=17)
    x = np.full((4, 12), 3 / 16, np.float32)
    assert load_engine(engine).structure(pair, (x,)).observed[0].family == ""
    fit(pair, x, steps=1, progress=False)
    with pytest.raises(ValueError, match="greylevels"):
        fit(pair, x + 0.01, steps=1, progress=False)
