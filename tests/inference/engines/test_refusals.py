"""What is refused by name before the first step, and what is not refused."""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpyro
import numpyro.distributions as ndist
import numpyro.infer.autoguide
import optax
import pyro
import pyro.distributions as pdist
import pyro.infer.autoguide
import pytest
import torch
from jax import random
from rows import ENGINES

from inference import ELBO, IWAE, DReG
from inference.engines import engine_name, load_engine
from inference.errors import ArgumentError, ObjectiveError, PairError, ZooError
from inference.objectives import Objective

X = np.random.default_rng(0).normal(size=(6, 3)).astype(np.float32)


def evaluate(engine: str, pair: Any, objective: Objective) -> float:
    with pyro.get_param_store().scope():
        pyro.set_rng_seed(0)
        if engine == "pyro":
            return float(objective(pair.model, pair.guide, torch.tensor(X)).detach())
        svi = numpyro.infer.SVI(pair.model, pair.guide, optax.sgd(0.1), objective)
        return float(svi.evaluate(svi.init(random.PRNGKey(0), X), X))


class Words:
    """Sample statements that read the same in both libraries."""

    def __init__(self, engine: str) -> None:
        self.sample = {"pyro": pyro.sample, "numpyro": numpyro.sample}[engine]
        self.plate = {"pyro": pyro.plate, "numpyro": numpyro.plate}[engine]
        self.dist: Any = {"pyro": pdist, "numpyro": ndist}[engine]
        self.array = {"pyro": torch.tensor, "numpyro": np.asarray}[engine]

    def normal(self, mean: Any = 0.0) -> Any:
        zeros = self.array(np.zeros(3, dtype=np.float32))
        return self.dist.Normal(zeros + mean, self.array(np.float32(1))).to_event(1)

    def bernoulli(self) -> Any:
        return self.dist.Bernoulli(logits=self.array(np.zeros(3, dtype=np.float32))).to_event(1)


def pair(engine: str, fault: str) -> SimpleNamespace:
    """A small pair with one fault."""
    w = Words(engine)

    def model(x: Any) -> None:
        if fault == "global latent":
            w.sample("theta", w.normal())
        if fault == "no plate":
            z = w.sample("z", w.normal().expand([len(x)]))
            w.sample("x", w.normal(z), obs=x)
            return
        with w.plate("data", len(x)):
            if fault == "discrete":
                z = w.sample("z", w.bernoulli())
            elif fault == "shape":
                w.sample("z", w.dist.Normal(w.array(np.float32(0)), 1.0))
                z = 0.0
            else:
                z = w.sample("z", w.normal())
            w.sample("x", w.normal(z), obs=None if fault == "unobserved" else x)

    def guide(x: Any) -> None:
        if fault == "global latent":
            w.sample("theta", w.normal())
        if fault == "no plate":
            w.sample("z", w.normal().expand([len(x)]))
            return
        with w.plate("data", len(x)):
            if fault == "unobserved":
                w.sample("x", w.normal())
            if fault != "missing":
                w.sample("z", w.bernoulli() if fault == "discrete" else w.normal())
            if fault in ("extra", "auxiliary"):
                mark = {"is_auxiliary": True} if fault == "auxiliary" else {}
                w.sample("noise", w.normal(), infer=mark)

    return SimpleNamespace(model=model, guide=guide, engine=engine)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("fault", "objective", "error", "words"),
    [
        ("missing", ELBO(), PairError, ["'z'", "prior", "guide"]),
        ("extra", ELBO(), PairError, ["'noise'", "is_auxiliary"]),
        ("shape", ELBO(), PairError, ["'z'", "()", "(3,)", "to_event"]),
        ("unobserved", ELBO(), ObjectiveError, ["observes no site", "obs="]),
        ("discrete", IWAE(2), ObjectiveError, ["'z'", "not reparameterised", "VIMCO"]),
        ("global latent", DReG(2), ObjectiveError, ["'theta'", "'data'", "ELBO()"]),
        ("no plate", IWAE(2), ObjectiveError, ["'z'", "(6,)", "plate('data', len(x))"]),
    ],
)
def test_refused_by_name(
    engine: str, fault: str, objective: Objective, error: type[ZooError], words: list[str]
) -> None:
    with pytest.raises(error) as caught:
        evaluate(engine, pair(engine, fault), objective)
    for word in words:
        assert word in str(caught.value)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("fault", ["none", "auxiliary", "global latent", "no plate", "discrete"])
