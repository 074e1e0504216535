"""Autoregressive nets against sums over all states, derivatives and counts."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np
import pytest
import torch
from rows import ENGINES
from scipy.special import expit, logsumexp
from scipy.stats import chi2
from sequential_laws import called, jacobian, law, moved, states

from inference import check_pair, fit, log_likelihood, valid_objectives
from inference.engines import load_engine
from inference.errors import ObjectiveError
from ppl_models import create
from ppl_models.networks.autoregression.connections import Connections
from ppl_models.networks.latent_variables.latent_structure import masks, order

DIM, RATE = 6, 1e-5
VARIANTS: dict[str, tuple[str, dict[str, Any]]] = {
    "linear": ("fully_visible", {}),
    "neural": ("fully_visible", {"connection": "neural", "units": 2, "order": "random"}),
    "made": ("made", {"hidden": (9, 8), "direct": True}),
    "narrow": ("made", {"hidden": (3,), "order": "random"}),
    "masks": ("made", {"hidden": (10,), "masks": 3}),
    "nade": ("nade", {"hidden_dim": 5, "order": "random"}),
    "nade-orders": ("nade", {"hidden_dim": 4, "orders": 3, "marks": True}),
    "orders": ("made", {"hidden": (10, 7), "orders": 2, "masks": 2}),
}
both = pytest.mark.parametrize("engine", ENGINES)
every = pytest.mark.parametrize("variant", VARIANTS)


def built(engine: str, variant: str) -> Any:
    model, settings = VARIANTS[variant]
    return moved(engine, model, (states(DIM)[:2],), data_dim=DIM, **settings)


@both
@every
def test_probabilities_of_all_states_sum_to_one_in_every_order_and_mask(
    engine: str, variant: str
) -> None:
    found = law(built(engine, variant), (states(DIM),))
    laws = [found, *getattr(found, "components", ())]
    each = [called(engine, part.log_prob, states(DIM)) for part in laws]
    for log_p in each:
        assert np.exp(log_p.astype(float)).sum() == pytest.approx(1, abs=1e-5)
        assert log_p.std() > 0.5
    if len(each) > 1:  # probabilities of whole rows are averaged
        mean = logsumexp(np.array(each[1:], float), axis=0) - np.log(len(each) - 1)
        np.testing.assert_allclose(each[0], mean, rtol=1e-5, atol=1e-5)


@both
@every
def test_no_logit_depends_on_its_own_entry_or_a_later_one(engine: str, variant: str) -> None:
    found = law(built(engine, variant), (states(DIM)[:1],))
    x = np.random.default_rng(0).random(DIM).astype(np.float32)  # between 0 and 1: no kink is met
    for part in getattr(found, "components", (found,)):
        ranks = np.asarray(part.ranks)
        assert sorted(ranks) == list(range(DIM))
        slopes = jacobian(engine, lambda v, p=part: p.network.logits(v, p.component), x)
        earlier = ranks[None, :] < ranks[:, None]
        assert (slopes[~earlier] == 0).all()
        if variant in ("linear", "neural", "made", "nade"):
            assert (slopes[earlier] != 0).all()


@both
@every
def test_a_row_that_is_held_weighs_its_probability(engine: str, variant: str) -> None:
    """The pass that draws is the pass that scores; of a mean it is that of the row's network."""
    found, x = law(built(engine, variant), (states(DIM),)), states(DIM)
    held = np.ones(x.shape, bool)
    for part in getattr(found, "components", (found,)):

        def complete(x: Any, held: Any, part: Any = part) -> Any:
            key = () if engine == "pyro" else (jax.random.PRNGKey(0),)
            return part.complete(*key, x, held)

        drawn, weight = called(engine, complete, x, held)
        np.testing.assert_array_equal(drawn, x)
        scored = called(engine, part.log_prob, x)
        np.testing.assert_allclose(weight, scored, rtol=1e-4, atol=1e-4)


