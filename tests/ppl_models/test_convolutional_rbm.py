"""Convolutional machines of 3 x 3 pixels against sums over all visible and hidden states."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import special
from scipy.special import expit
from scipy.stats import chi2

from inference import log_partition
from ppl_models import create

logsumexp: Any = special.logsumexp  # whose types say less than it takes
SIDE, SIZE, FILTERS = 3, 2, 2
STATES = np.array(list(itertools.product((0.0, 1.0), repeat=SIDE * SIDE)))
BLOCKS: dict[int, list[tuple[float, ...]]] = {
    1: list(itertools.product((0.0, 1.0), repeat=4)),
    2: [(0.0,) * 4, *(tuple(map(float, row)) for row in np.eye(4))],
}
"""States of a map of 2 x 2 hidden units, as single units or as one pooled block."""
pooled = pytest.mark.parametrize("pooling", [1, 2])


def built(pooling: int, **more: Any) -> Any:
    pair: Any = create(
        "convolutional_rbm",
        engine="pyro",
        image_shape=(SIDE, SIDE),
        filters=FILTERS,
        filter_size=SIZE,
        pooling=pooling,
        burn_in=10,
        **more,
    )
    noise = np.random.default_rng(3)
    pair.set_weights(
        {n: noise.normal(size=v.shape).astype(np.float32) for n, v in pair.get_weights().items()}
    )
    return pair.double()


def inputs(pair: Any, x: NDArray[Any]) -> NDArray[Any]:
    """What each hidden unit sees, (K, 2, 2), place by place."""
    image, own = x.reshape(SIDE, SIDE), pair.get_weights()
    found = np.zeros((FILTERS, 2, 2))
    for k, i, j in np.ndindex(found.shape):
        found[k, i, j] = (own["filters"][k, 0] * image[i : i + SIZE, j : j + SIZE]).sum()
    return found + own["hidden_bias"][:, None, None]


def log_joint(pair: Any, pooling: int) -> NDArray[Any]:
    """log f(v, h), all visible states by all hidden ones."""
    h = np.array([sum(each, ()) for each in itertools.product(BLOCKS[pooling], repeat=FILTERS)])
    seen = np.stack([inputs(pair, x).reshape(-1) for x in STATES])
    return (STATES @ pair.get_weights()["visible_bias"])[:, None] + seen @ h.T


@pooled
def test_the_density_is_the_sum_over_hidden_units(pooling: int) -> None:
    pair = built(pooling)
    joint = log_joint(pair, pooling)
    found = pair.law().log_prob(torch.tensor(STATES)).detach().numpy()
    np.testing.assert_allclose(found, logsumexp(joint, axis=1), rtol=1e-6)
    assert float(pair.law().log_partition().detach()) == pytest.approx(logsumexp(joint), rel=1e-6)
    exact = built(pooling, normaliser="exact").law().log_prob(torch.tensor(STATES))
    assert logsumexp(exact.detach().numpy()) == pytest.approx(0.0, abs=1e-6)


@pooled
def test_the_kernel_draws_from_both_conditionals(pooling: int) -> None:
    """Chances against the joint; pi T = pi to 1e-6; chi-squared of 40,000 steps at 1e-5."""
    pair = built(pooling)
    law, joint = pair.law(), log_joint(pair, pooling)
    up = np.exp(joint - logsumexp(joint, axis=1, keepdims=True))
    down = np.exp(joint - logsumexp(joint, axis=0, keepdims=True))
    kernel = up @ down.T
    pi = np.exp(logsumexp(joint, axis=1) - logsumexp(joint))
    np.testing.assert_allclose(pi @ kernel, pi, atol=1e-12)
    h = np.array([sum(each, ()) for each in itertools.product(BLOCKS[pooling], repeat=FILTERS)])
    chances = law.hidden_chances(torch.tensor(STATES)).detach().numpy().reshape(len(STATES), -1)
    np.testing.assert_allclose(chances, up @ h, rtol=1e-5, atol=1e-7)
    maps = torch.tensor(h.reshape(-1, FILTERS, 2, 2))
    on = expit(law.outputs(maps).detach().numpy())
    np.testing.assert_allclose(on, down.T @ STATES, rtol=1e-5, atol=1e-7)
    start, count = 300, 40_000
    begun = torch.tensor(np.repeat(STATES[start : start + 1], count, 0))
    ends = law.transition(begun, torch.Generator().manual_seed(0)).numpy()
    codes = (ends @ 2 ** np.arange(SIDE * SIDE)[::-1]).astype(int)
    for state, fits in ((start, True), (511 - start, False)):
        expected, seen = count * kernel[state], np.bincount(codes, minlength=len(STATES))
        rare = expected < 5
        wanted = np.append(expected[~rare], expected[rare].sum())
        found = np.append(seen[~rare], seen[rare].sum())
        distance = ((found - wanted) ** 2 / np.maximum(wanted, 1e-9)).sum()
        assert (distance < chi2.isf(1e-5, len(wanted) - 1)) == fits


@pooled
def test_annealed_chains_find_the_constant(pooling: int) -> None:
    pair = built(pooling)
    truth = float(logsumexp(log_joint(pair, pooling)))
    base = pair.law().base("uniform")
    every = torch.tensor(STATES)
    cold = pair.law().tempered(0.0, base).log_prob(every).detach().numpy()
    assert logsumexp(cold) == pytest.approx(float(base.log_partition().detach()), rel=1e-6)
    estimate = log_partition(pair, num_chains=300, num_temperatures=150)
    assert abs(estimate.log_z - truth) < 0.15
    assert log_partition(pair, "exact").log_z == pytest.approx(truth, rel=1e-5)


def test_sides_that_do_not_fit_are_refused() -> None:
    with pytest.raises(ValueError, match=r"maps of 22 x 22 .* pooling=3 must divide"):
        create("convolutional_rbm", engine="pyro", pooling=3)
    with pytest.raises(ValueError, match="the visible side, which has 784 units; up to 20 can be"):
        create("convolutional_rbm", engine="pyro", normaliser="exact")