def test_not_refused(engine: str, fault: str) -> None:
    assert np.isfinite(evaluate(engine, pair(engine, fault), ELBO(2)))


@pytest.mark.parametrize("engine", ENGINES)
def test_insisting_on_a_closed_form_that_does_not_exist(engine: str) -> None:
    w = Words(engine)

    def model(x: Any) -> None:
        with w.plate("data", len(x)):
            z = w.sample("z", w.dist.StudentT(w.array(np.float32(4.0)), 0.0, 1.0))
            w.sample("x", w.normal(z[..., None]), obs=x)

    def guide(x: Any) -> None:
        with w.plate("data", len(x)):
            w.sample("z", w.dist.Normal(w.array(np.float32(0)), 1.0))

    odd = SimpleNamespace(model=model, guide=guide)
    with pytest.raises(ObjectiveError, match=r"'z'.*analytic_kl='auto'"):
        evaluate(engine, odd, ELBO(analytic_kl=True))
    assert evaluate(engine, odd, ELBO()) == evaluate(engine, odd, ELBO(analytic_kl=False))


@pytest.mark.parametrize("engine", ENGINES)
def test_closed_form_is_not_used_where_the_order_forbids_it(engine: str) -> None:
    """p(b) p(a | b), q(a) q(b | a): KL(q(a) || p(a | b)) at b ~ q(b | a) is no part of the ELBO."""
    w = Words(engine)

    def model(x: Any) -> None:
        with w.plate("data", len(x)):
            b = w.sample("b", w.normal())
            a = w.sample("a", w.normal(b))
            w.sample("x", w.normal(a), obs=x)

    def guide(x: Any) -> None:
        with w.plate("data", len(x)):
            a = w.sample("a", w.normal(w.array(X) * 0.3))
            w.sample("b", w.normal(2 * a))

    backend = load_engine(engine)
    structure = backend.inspect(model, guide, (w.array(X),), {})
    assert structure.closed_form_sites() == {"b"}
    with pytest.raises(ObjectiveError, match="'a'"):
        evaluate(engine, SimpleNamespace(model=model, guide=guide), ELBO(analytic_kl=True))


@pytest.mark.parametrize("num_particles", [0, -1, 1.5, True, "3"])
def test_num_particles_is_checked(num_particles: Any) -> None:
    for objective in (ELBO, IWAE):
        with pytest.raises(ValueError, match="num_particles must be a whole number of at least 1"):
            objective(num_particles)


@pytest.mark.parametrize("engine", ENGINES)
def test_engine_of_bare_functions_is_found(engine: str) -> None:
    source = {
        "pyro": "import pyro\ndef model(x): pyro.sample\ndef guide(x): pyro.sample",
        "numpyro": "import numpyro\ndef model(x): numpyro.sample\ndef guide(x): numpyro.sample",
    }[engine]
    space: dict[str, Any] = {}
    exec(source, space)
    assert engine_name((space["model"], space["guide"])) == engine


def test_engine_is_told_from_the_code_where_both_libraries_are_imported() -> None:
    """As in this very file; an autoguide tells by its class."""

    def pyro_model() -> None:
        pyro.sample("x", pdist.Normal(0.0, 1.0))

    def numpyro_model() -> None:
        def inner() -> None:
            numpyro.sample("x", ndist.Normal(0.0, 1.0))

        inner()

    either = evaluate  # uses both
    assert engine_name((pyro_model, pyro_model)) == "pyro"
    assert engine_name((numpyro_model, numpyro_model)) == "numpyro"
    assert engine_name((functools.partial(pyro_model), lambda: pyro_model())) == "pyro"
    assert engine_name((either, pyro.infer.autoguide.AutoNormal(pyro_model))) == "pyro"
    assert engine_name((either, numpyro.infer.autoguide.AutoNormal(numpyro_model))) == "numpyro"


def test_engine_that_cannot_be_told_is_asked_for() -> None:
    with pytest.raises(ArgumentError, match="pass engine='pyro' or engine='numpyro'"):
        engine_name((len, len))