@both
@every
def test_states_are_drawn_with_their_probabilities(engine: str, variant: str) -> None:
    """Pearson's chi-squared over the 2^6 states, 20,000 draws, false-failure rate 1e-5.

    The same counts in another order of the entries fail it.
    """
    pair, count = built(engine, variant), 20_000
    draws = load_engine(engine).draw(pair, count, 0)[1]
    expected = count * np.exp(log_likelihood(pair, states(DIM), 1).per_datum.astype(float))
    codes = (draws @ 2 ** np.arange(DIM)[::-1]).astype(int)
    found = np.bincount(codes, minlength=len(expected))
    wrong = np.bincount((draws @ 2 ** np.arange(DIM)).astype(int), minlength=len(expected))
    rare = expected < 1  # pooled, as a chi-squared needs
    pools = [np.append(c[~rare], c[rare].sum()) for c in (found, wrong, expected)]
    pools[2] = np.maximum(pools[2], 1e-9)
    limit = chi2.isf(RATE, len(pools[0]) - 1)
    assert ((pools[0] - pools[2]) ** 2 / pools[2]).sum() < limit
    assert ((pools[1] - pools[2]) ** 2 / pools[2]).sum() > limit


@both
def test_two_pixels_are_a_logistic_regression(engine: str) -> None:
    """Its maximum likelihood is in closed form: the log odds of the counts."""
    counts = np.array([[30, 10], [15, 45]])
    x = np.repeat(states(2), counts.reshape(-1), axis=0)
    run = fit(
        create("fully_visible", engine=engine, data_dim=2),
        x,
        objective="elbo",
        steps=400,
        batch_size=100,
        learning_rate=0.1,
        schedule="cosine",
        progress=False,
    )
    share = counts / counts.sum()
    exact = np.log(share).reshape(-1)
    np.testing.assert_allclose(log_likelihood(run.pair, states(2), 1).per_datum, exact, atol=1e-4)
    name = next(
        name
        for name in run.parameters
        if name.startswith("network.layers.0.") and "bias" not in name
    )
    weight, slope = run.parameters[name], np.log(45 / 15) - np.log(10 / 30)
    assert max(abs(weight[0, 1]), abs(weight[1, 0])) == pytest.approx(slope, abs=1e-3)


@both
@pytest.mark.parametrize("dim", [5, 31])  # less than a block of entries, and several
def test_nade_is_its_plain_loop(engine: str, dim: int) -> None:
    x = (np.random.default_rng(1).random((4, dim)) < 0.5).astype(np.float32)
    pair = moved(engine, "nade", (x,), data_dim=dim, hidden_dim=3)
    own = {
        name.removeprefix("network."): v for name, v in load_engine(engine).parameters(pair).items()
    }
    for row, found in zip(x, log_likelihood(pair, x, 1).per_datum, strict=True):
        seen, total = own["hidden_bias"].astype(float), 0.0
        for i, value in enumerate(row):
            logit = own["bias"][i] + own["decoder"][i] @ expit(seen)
            total += np.log(expit(logit if value else -logit))
            seen = seen + value * own["encoder"][i]
        assert found == pytest.approx(total, rel=1e-4)


@both
def test_the_mean_over_masks_of_one_order_has_conditionals(engine: str) -> None:
    found, x = law(built(engine, "masks"), (states(DIM),)), states(DIM)
    by_entry = called(engine, lambda v: found.conditionals(v).log_prob(v), x)
    np.testing.assert_allclose(by_entry, called(engine, found.log_prob, x), rtol=1e-4, atol=1e-4)
    with pytest.raises(ValueError, match="mean over 2 orders has no conditionals"):
        law(built(engine, "orders"), (x,)).conditionals(x)


@both
def test_objectives_that_need_latents_refuse_by_name(engine: str) -> None:
    pair = built(engine, "made")
    found = valid_objectives(pair, states(DIM))
    assert "ELBO" in found.valid
    for name in ("IWAE", "DReG", "STL", "WakeSleep", "InfoVAE", "Renyi"):
        assert "ELBO()" in found.refused[name], found.refused[name]
    for name in ("MMD", "Adversarial"):
        assert "'x'" in found.refused[name]
    with pytest.raises(ObjectiveError, match="guide draws nothing"):
        fit(pair, states(DIM), objective="iwae:num_particles=2", steps=1)


