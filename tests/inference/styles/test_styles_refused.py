"""What cannot work on a program with global latents is refused by the latent's name."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import numpyro_styles
import pyro_styles
import pytest
import torch

from inference import (
    annealed_importance_sampling,
    bound_parts,
    classify,
    fit,
    log_likelihood,
    psis_k_hat,
    to_arviz,
    valid_objectives,
)
from inference.engines import load_engine
from inference.errors import ObjectiveError, PairError, ZooError
from inference.estimators.weights import effective_sample_sizes

# Style to the name of a latent outside of the data's plate, or None where every latent is inside.
GLOBAL = {
    (pyro_styles, "vae_of_methods"): None,
    (pyro_styles, "conditional_vae"): None,
    (pyro_styles, "deep_markov"): None,
    (pyro_styles, "prod_lda"): None,
    (pyro_styles, "subsampled_inside"): None,
    (pyro_styles, "sparse_gamma_def"): "w_top",
    (pyro_styles, "bayesian_regression"): "linear.weight",
    (pyro_styles, "eight_schools"): "mu",
    (pyro_styles, "easy_guide"): "mu",
    (numpyro_styles, "flax_vae"): None,
    (numpyro_styles, "sparse_gamma_def"): "w",
    (numpyro_styles, "eight_schools"): "mu",
}
CASES = pytest.mark.parametrize(
    ("module", "style", "latent"),
    [(module, style, latent) for (module, style), latent in GLOBAL.items()],
    ids=[f"{module.__name__}-{style}" for module, style in GLOBAL],
)


def pair_and_batch(module: Any, style: str) -> tuple[Any, tuple[np.ndarray, ...]]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        pair, data, _ = getattr(module, style)()
    return pair, data[0] if isinstance(data, list) else data


@CASES
def test_objectives_with_weights_per_datum(module, style, latent):
    pair, batch = pair_and_batch(module, style)
    validity = valid_objectives(pair, *batch)
    assert "ELBO" in validity.valid
    # IWAE weighs local latents given one draw of the globals; this one cannot.
    assert ("DReG" in validity.valid) == (latent is None)
    if latent is not None:
        said = validity.refused["DReG"]
        outside = f"latent '{latent}' lies outside the data's plate" in said
        assert outside or "which it draws for all data at once" in said
        assert "se ELBO()" in said


@CASES
def test_log_likelihood(module, style, latent):
    pair, batch = pair_and_batch(module, style)
    run = fit(pair, batch, steps=2, progress=False)
    if style == "deep_markov" and module is pyro_styles:
        with pytest.raises(ObjectiveError, match="'obs_x_1' has scale 1 and 'z_1'"):
            log_likelihood(run.pair, batch, num_particles=3)  # an annealed divergence is none
        return
    if latent is None and style != "subsampled_inside":
        assert np.isfinite(log_likelihood(run.pair, batch, num_particles=3).mean)
        return
    refusal = (
        f"one datum at a time, but latent '{latent}', outside of the data's plate .*, is one that "
        r"all data share. Of such a pair to_arviz\(pair, x\) has"
    )
    if latent is None:
        refusal = "all rows .* but plate 'data' takes 3 of 8 rows itself. Pass it the size"
    with pytest.raises(ObjectiveError, match=refusal):
        log_likelihood(run.pair, batch, num_particles=3)


X = np.random.default_rng(3).normal(size=(6, 1)).astype(np.float32)


@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
def test_a_parameter_for_each_datum(engine):
    """z ~ N(0, 1), x ~ N(z, 1) and the exact posterior, as a table of means: x ~ N(0, sqrt 2)."""
    per_datum = log_likelihood(in_a_table(engine), X, num_particles=3).per_datum
    exact = -(X[:, 0] ** 2) / 4 - np.log(4 * np.pi) / 2
    np.testing.assert_allclose(per_datum, exact, rtol=1e-5)


def in_a_table(engine: str) -> Any:
    library, dist = (importlib.import_module(n) for n in (engine, f"{engine}.distributions"))
    mean = torch.tensor(X / 2) if engine == "pyro" else X / 2

    def model(x):
        with library.plate("data", len(x)):
            z = library.sample("z", dist.Normal(x * 0, 1.0).to_event(1))
            library.sample("x", dist.Normal(z, 1.0).to_event(1), obs=x)

    def guide(x):
        with library.plate("data", len(x)):
            library.sample("z", dist.Normal(library.param("mean", mean), 0.5**0.5).to_event(1))

    return model, guide


@pytest.mark.parametrize("module", [pyro_styles, numpyro_styles])
@pytest.mark.parametrize("plates", [0, 2])
@pytest.mark.parametrize(
    "estimate", [log_likelihood, bound_parts, psis_k_hat, annealed_importance_sampling]
)
def test_rows_that_have_no_weight_of_their_own(module, plates, estimate):
    """Without a plate one weight for all rows would be given to each of them."""
    engine = module.numpyro if module is numpyro_styles else module.pyro

    def within(x, sample):
        if plates == 0:
            return sample(lambda loc: module.dist.Normal(loc, 1.0).to_event(2))
        with engine.plate("units", 4, dim=-1), engine.plate("data", len(x), dim=-2):
            return sample(lambda loc: module.dist.Normal(loc, 1.0))

    def model(x):
        def sample(normal):
            engine.sample("x", normal(engine.sample("z", normal(x * 0))), obs=x)

        within(x, sample)

    def guide(x):
        within(x, lambda normal: engine.sample("z", normal(x * 0)))

    rows = 2 if estimate is annealed_importance_sampling else len(module.REAL)
    found = f"'data' of size {rows}, 'units' of size 4" if plates else "no plate"
    name = estimate.__name__.replace("annealed_importance_", "annealed importance ")
    match = f"for each row, but around all sites of {rows} rows there is {found}. Open one"
    with pytest.raises(ObjectiveError, match=f"^{name} needs a weight {match}"):
        estimate((model, guide), module.REAL)


@pytest.mark.parametrize("module", [pyro_styles, numpyro_styles])
@pytest.mark.parametrize("estimate", [log_likelihood, bound_parts, psis_k_hat])
def test_a_latent_that_all_data_share_is_named_with_what_can_be_asked(module, estimate):
    """Not a plate that is there already, nor an objective, of which there is none in the call."""
    pair, batch = pair_and_batch(module, "eight_schools")
    with pytest.raises(ObjectiveError) as refused:
        estimate(pair, batch)
    said = str(refused.value)
    assert said.startswith(f"{estimate.__name__} scores one datum at a time, but latent 'mu'")
    assert "Open one plate" not in said
    assert "ELBO()" not in said
    assert set(to_arviz(pair, batch, num_draws=4).groups()) >= {"posterior", "log_likelihood"}


@pytest.mark.parametrize("module", [pyro_styles, numpyro_styles])
def test_classes_of_rows_that_have_no_weight_of_their_own(module):
    engine = module.numpyro if module is numpyro_styles else module.pyro

    def program(x, observed):
        with engine.plate("units", 4, dim=-1), engine.plate("data", len(x), dim=-2):
            y = engine.sample("y", module.dist.Categorical(logits=(x * 0)[:, None, :3]))
            if observed:
                engine.sample("x", module.dist.Normal(x * 0 + y, 1.0), obs=x)

    pair = (lambda x: program(x, observed=True), lambda x: program(x, observed=False))
    with pytest.raises(ObjectiveError, match=r"^classify needs a weight for each row, but"):
        classify(pair, module.REAL, method="iw", num_particles=3, engine=engine.__name__)
    backend, batch = load_engine(engine.__name__), (np.asarray(module.REAL),)
    assert np.isnan(effective_sample_sizes(backend, pair, batch, [2], seed=0)[2])


@pytest.mark.parametrize("module", [pyro_styles, numpyro_styles])
@pytest.mark.filterwarnings("ignore:.*enumerate:UserWarning")
@pytest.mark.filterwarnings("ignore:Currently, SVI with Trace_ELBO:UserWarning")
def test_a_site_to_sum_over_needs_a_loss_that_sums(module):
    pair, batch = pair_and_batch(module, "mixture")
    said = "no site for the model's latent 'assignment'"
    with pytest.raises(PairError, match=said):
        fit(pair, batch, steps=2, progress=False)
    with pytest.warns(UserWarning, match=said):  # upstream's trains, with a prior for a posterior
        fit(pair, batch, objective=trace_elbo(module), steps=2, progress=False)


def trace_elbo(module: Any) -> Any:
    """The library's loss that draws what it is not told to sum over."""
    from numpyro.infer import Trace_ELBO as InNumPyro
    from pyro.infer import Trace_ELBO as InPyro

    return InPyro() if module is pyro_styles else InNumPyro()


def test_refusals_are_the_packages_own():
    pair, batch = pair_and_batch(pyro_styles, "amortised_lda")
    with pytest.raises(ZooError):
        log_likelihood(pair, batch, num_particles=2)


def test_a_network_that_takes_no_size_is_not_asked_to_draw():
    """The call of a torch module takes any keyword, its `forward` those of the model."""
    pair, batch = pair_and_batch(pyro_styles, "bayesian_regression")
    assert "size=" in valid_objectives(pair, *batch).refused["MMD"]
