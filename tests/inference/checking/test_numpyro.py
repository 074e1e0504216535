"""The checks on NumPyro, whose shapes broadcast and whose distributions are not validated."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro.distributions import constraints
from tiny_belief_net import data, evidence, pair, parameters

from inference import check_pair
from inference.checking.bounds import evidence as exact_evidence
from inference.checking.context import Context

X = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)


def generative(mean):
    def model(x):
        weight = numpyro.param("weight", jnp.linspace(-1, 1, 6).reshape(2, 3))
        with numpyro.plate("data", len(x)):
            z = numpyro.sample("z", dist.Normal(jnp.zeros(2), 1.0).to_event(1))
            numpyro.sample("x", dist.Normal(mean(z, weight), 1.0).to_event(1), obs=x)

    return model


def guide(x, transform=lambda scale: scale):
    slope = numpyro.param("slope", jnp.linspace(0.2, -0.3, 6).reshape(3, 2))
    scale = numpyro.param("scale", jnp.full(2, 0.7), constraint=constraints.positive)
    with numpyro.plate("data", len(x)):
        numpyro.sample("z", dist.Normal(x @ slope, transform(scale)).to_event(1))


def regression(x):
    weight: Any = numpyro.param("weight", jnp.ones((2, 1)))
    with numpyro.plate("data", len(x)):
        z: Any = numpyro.sample("z", dist.Normal(jnp.zeros(2), 1.0).to_event(1))
        numpyro.sample("y", dist.Normal(z @ weight, 1.0), obs=x[:, 0])


def in_a_plate_of_one(x):
    """Its ten densities count as if they were one row's: shapes broadcast over the plate."""
    slope: Any = numpyro.param("slope", jnp.ones((3, 2)))
    with numpyro.plate("data", 1):
        numpyro.sample("z", dist.Normal(x @ slope, 1.0).to_event(1))


def averaged(z):
    """The mean over whatever stands between rows and columns: of one particle it is z."""
    mean = np.reshape(z, (len(X), -1, 2)).mean(1)
    return np.broadcast_to(mean, np.shape(z)).astype(np.float32)


def called_back(x):
    """All particles at once go through numpy, where nothing keeps them apart."""
    with numpyro.plate("data", len(x)):
        z: Any = numpyro.sample("z", dist.Normal(jnp.zeros(2), 1.0).to_event(1))
        shape = jax.ShapeDtypeStruct(z.shape, z.dtype)
        mean: Any = jax.pure_callback(averaged, shape, z, vmap_method="expand_dims")
        numpyro.sample("x", dist.Normal(mean, 0.1).to_event(1), obs=x[:, :2])


def near(x):
    with numpyro.plate("data", len(x)):
        numpyro.sample("z", dist.Normal(x[:, :2], 0.1).to_event(1))


def right(z, weight):
    return z @ weight


NOISE = np.random.default_rng(0)
MISTAKES = {
    "plate-dimensions-agree": (generative(right), in_a_plate_of_one),
    "bound-rises-with-particles": (called_back, near),
    "values-fill-their-sites": (regression, guide),
    "arguments-in-range": (generative(right), lambda x: guide(x, lambda scale: scale - 1)),
    "rows-alone": (generative(lambda z, weight: z @ weight - z.mean()), guide),
    "repeatable": (generative(lambda z, weight: z @ weight + NOISE.normal()), guide),
    "gradient-of-log-p": (
        generative(lambda z, weight: z @ weight + jnp.sin(jax.lax.stop_gradient(z @ weight))),
        guide,
    ),
}


@pytest.mark.parametrize("check", MISTAKES)
def test_mistake_is_found(check):
    report = check_pair(MISTAKES[check], X, checks=[check])
    assert check in {each.check for each in report.failed}, report
    assert all(each.line.startswith("test_numpyro.py") for each in report.failed if each.site)


def test_right_pair_of_one_latent_has_no_mistake():
    report = check_pair((generative(right), guide), X)
    assert not report.failed, report
    assert len(report.passed) >= 50


