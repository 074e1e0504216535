"""Scales stay outside of weights and likelihoods; latents outside of the data's plate have none."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from plated import Words

from inference import log_likelihood
from inference.engines import ENGINES, load_engine
from inference.errors import ObjectiveError
from inference.objectives import (
    CIWAE,
    ELBO,
    IWAE,
    MIWAE,
    PIWAE,
    RWS,
    STL,
    VIMCO,
    ChiSquare,
    DReG,
    Objective,
    Renyi,
    TailAdaptive,
)

X = np.array([0.4, -1.1, 2.0, 0.7, -0.2], dtype=np.float32)
WEIGHTED = [
    IWAE(4),
    MIWAE(2, 4),
    PIWAE(2, 4),
    CIWAE(4, 0.3),
    STL(4),
    DReG(4),
    Renyi(0.5, 4),
    TailAdaptive(4),
    ChiSquare(4),
    VIMCO(4),
    RWS(4),
]


def gaussian(engine: str, around: Any = None, *, model: Any = None, latent: Any = None) -> Any:
    """z_n ~ N(0, 1),  x_n ~ N(w z_n, 1); scales around model and guide, the model, the latents."""
    words = Words(engine)

    def under(scale: Any, run: Any) -> Any:
        return run if scale is None else words.scale(scale)(run)

    def draw(law: Any) -> Any:
        return under(latent, lambda: words.sample("z", law))()

    def run_model(x: Any) -> None:
        (w,) = words.params("w")
        with words.plate("data", len(x)):
            z = draw(words.dist.Normal(0 * x, 1.0))
            words.sample("x", words.dist.Normal(w * z, 1.0), obs=x)

    def run_guide(x: Any) -> None:
        a, s = words.params("as")
        with words.plate("data", len(x)):
            draw(words.dist.Normal(a * x + s, 1.0))

    ours = under(around, under(model, run_model))
    return SimpleNamespace(engine=engine, model=ours, guide=under(around, run_guide))


def found(pair: Any, objective: Objective, repeats: int = 2) -> tuple[dict[str, Any], Any]:
    return load_engine(pair.engine).gradients(pair, objective, (X,), repeats)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("objective", WEIGHTED, ids=repr)
@pytest.mark.parametrize("factor", [0.25, 4.0])
def test_a_scale_around_all_multiplies_value_and_gradient(
    factor: float, objective: Objective, engine: str
) -> None:
    """The logarithm is taken before the scale: by the same draws, c times the plain bound."""
    grads, losses = found(gaussian(engine, factor), objective)
    plain_grads, plain_losses = found(gaussian(engine), objective)
    np.testing.assert_allclose(losses, factor * plain_losses, rtol=2e-5)
    for name, slope in plain_grads.items():
        np.testing.assert_allclose(grads[name], factor * slope, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("objective", [IWAE(4), DReG(4), VIMCO(4), RWS(4)], ids=repr)
def test_weights_of_rows_multiply_each_row(objective: Objective, engine: str) -> None:
    weights = np.array([1.0, 0.0, 0.0, 0.0, 0.0], dtype=np.float32)
    total = 0.0
    for row in range(len(X)):
        # A weight of zero has no ratio to others, so the rest get one that does not count.
        one = np.where(np.roll(weights, row) > 0, 1.0, 1e-6).astype(np.float32)
        total = total + found(gaussian(engine, one), objective)[1]
    np.testing.assert_allclose(total, found(gaussian(engine), objective)[1], rtol=1e-4)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_likelihood_leaves_out_what_all_sites_of_a_datum_share(engine: str) -> None:
    exact = -0.5 * (X**2 / (1 + 0.7**2) + math.log(2 * math.pi * (1 + 0.7**2)))
    rows = np.linspace(0.5, 2, len(X)).astype(np.float32)
    for scale in (None, 0.25, 4.0, rows):
        pair = gaussian(engine, scale)
        estimate = log_likelihood(pair, X, num_particles=2_000)
        np.testing.assert_allclose(estimate.per_datum, exact, atol=0.1)  # 2,000 draws: < 0.03


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("scales", [{"model": 3.0}, {"latent": 0.5}], ids=str)
def test_a_likelihood_refuses_a_scale_of_some_sites_by_name(
    scales: dict[str, float], engine: str
) -> None:
    with pytest.raises(ObjectiveError, match=r"site '[xz]' has scale .* and '[xz]'"):
        log_likelihood(gaussian(engine, **scales), X, num_particles=3)


@pytest.mark.parametrize("engine", ENGINES)
def test_weights_of_a_guide_with_another_scale_are_refused_by_name(engine: str) -> None:
    with pytest.raises(ObjectiveError, match=r"site 'z' has scale 1 and 'z' 3.*ELBO\(\)"):
        found(gaussian(engine, model=3.0), IWAE(4))
    assert np.isfinite(found(gaussian(engine, model=3.0), ELBO())[1]).all()


@pytest.mark.parametrize("engine", ENGINES)
def test_an_annealed_divergence_tempers_the_likelihood_within_the_weights(engine: str) -> None:
    """beta log E_q[p(z) p(x | z)^(1 / beta) / q(z)], against quadrature: K = 4, 4.5 errors."""
    beta, grid = 0.5, np.linspace(-12, 12, 20_001)
    loss = found(gaussian(engine, latent=beta), IWAE(2_000), 200 if engine == "numpyro" else 40)[1]
    log_density = -0.5 * grid**2 - 0.5 * math.log(2 * math.pi)
    exact = 0.0
    for x in X.astype(float):
        tempered = -0.5 * (x - 0.7 * grid) ** 2 - 0.5 * math.log(2 * math.pi)
        integral = np.exp(log_density + tempered / beta).sum() * (grid[1] - grid[0])
        exact += beta * math.log(integral)
    assert abs(loss.mean() + exact) < 4.5 * loss.std() / math.sqrt(len(loss)) + 0.01


def masked(engine: str, *, of_law: bool) -> Any:
    """The same pair, whose latents count for some data only; x depends on all of them."""
    words, flags = Words(engine), (True, False, True, True, False)

    def draw(law: Any) -> Any:
        if of_law:
            return words.sample("z", law.mask(words.flags(flags)))
        with words.mask(flags):
            return words.sample("z", law)

    def model(x: Any) -> None:
        (w,) = words.params("w")
        with words.plate("data", len(x)):
            z = draw(words.dist.Normal(0 * x, 1.0))
            words.sample("x", words.dist.Normal(w * z, 1.0), obs=x)

    def guide(x: Any) -> None:
        a, s = words.params("as")
        with words.plate("data", len(x)):
            draw(words.dist.Normal(a * x + s, 1.0))

    return SimpleNamespace(engine=engine, model=model, guide=guide)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("objective", "same"), [(DReG(4), IWAE(4)), (PIWAE(20, 1), ELBO(20))], ids=repr
)
@pytest.mark.parametrize("of_law", [True, False], ids=["mask of the law", "mask by a handler"])
def test_draws_that_a_mask_leaves_out_are_reparameterised_once(
    of_law: bool, objective: Objective, same: Objective, engine: str
) -> None:
    """Such a draw has no log q in its weight, so that DReG's square is not for it: IWAE is right.

    PIWAE's guide ascends the bound of a set, here of one draw.

    Sixteen comparisons in all; with 5 errors they fail together once in 10^5 runs.
    """
    repeats = 4_000 if engine == "numpyro" else 1_000
    ours, plain = (
        found(masked(engine, of_law=of_law), each, repeats)[0] for each in (objective, same)
    )
    for name in "as":
        error = math.hypot(ours[name].std(), plain[name].std()) / math.sqrt(repeats)
        assert abs(ours[name].mean() - plain[name].mean()) < 5 * error


def masked_chain(engine: str, *, first: bool) -> Any:
    """u_n and z_n given u_n, of which one is masked."""
    words = Words(engine)

    def draw(name: str, law: Any) -> Any:
        with words.mask((name == "u") != first):
            return words.sample(name, law)

    def model(x: Any) -> None:
        (w,) = words.params("w")
        with words.plate("data", len(x)):
            u = draw("u", words.dist.Normal(0 * x, 1.0))
            z = draw("z", words.dist.Normal(u, 1.0))
            words.sample("x", words.dist.Normal(3 * w * z - u, 0.5), obs=x)

    def guide(x: Any) -> None:
        a, s = words.params("as")
        with words.plate("data", len(x)):
            u = draw("u", words.dist.Normal(a * x + s, 0.8))
            draw("z", words.dist.Normal(2 * a * u - s, 1.0))

    return SimpleNamespace(engine=engine, model=model, guide=guide)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("first", [True, False])
def test_a_masked_draw_before_or_after_one_that_counts_has_the_bounds_gradient(
    first: bool, engine: str
) -> None:
    """To q(z | u) a masked u is a parameter; a masked z hands on what u learns of it.

    Eight comparisons; with 5 errors they fail together once in 10^5 runs.
    """
    repeats = 20_000
    pair = masked_chain(engine, first=first)
    ours, plain = (found(pair, each, repeats)[0] for each in (DReG(3), IWAE(3)))
    for name in "as":
        error = math.hypot(ours[name].std(), plain[name].std()) / math.sqrt(repeats)
        assert abs(ours[name].mean() - plain[name].mean()) < 5 * error


def around_global(engine: str) -> Any:
    """g ~ N(0, 1),  z_n ~ N(g, 1),  x_n ~ N(z_n, 1); z's posterior given g is the guide's."""
    words = Words(engine)

    def model(x: Any) -> None:
        g = words.sample("g", words.dist.Normal(words.array(0.0), 1.0))
        with words.plate("data", len(x)):
            z = words.sample("z", words.dist.Normal(g + 0 * x, 1.0))
            words.sample("x", words.dist.Normal(z, 1.0), obs=x)

    def guide(x: Any) -> None:
        a, s = words.params("as")
        g = words.sample("g", words.dist.Normal(a, 0.4 + 0 * a))
        with words.plate("data", len(x)):
            words.sample("z", words.dist.Normal(0.5 * (g + x) + s, math.sqrt(0.5)))

    return SimpleNamespace(engine=engine, model=model, guide=guide)


def nested_bound(num_particles: int, a: float = 0.5, s: float = 0.2) -> float:
    """E_q(g)[log p(g) - log q(g) + sum_n E log 1/K sum_k w_nk], g by quadrature, z by its law.

    Given g, log w = log p(x | g) - log N(e; s, .) + log N(e; 0, .) for e the guide's z less the
    posterior's mean, so that the expectation over K draws is one number for all g and n.
    """
    points, masses = np.polynomial.hermite_e.hermegauss(40)
    masses = masses / masses.sum()
    g = a + 0.4 * points
    evidence = -0.25 * (X[:, None] - g) ** 2 - 0.5 * math.log(4 * math.pi)
    outer = -0.5 * g**2 + 0.5 * points**2 + math.log(0.4)
    noise = np.random.default_rng(0).normal(size=(400_000, num_particles))
    e = s + math.sqrt(0.5) * noise
    log_w = -(e**2) + (e - s) ** 2
    inner = float(np.mean(np.logaddexp.reduce(log_w, 1)) - math.log(num_particles))
    return float((masses * (outer + evidence.sum(0))).sum() + len(X) * inner)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("objective", [IWAE(3), CIWAE(3, 0.0), VIMCO(3), Renyi(0.0, 3)], ids=repr)
def test_local_latents_are_weighed_given_one_draw_of_the_globals(
    objective: Objective, engine: str
) -> None:
    repeats = 4_000 if engine == "numpyro" else 600
    losses = found(around_global(engine), objective, repeats)[1]
    error = math.hypot(losses.std() / math.sqrt(repeats), 0.003)
    assert abs(losses.mean() + nested_bound(3)) < 4.8 * error  # 1e-5 for all eight together


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("objective", [DReG(3), STL(3), PIWAE(2, 3), RWS(3)], ids=repr)
def test_what_cannot_take_globals_refuses_them_by_name(objective: Objective, engine: str) -> None:
    with pytest.raises(ObjectiveError, match=r"latent 'g' lies outside.*RLOO"):
        found(around_global(engine), objective)
