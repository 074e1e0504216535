"""Restricted Boltzmann machines against sums over all states, written in numpy."""

from __future__ import annotations

import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import small_rbm as rbm
import torch
from jax import random
from rows import ENGINES
from scipy.special import expit
from scipy.stats import chi2, multivariate_normal

from ppl_models import create, info
from ppl_models.networks.energies import restricted_machine, restricted_machine_numpyro

VALUES = rbm.parameters(seed=2)
each_engine = pytest.mark.parametrize("engine", ENGINES)


def law(engine: str, **more: Any) -> Any:
    """The small machine's distribution; in float64 on torch."""
    order = ("weight", "visible_bias", "hidden_bias")
    if engine == "pyro":
        own = [torch.tensor(VALUES[name]) for name in order]
        return restricted_machine.RestrictedBoltzmann(*own, **more)
    own = [jnp.asarray(VALUES[name], jnp.float32) for name in order]
    return restricted_machine_numpyro.RestrictedBoltzmann(*own, **more)


def array(engine: str, values: Any) -> Any:
    return torch.tensor(values) if engine == "pyro" else jnp.asarray(values, jnp.float32)


def numbers(value: Any) -> np.ndarray:
    return np.asarray(value, np.float64)


def key(engine: str, seed: int = 0) -> Any:
    return torch.Generator().manual_seed(seed) if engine == "pyro" else random.PRNGKey(seed)


@each_engine
def test_the_density_is_the_sum_over_hidden_units(engine: str) -> None:
    found = law(engine, normalised=True)
    log_p = numbers(found.log_prob(array(engine, rbm.STATES)))
    np.testing.assert_allclose(log_p, np.log(rbm.probabilities(VALUES)), rtol=1e-4, atol=1e-4)
    assert float(found.log_partition()) == pytest.approx(rbm.log_partition(VALUES), rel=1e-5)
    wide = type(found)(found.weight.T, found.hidden, found.visible)  # the other side is smaller
    assert float(wide.log_partition()) == pytest.approx(rbm.log_partition(VALUES), rel=1e-5)


def test_the_kernel_leaves_the_density_invariant() -> None:
    """pi T = pi to 1e-12, T of the conditionals that the kernel draws from, in float64."""
    found = law("pyro")
    hidden = torch.tensor(rbm.states(rbm.HIDDEN))
    every = torch.tensor(rbm.STATES)
    on = found.inputs(every).sigmoid()[:, None]
    up = torch.where(hidden[None] == 1, on, 1 - on).prod(-1)
    on = found.outputs(hidden).sigmoid()[:, None]
    down = torch.where(every[None] == 1, on, 1 - on).prod(-1)
    kernel = (up @ down).numpy()
    pi = np.exp(numbers(found.log_prob(every)) - rbm.log_partition(VALUES))
    np.testing.assert_allclose(pi @ kernel, pi, atol=1e-12)
    np.testing.assert_allclose(pi[:, None] * kernel, (pi[:, None] * kernel).T, atol=1e-12)


@each_engine
def test_a_step_is_drawn_by_the_transition_matrix(engine: str) -> None:
    """Chi-squared of 40,000 steps from one state, false-failure rate 1e-5; a wrong state fails."""
    count, start = 40_000, 77
    begun = array(engine, np.repeat(rbm.STATES[start : start + 1], count, 0))
    ends = numbers(law(engine).transition(begun, key(engine)))
    found = rbm.rows_as_law(ends) * count
    for state, fits in ((start, True), (start + 1, False)):
        expected = count * rbm.transition(VALUES)[state]
        rare = expected < 5
        pooled = np.append(expected[~rare], expected[rare].sum())
        seen = np.append(found[~rare], found[rare].sum())
        distance = ((seen - pooled) ** 2 / np.maximum(pooled, 1e-9)).sum()
        assert (distance < chi2.isf(1e-5, len(pooled) - 1)) == fits


@each_engine
def test_each_unit_given_the_others(engine: str) -> None:
    pi, codes = rbm.probabilities(VALUES), np.arange(256)
    expected = np.stack([np.log(pi / (pi + pi[codes ^ (1 << bit)])) for bit in range(7, -1, -1)], 1)
    every = array(engine, rbm.STATES)
    found = law(engine).log_conditionals(every)
    np.testing.assert_allclose(numbers(found), expected, rtol=1e-3, atol=1e-4)
    columns = np.random.default_rng(0).integers(0, 8, (256, 2))
    some = torch.tensor(columns) if engine == "pyro" else jnp.asarray(columns)
    found = law(engine).log_conditionals(every, some)
    np.testing.assert_allclose(
        numbers(found), np.take_along_axis(expected, columns, 1), rtol=1e-3, atol=1e-4
    )


@each_engine
def test_temperatures_go_from_the_base_to_the_machine(engine: str) -> None:
    found, every = law(engine), array(engine, rbm.STATES)
    for kind, mean in (("uniform", np.full(8, 0.5)), (np.full(8, 0.2), np.full(8, 0.2))):
        base = found.base(kind)
        cold = numbers(found.tempered(0.0, base).log_prob(every))
        chances = np.prod(np.where(rbm.STATES == 1, mean, 1 - mean), 1)
        np.testing.assert_allclose(np.exp(cold - float(base.log_partition())), chances, rtol=1e-4)
        hot = numbers(found.tempered(1.0, base).log_prob(every))
        np.testing.assert_allclose(hot, rbm.log_factor(VALUES, rbm.STATES), rtol=1e-4, atol=1e-4)