def test_evidence_by_enumeration_is_that_of_a_separate_computation():
    values, x = parameters(), data(5)
    context = Context(pair("pyro", values), (x,))
    exact, _ = exact_evidence(context)
    np.testing.assert_allclose(exact.sum(), evidence(values, x), rtol=1e-6)


def test_constraints_that_depend_on_other_arguments_are_let_be():
    def model(x):
        bias: Any = numpyro.param("bias", jnp.zeros(3))
        with numpyro.plate("data", len(x)):
            z: Any = numpyro.sample("z", dist.Uniform(-jnp.ones(3), 1.0).to_event(1))
            numpyro.sample("x", dist.Normal(z + bias, 1.0).to_event(1), obs=x)

    report = check_pair((model, guide), X, checks=["arguments-in-range", "finite-at-prior-draws"])
    assert not report.failed, report


@pytest.mark.parametrize(
    ("of_model", "of_guide", "said"),
    [
        (True, False, "masked in the model and not in the guide for 3 of"),
        (False, True, "nothing rewards the guide's spread"),
        (True, True, ""),
    ],
)
def test_a_mask_on_one_side_alone_is_noted(of_model, of_guide, said):
    def draw(x, loc, masked):
        there = jnp.arange(len(x)) > 2 if masked else jnp.ones(len(x), dtype=bool)
        within = dist.Normal(loc * jnp.ones((len(x), 1)), 1.0).mask(jnp.ones(1, dtype=bool))
        with numpyro.plate("data", len(x)), numpyro.handlers.mask(mask=there):
            return numpyro.sample("z", within.to_event(1))

    def model(x):
        z: Any = draw(x, 0.0, of_model)
        weight: Any = numpyro.param("weight", jnp.ones(x.shape[1]))
        with numpyro.plate("rows", len(x)):
            numpyro.sample("x", dist.Normal(z * weight, 1.0).to_event(1), obs=x)

    def guide(x):
        draw(x, x @ numpyro.param("slope", jnp.zeros((x.shape[1], 1))), of_guide)

    report = check_pair((model, guide), X, checks=["same-mask"])
    assert [each.level for each in report.notes] == ["note"] * bool(said), report
    assert not said or said in str(report.notes[0])


@jax.custom_vjp
def solved(value):
    """As what an ODE solver gives, whose adjoint is right up to the solver's tolerance."""
    return value


solved.defvjp(lambda value: (value, None), lambda _, slope: (1.002 * slope,))


def test_a_gradient_within_a_solver_s_tolerance_is_noted():
    pair = generative(lambda z, weight: solved(z @ weight)), guide
    report = check_pair(pair, X, checks=["gradient-of-log-p"])
    assert not report.failed, report
    assert "tolerance is too large" in str(report.notes[0])


def test_a_shape_is_no_array_of_rows_and_a_list_of_labels_is_one():
    """As `fit` takes them: a list with a number for each row is an array, a tuple never is."""

    def shaped(x, y, size):
        with numpyro.plate("data", len(x)):
            z: Any = numpyro.sample("z", dist.Normal(jnp.zeros(size), 1.0).to_event(2))
            mean = z.reshape(*z.shape[:-2], -1) @ jnp.ones((2, 3)) + y[:, None]
            numpyro.sample("x", dist.Normal(mean, 1.0).to_event(1), obs=x)

    def guide_shaped(x, y, size):
        shift: Any = numpyro.param("shift", jnp.zeros(size))
        with numpyro.plate("data", len(x)):
            mean = (x[:, :2] + y[:, None]).reshape(len(x), *size)
            numpyro.sample("z", dist.Normal(mean + shift, 1.0).to_event(2))

    given = X, [0, 1, 1, 0, 1], (2, 1)
    report = check_pair((shaped, guide_shaped), *given, checks=["batch", "rows-alone"])
    found = {each.check: each.outcome for each in report.findings}
    assert (found["batch"], found["rows-alone"]) == ("passed", "passed"), report