@both
@pytest.mark.parametrize("variant", ["neural", "orders"])
def test_check_pair_finds_nothing_wrong(engine: str, variant: str) -> None:
    checks = ["no-entry-sees-later-ones", "conditionals-give-the-density", "draw-then-score"]
    report = check_pair(built(engine, variant), states(DIM)[::7], checks=checks)
    assert not report.failed, report
    assert "no-entry-sees-later-ones" in {each.check for each in report.passed}


@both
def test_one_of_the_networks_learns_in_a_step(engine: str) -> None:
    """Losses of `training="one"` are those of single networks; evaluations take the mean."""
    settings = {"data_dim": DIM, "hidden": (10,), "orders": 3, "training": "one"}
    pair, x = moved(engine, "made", (states(DIM)[:2],), **settings), states(DIM)
    runs = [
        fit(pair, x, objective="elbo", steps=1, learning_rate=1e-8, seed=seed, progress=False)
        for seed in range(4)
    ]
    exact = log_likelihood(runs[0].pair, x, 1).per_datum
    assert np.exp(exact.astype(float)).sum() == pytest.approx(1, abs=1e-5)
    parts = law(runs[0].pair, (x,)).components
    own = [-float(called(engine, part.log_prob, x).mean()) for part in parts]
    losses = np.array([run.rows[-1]["loss"] for run in runs])
    nearest = np.abs(losses[:, None] - own)
    assert nearest.min(1).max() < 1e-3
    assert len(set(nearest.argmin(1))) > 1


def test_degrees_are_spread_over_all_entries() -> None:
    """Counted from 1 up, 500 degrees would leave out the last 284 of 784 entries."""
    connections = Connections(784, (500, 300))
    for layer in connections.degrees():
        assert layer.min() == 1
        assert layer.max() == 783
        assert np.diff(np.unique(layer)).max() <= 3
    first, last = masks(order(784, reverse=False), 500)
    assert (first.sum(0) > 0)[:-1].all()  # each entry but the last is seen
    assert first.sum(0)[0] >= 498
    assert (last.sum(1) > 0).all()
    seen = last @ first
    assert (np.triu(seen) == 0).all()
    for random in Connections(9, (20, 20), orders=2, masks=3).degrees():
        assert random.min() >= 1
        assert random.max() <= 8


@both
def test_temperature_divides_the_log_odds(engine: str) -> None:
    found, x = law(built(engine, "made"), (states(DIM),)), states(DIM)
    logits = called(engine, lambda v: found.network.logits(v, 0), x) / 0.5
    tempered = np.log(np.where(x == 1, expit(logits), expit(-logits))).sum(1)

    def complete(x: Any, held: Any) -> Any:
        key = () if engine == "pyro" else (jax.random.PRNGKey(0),)
        return found.complete(*key, x, held, 0.5)

    weight = called(engine, complete, x, np.ones(x.shape, bool))[1]
    np.testing.assert_allclose(weight, tempered, rtol=1e-4, atol=1e-4)


@both
@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        ("made", {"hidden": 500}, "hidden must be a sequence"),
        ("made", {"orders": 0}, "orders must be a whole number of at least 1"),
        ("made", {"hidden": (), "masks": 2}, r"hidden=\(\) has none"),
        ("made", {"training": "all"}, "training must be one of average, one"),
        ("made", {"order": "spiral"}, "order must be one of raster, random"),
        ("fully_visible", {"connection": "deep"}, "connection must be one of linear, neural"),
        ("fully_visible", {"data_mean": [0.5]}, r"data_mean must have shape \(784,\)"),
    ],
)
def test_bad_arguments_are_named(
    engine: str, model: str, options: dict[str, Any], words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        create(model, engine=engine, **options)


def test_pyro_pairs_draw_for_as_many_particles_as_are_asked_for() -> None:
    found = law(built("pyro", "made"), (states(DIM)[:5],))
    with torch.no_grad():
        assert found.expand((3, 5)).sample((2,)).shape == (2, 3, 5, DIM)
        assert found.expand((3, 5)).log_prob(torch.tensor(states(DIM)[:5])).shape == (5,)
