"""Densities that are known up to a constant make no bound; factors that are constants do."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as ndist
import pyro
import pyro.distributions as pdist
import pyro.infer
import pytest
import torch
from objective_rows import BESIDE
from rows import ENGINES

from inference import check_pair, explain, fit, log_likelihood, valid_objectives
from inference.engines import load_engine
from inference.errors import ObjectiveError
from inference.program.sites import DATA, LATENTS, PARAMETERS

X = (np.random.default_rng(0).random((4, 3)) < 0.5).astype(np.float32)
WEIGHTS = np.array([0.1, 0.2, 0.3, 0.4], dtype=np.float32)
LEARN_ENERGIES = (  # want a kernel, no latents, or a machine's mean field
    *("CD", "PseudoLikelihood", "NCE", "ScoreMatching", "UpDown", "MultiPrediction"),
)
each_engine = pytest.mark.parametrize("engine", ENGINES)
Unnormalised = {
    engine: type("Unnormalised", (law,), {"normalised": False})
    for engine, law in (("pyro", pdist.Normal), ("numpyro", ndist.Normal))
}


@pytest.fixture(autouse=True)
def _own_store():
    with pyro.get_param_store().scope():
        yield


def words(engine: str) -> Any:
    if engine == "pyro":
        return SimpleNamespace(
            d=pdist, sample=pyro.sample, plate=pyro.plate, factor=pyro.factor, param=pyro.param,
            array=torch.tensor, zeros=torch.zeros, zeros_like=torch.zeros_like,
        )  # fmt: skip
    return SimpleNamespace(
        d=ndist, sample=numpyro.sample, plate=numpyro.plate, factor=numpyro.factor,
        param=numpyro.param, array=jnp.asarray, zeros=jnp.zeros, zeros_like=jnp.zeros_like,
    )  # fmt: skip


def term(w: Any, kind: str, x: Any, weights: Any, z: Any, theta: Any) -> Any:
    """The factor's value for each row."""
    return {
        "constant": lambda: w.zeros((len(x),)) + 1.0,
        "shape": lambda: w.zeros_like(x[:, 0]) - 2.0,
        "rows": lambda: (weights * 2).sum(-1) + 0 * weights,
        "threshold": lambda: (x[:, 0] > 0.5) * 1.0,  # carries no gradient
        "data": lambda: x.sum(-1),
        "parameters": lambda: theta[0] ** 2 + w.zeros((len(x),)),
        "itself": lambda: theta,
        "latents": lambda: (z[..., 0] > 0) * 1.0,
        "all": lambda: (x * z * theta[0]).sum(-1),
    }[kind]()


KINDS = {
    "constant": (),
    "shape": (),
    "rows": (),
    "threshold": (DATA,),
    "data": (DATA,),
    "parameters": (PARAMETERS,),
    "itself": (PARAMETERS,),
    "latents": (LATENTS,),
    "all": (DATA, LATENTS, PARAMETERS),
}


def pair(engine: str, kind: str, *, training_only: bool = False, in_guide: bool = False) -> Any:
    w = words(engine)

    def latent() -> Any:
        return w.sample("z", w.d.Normal(w.zeros((3,)), 1.0).to_event(1))

    def score(x: Any, weights: Any, z: Any, theta: Any) -> None:
        value = term(w, kind, x, weights, z, theta)
        if training_only:
            unit = w.d.Unit(value)
            given = unit.sample() if engine == "pyro" else unit.sample(None)
            w.sample("energy", unit, obs=given, infer={"training_only": True})
        else:
            w.factor("energy", value)

    def model(x: Any, weights: Any) -> None:
        theta = w.param("theta", w.zeros((4,)) + 0.5)
        with w.plate("data", len(x)):
            z = latent()
            if kind == "declared":
                w.sample("x", Unnormalised[engine](z, 1.0).to_event(1), obs=x)
                return
            w.sample("x", w.d.Normal(z, 1.0).to_event(1), obs=x)
            if not in_guide:
                score(x, weights, z, theta)

    told: dict[str, Any] = {"has_rsample": True} if engine == "pyro" else {}

    def guide(x: Any, weights: Any) -> None:
        with w.plate("data", len(x)):
            z = latent()
            if in_guide:
                w.factor("energy", 0 * z[..., 0], **told)

    return SimpleNamespace(model=model, guide=guide, engine=engine)


@each_engine
@pytest.mark.parametrize("kind", KINDS)
def test_a_factor_is_known_by_what_it_is_computed_from(engine: str, kind: str) -> None:
    backend, made = load_engine(engine), pair(engine, kind)
    site = backend.structure(made, (X, WEIGHTS)).model["energy"]
    assert (site.factor, site.normalised) == (KINDS[kind], not KINDS[kind])
    marked = backend.structure(pair(engine, kind, training_only=True), (X, WEIGHTS))
    marked.check_observed()


@each_engine
@pytest.mark.parametrize("kind", ["data", "parameters", "latents", "declared"])
def test_bounds_and_likelihoods_refuse_by_name(engine: str, kind: str) -> None:
    made, site = pair(engine, kind), "x" if kind == "declared" else "energy"
    found = valid_objectives(made, X, WEIGHTS)
    assert not found.valid
    for name, why in found.refused.items():
        if name not in ("MMD", "Adversarial", "Denoising", *LEARN_ENERGIES, *BESIDE):
            assert repr(site) in why, name
            assert "MMD and Adversarial" in why
    with pytest.raises(ObjectiveError, match=f"{site!r}.*likelihood"):
        log_likelihood(made, (X, WEIGHTS), num_particles=2)
    with pytest.raises(ObjectiveError, match=f"{site!r}.*likelihood"):
        fit(made, (X, WEIGHTS), objective="iwae:num_particles=2", steps=1)


@each_engine
def test_constants_and_factors_of_the_guide_are_allowed(engine: str) -> None:
    for made in (pair(engine, "rows"), pair(engine, "data", in_guide=True)):
        assert {"ELBO", "IWAE"} <= set(valid_objectives(made, X, WEIGHTS).valid)
    plain = log_likelihood(pair(engine, "data", in_guide=True), (X, WEIGHTS), num_particles=5)
    weighed = log_likelihood(pair(engine, "shape"), (X, WEIGHTS), num_particles=5)
    np.testing.assert_allclose(weighed.per_datum, plain.per_datum - 2.0, rtol=1e-5)


@each_engine
def test_the_checker_says_which_factors_are_constants(engine: str) -> None:
    for kind, said in (("rows", "constant factor"), ("all", "factor")):
        assert explain(pair(engine, kind), X, WEIGHTS).loc["energy", "kind"] == said
    found = " ".join(f.message for f in check_pair(pair(engine, "all"), X, WEIGHTS).findings)
    assert "'energy' changes with the data and the latents and the parameters" in found


@each_engine
def test_the_library_s_own_loss_trains_such_a_model(engine: str) -> None:
    own = {"pyro": pyro.infer.Trace_ELBO, "numpyro": numpyro.infer.Trace_ELBO}[engine]()
    run = fit(pair(engine, "all"), (X, WEIGHTS), objective=own, steps=2, learning_rate=0.1)
    assert np.isfinite(run.history["loss"]).all()