@each_engine
@pytest.mark.parametrize("visible", ["gaussian", "gaussian-variance"])
def test_a_gaussian_machine_is_a_mixture_of_gaussians(engine: str, visible: str) -> None:
    """2^3 of them, of means b + W h and weights from completing the square."""
    noise = np.random.default_rng(4)
    weight, b, c = noise.normal(size=(2, 3)), noise.normal(size=2), noise.normal(size=3)
    scale = np.exp(0.3 * noise.normal(size=2)) if visible == "gaussian-variance" else np.ones(2)
    pair: Any = create(
        "rbm", engine=engine, data_dim=2, hidden_dim=3, visible=visible, centred=False,
        normaliser="exact",
    )  # fmt: skip
    values = {"weight": weight, "visible_bias": b, "hidden_bias": c}
    values |= {"log_scale": np.log(scale)} if visible == "gaussian-variance" else {}
    h = rbm.states(3)
    means = b + h @ weight.T
    log_w = h @ c + ((means**2 - b**2) / (2 * scale**2)).sum(1)
    log_w -= np.logaddexp.reduce(log_w)
    x = noise.normal(size=(6, 2)) * 2
    spread: Any = np.diag(scale**2)
    each = [multivariate_normal(mean, spread).logpdf(x) for mean in means]
    expected = np.logaddexp.reduce(np.stack(each, 1) + log_w, axis=1)
    if engine == "pyro":
        pair.double()
        pair.load_state_dict({name: torch.tensor(value) for name, value in values.items()})
        found = pair.law().log_prob(torch.tensor(x)).detach()
        chances = pair.law().log_conditionals(torch.tensor(x)).detach()
    else:
        pair.initial = {name: value.astype(np.float32) for name, value in values.items()}
        found = pair.law().log_prob(jnp.asarray(x, jnp.float32))
        chances = pair.law().log_conditionals(jnp.asarray(x, jnp.float32))
    np.testing.assert_allclose(numbers(found), expected, rtol=2e-4, atol=1e-4)
    beside = np.stack([_normal(x[:, 1], mean[1], scale[1]) for mean in means], 1)
    one = np.logaddexp.reduce(beside + log_w, axis=1)  # the density of the second unit alone
    np.testing.assert_allclose(numbers(chances)[:, 0], expected - one, rtol=1e-3, atol=1e-3)


def _normal(x: Any, mean: float, scale: float) -> Any:
    return -0.5 * ((x - mean) / scale) ** 2 - np.log(scale) - 0.5 * np.log(2 * np.pi)


@each_engine
def test_the_centred_machine_is_of_the_same_family(engine: str) -> None:
    mean = np.linspace(0.1, 0.9, 8)
    pair: Any = create(
        "rbm", engine=engine, data_dim=8, hidden_dim=5, data_mean=mean, seed=3, burn_in=5
    )
    found, draws = pair.law(), None
    if engine == "pyro":
        weight, b, c = (
            v.detach().numpy() for v in (pair.weight, pair.visible_bias, pair.hidden_bias)
        )
        draws = numbers(found.sample((4,)).detach())
        shown = (found.visible.detach(), found.hidden.detach())
    else:
        weight, b, c = (pair.initial[n] for n in ("weight", "visible_bias", "hidden_bias"))
        draws = numbers(found.sample(random.PRNGKey(0), (4,)))
        shown = (found.visible, found.hidden)
    np.testing.assert_allclose(expit(b), mean, rtol=1e-5)
    np.testing.assert_allclose(numbers(shown[0]), b - weight.sum(1) / 2, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(numbers(shown[1]), c - mean @ weight, rtol=1e-4, atol=1e-6)
    assert draws.shape == (4, 8)
    assert set(np.unique(draws)) <= {0.0, 1.0}


@each_engine
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"visible": "rectified"}, "visible must be one of bernoulli, gaussian"),
        ({"normaliser": "exact"}, r"normaliser='exact': .* smaller side, which has 500 units"),
        ({"normaliser": "exact", "visible": "gaussian"}, "hidden side, which has 500 units"),
        ({"normaliser": "sum"}, "normaliser must be one of none, exact"),
        ({"hidden_dim": 0}, "hidden_dim must be a whole number of at least 1"),
        ({"data_mean": [0.5]}, r"data_mean must have shape \(784,\)"),
        ({"burn_in": -1}, "burn_in must be a whole number"),
    ],
)
def test_bad_arguments_are_named(engine: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        create("rbm", engine=engine, **options)


def test_a_law_goes_through_jax_as_a_tree() -> None:
    found = law("numpyro", burn_in=3)
    again = jax.tree.map(lambda leaf: leaf, found)
    assert (again.normalised, again.burn_in) == (False, 3)
    np.testing.assert_array_equal(again.weight, found.weight)


def test_the_card_has_the_bias_of_contrastive_divergence() -> None:
    """Of E[CD-k's gradient] by the matrix of block Gibbs, which vanishes as k grows."""
    values, data = rbm.parameters(size=2.0), rbm.STATES[::21]
    truth = rbm.exact(values, data)
    found = [rbm.apart(rbm.contrastive(values, data, k), truth) for k in (1, 2, 5, 10, 25)]
    said = re.search(r"block Gibbs: ((?:\.\d+(?:, | and )?)+)", info("rbm").text.replace("\n", " "))
    assert said
    assert found == sorted(found, reverse=True)
    np.testing.assert_allclose(
        found, [float(each) for each in re.findall(r"\.\d+", said[1])], atol=6e-4
    )
