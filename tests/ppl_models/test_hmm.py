"""Hidden Markov models against sums over all paths, differences, EM and the other engine."""

from __future__ import annotations

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from rows import ENGINES
from scipy.special import log_softmax, softmax
from scoring import gradients, log_densities
from small_chain import LENGTHS, PATHS, S, T, V, build, data, joint, log_emission, parameters

from inference import ELBO, Enumerated, fit, log_likelihood
from inference.engines import load_engine
from ppl_models import create
from ppl_models.classical import hmm_em, label_order
from ppl_models.classical.hmm import expected_counts

KINDS = ("categorical", "gaussian")
logsumexp = np.logaddexp.reduce
ARRAY: dict[str, Any] = {"pyro": torch.tensor, "numpyro": jnp.asarray}


def numbers(value: Any) -> np.ndarray:
    return np.asarray(value.detach() if isinstance(value, torch.Tensor) else value)


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["whole", "lengths"])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("engine", ENGINES)
def test_evidence_and_posterior_over_all_paths(engine: str, kind: str, lengths: Any) -> None:
    pair, x = build(engine, kind), data(kind)
    batch = (x,) if lengths is None else (x, lengths)
    ends = np.full(len(x), T) if lengths is None else lengths
    scores = joint(parameters(kind), x, ends)  # (paths, N)
    exact = logsumexp(scores, axis=0)
    np.testing.assert_allclose(load_engine(engine).log_evidence(pair, *batch), exact, rtol=1e-5)
    # The model sums over the states itself: the score of x is the evidence.
    np.testing.assert_allclose(log_densities(pair, batch, {})[0], exact, rtol=1e-5)
    posterior = pair.posterior(*map(ARRAY[engine], batch))
    smoothed = np.zeros((len(x), T, S))
    for p, path in enumerate(PATHS):
        smoothed[:, np.arange(T), path] += np.exp(scores[p] - exact)[:, None]
    np.testing.assert_allclose(numbers(posterior.marginals), smoothed, atol=1e-5)
    paths = ARRAY[engine](np.repeat(PATHS[:, None], len(x), 1))
    found = numbers(posterior.log_prob(paths))
    np.testing.assert_allclose(found, scores - exact, rtol=1e-5, atol=1e-4)
    # Forward and backward recursions are two ways to the same sum at every step.
    both = numbers(posterior.forward) + numbers(posterior.backward)
    np.testing.assert_allclose(logsumexp(both, axis=-1), np.tile(exact[:, None], T), rtol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_amortised_guide_takes_whole_numbers_for_symbols(engine: str) -> None:
    """As the model and the exact guide do; with Pyro's the one-hot rows were whole numbers, too."""
    pair, x = build(engine, "categorical", guide="amortised", hidden=(3,)), data("categorical")
    path = {"z": np.zeros(x.shape, int)}
    of_kinds = [log_densities(pair, (x.astype(kind),), path)[1] for kind in ("int64", "float32")]
    assert np.isfinite(of_kinds[0]).all()
    np.testing.assert_array_equal(of_kinds[0], of_kinds[1])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("engine", ENGINES)
def test_weights_of_the_exact_guide_are_the_evidence(engine: str, kind: str) -> None:
    pair, batch = build(engine, kind, guide="exact"), (data(kind), LENGTHS)
    exact = logsumexp(joint(parameters(kind), *batch), axis=0)
    drawn = log_likelihood(pair, batch, 3)
    np.testing.assert_allclose(drawn.per_datum, exact, rtol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_enumerated_bound_of_the_amortised_guide(engine: str) -> None:
    """Its value is the sum over all paths of q (log p - log q), which is below the evidence."""
    pair = build(engine, "categorical", guide="amortised", hidden=(3,))
    batch = data("categorical"), LENGTHS
    # The guide factorises: paths with one step changed tell its probabilities at each step.
    changed = [np.zeros(T, dtype=np.int32)]
    changed += [s * np.eye(T, dtype=np.int32)[t] for t in range(T) for s in range(1, S)]
    every = np.repeat([*changed, *PATHS[::40]], len(LENGTHS), 0).astype(np.int32)
    many = tuple(np.concatenate([array] * (len(every) // len(LENGTHS))) for array in batch)
    log_q = log_densities(pair, many, {"z": every})[1].reshape(-1, len(LENGTHS))
    steps = np.zeros((len(LENGTHS), T, S))
    steps[..., 1:] = (log_q[1 : len(changed)] - log_q[0]).T.reshape(len(LENGTHS), T, S - 1)
    steps = log_softmax(steps, axis=-1)
    z = np.repeat(PATHS[:, None], len(LENGTHS), 1)
    all_q = np.take_along_axis(steps[None], z[..., None], -1)[..., 0].sum(-1)
    np.testing.assert_allclose(log_q[len(changed) :], all_q[::40], rtol=1e-4)
    scores = joint(parameters("categorical"), *batch)
    run = fit(pair, batch, objective=Enumerated(), steps=1, learning_rate=1e-9, progress=False)
    bound = -run.rows[-1]["loss"]
    assert bound < logsumexp(scores, axis=0).mean() - 1e-3
    assert bound == pytest.approx((np.exp(all_q) * (scores - all_q)).sum(0).mean(), rel=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("engine", ENGINES)
def test_gradient_of_the_evidence(engine: str, kind: str) -> None:
    """Against central differences of the sum over all paths, in float64."""
    x, values = data(kind), parameters(kind)
    found, losses = gradients(build(engine, kind), ELBO(), (x, LENGTHS), 1)

    def loss() -> float:
        return -logsumexp(joint(values, x, LENGTHS), axis=0).sum()

    assert losses[0] == pytest.approx(loss(), rel=1e-5)
    assert found.keys() == values.keys()
    for name, value in values.items():
        for index in itertools.islice(np.ndindex(value.shape), 0, None, 2):
            kept = value[index]
            value[index] = kept + 1e-5
            above = loss()
            value[index] = kept - 1e-5
            expected = (above - loss()) / 2e-5
            value[index] = kept
            np.testing.assert_allclose(found[name][0][index], expected, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("engine", ENGINES)
def test_what_lies_after_the_end_has_no_influence(engine: str, kind: str) -> None:
    x = data(kind)
    other = x.copy()
    after = np.arange(T) >= LENGTHS[:, None]
    other[after] = 3 - other[after]
    assert (other != x).any()
    z = {"z": np.random.default_rng(2).integers(0, S, (len(x), T)).astype(np.int32)}
    for guide in ("none", "exact", "amortised"):
        pair = build(engine, kind, guide=guide)
        latents = {} if guide == "none" else z
        for one, two in zip(
            log_densities(pair, (x, LENGTHS), latents),
            log_densities(pair, (other, LENGTHS), latents),
            strict=True,
        ):
            np.testing.assert_array_equal(one, two)


@pytest.mark.parametrize("engine", ENGINES)
def test_draws_from_posterior_and_model(engine: str) -> None:
    """20,000 draws each; of 252 cells none is off by 6.5 errors but with probability 2e-8."""
    pair, count = build(engine, "categorical"), 20_000
    x, lengths = data("categorical")[:2], LENGTHS[:2]
    scores = joint(parameters("categorical"), x, lengths)
    exact = np.exp(scores - logsumexp(scores, axis=0))  # (paths, N)
    posterior = pair.posterior(ARRAY[engine](x), ARRAY[engine](lengths))
    if engine == "pyro":
        torch.manual_seed(0)
        drawn = posterior.sample((count,)).numpy()
    else:
        drawn = np.asarray(posterior.sample(jax.random.PRNGKey(0), (count,)))
    assert drawn.shape == (count, 2, T)
    codes = drawn @ S ** np.arange(T)[::-1]
    for n in range(2):
        seen = np.bincount(codes[:, n], minlength=len(PATHS)) / count
        _near(seen, exact[:, n], count)
    summed, _ = load_engine(engine).draw(pair, 3, 0)
    assert summed is not None
    assert summed.shape == (3, T)
    for guide in ("none", "exact"):  # x with its states summed over, and x given drawn states
        _, draws = load_engine(engine).draw(build(engine, "categorical", guide=guide), count, 0)
        values = parameters("categorical")
        initial, emission = np.exp(values["initial_logits"]), np.exp(values["emission_logits"])
        transition = np.exp(values["transition_logits"])
        state = initial @ np.linalg.matrix_power(transition, 3)
        pairs = np.einsum("i,ij,iv,jw->vw", state, transition, emission, emission)
        codes = (draws[:, 3] * V + draws[:, 4]).astype(int)
        seen = np.bincount(codes, minlength=V * V) / count
        _near(seen, pairs.ravel(), count)


def _near(seen: np.ndarray, expected: np.ndarray, count: int) -> None:
    # A cell with few draws is not normal: half a dozen draws more are allowed anywhere.
    error = np.sqrt(expected * (1 - expected) / count)
    assert (np.abs(seen - expected) < 6.5 * error + 6 / count).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_e_step_counts_what_a_sum_over_paths_counts(kind: str) -> None:
    values, x = parameters(kind), data(kind)
    chain = {n: softmax(values[f"{n}_logits"], axis=-1) for n in ("initial", "transition")}
    inside = np.arange(T) < LENGTHS[:, None]
    evidence, smoothed, moves = expected_counts(
        chain, np.where(inside[..., None], log_emission(values, x), 0.0), inside
    )
    scores = joint(values, x, LENGTHS)
    exact = logsumexp(scores, axis=0)
    np.testing.assert_allclose(evidence, exact, rtol=1e-10)
    posterior = np.exp(scores - exact)
    marginals, counts = np.zeros((len(x), T, S)), np.zeros((S, S))
    for p, path in enumerate(PATHS):
        marginals[:, np.arange(T), path] += posterior[p][:, None]
        for t in range(1, T):
            counts[path[t - 1], path[t]] += posterior[p][t < LENGTHS].sum()
    np.testing.assert_allclose(smoothed[inside], marginals[inside], atol=1e-10)
    np.testing.assert_allclose(moves, counts, atol=1e-10)


def sequences(kind: str, rows: int = 60, length: int = 10) -> tuple[np.ndarray, np.ndarray]:
    """Sequences of a sticky chain of two states that emit very different things."""
    random = np.random.default_rng(4)
    z = np.zeros((rows, length), dtype=int)
    z[:, 0] = random.random(rows) < 0.4
    for t in range(1, length):
        z[:, t] = np.where(random.random(rows) < 0.2, 1 - z[:, t - 1], z[:, t - 1])
    lengths = random.integers(5, length + 1, rows)
    if kind == "categorical":
        table = np.array([[0.7, 0.2, 0.1], [0.05, 0.15, 0.8]]).cumsum(-1)
        symbols = (random.random((rows, length, 1)) > table[z]).sum(-1)
        return symbols.astype(np.float32), lengths
    means = np.array([[0.0, 0.0], [3.0, -2.0]])
    return (means[z] + random.normal(size=(rows, length, 2))).astype(np.float32), lengths


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("engine", ENGINES)
def test_svi_em_and_exact_evidence_agree_at_the_optimum(engine: str, kind: str) -> None:
    x, lengths = sequences(kind)
    best = hmm_em(x, 2, lengths=lengths, emissions=kind, restarts=3, tolerance=1e-8)
    assert (np.diff(best.history) > -1e-12).all()
    start = create("hmm", engine=engine, **best.hyperparameters)
    at_start = log_likelihood(start, (x, lengths), 1, method="exact").mean
    assert at_start == pytest.approx(best.log_likelihood, abs=2e-4)
    moved = {**best.hyperparameters, "transition": [[0.5, 0.5], [0.4, 0.6]]}
    if best.means is not None:
        moved["means"] = best.means + 0.5
    pair = create("hmm", engine=engine, **moved)
    assert log_likelihood(pair, (x, lengths), 1, method="exact").mean < best.log_likelihood - 0.05
    run = fit(
        pair,
        (x, lengths),
        steps=250,
        batch_size=len(x),
        learning_rate=0.1,
        schedule="cosine",
        progress=False,
    )
    exact = log_likelihood(run.pair, (x, lengths), 1, method="exact").mean
    assert exact == pytest.approx(best.log_likelihood, abs=1e-3)
    assert -run.rows[-1]["loss"] == pytest.approx(exact, abs=1e-3)


@pytest.mark.parametrize("engine", ENGINES)
def test_labels_that_switch_change_no_reported_figure(engine: str) -> None:
    pair, batch = build(engine, "gaussian", guide="exact"), (data("gaussian"), LENGTHS)
    order = np.array([2, 0, 1])
    given = pair.hyperparameters
    switched = {
        n: np.asarray(given[n])[order] for n in ("initial", "transition", "means", "scales")
    }
    switched["transition"] = switched["transition"][:, order]
    other: Any = create("hmm", engine=engine, **{**given, **switched})
    for method in ("exact", "iw"):
        one, two = (log_likelihood(p, batch, 1, method=method) for p in (pair, other))
        np.testing.assert_allclose(one.per_datum, two.per_datum, rtol=1e-5)
    back = label_order(switched["means"], given["means"])
    np.testing.assert_array_equal(switched["transition"][np.ix_(back, back)], given["transition"])
    smoothed = [numbers(p.posterior(ARRAY[engine](batch[0])).marginals) for p in (pair, other)]
    np.testing.assert_allclose(smoothed[1][..., back], smoothed[0], atol=1e-5)


BATCHES = [
    (np.zeros((2, 6)), None, r"x must have shape \(N, 5\), got \(2, 6\)"),
    (np.array([[0, 1, 2, 3, 4.0]]), None, "whole numbers from 0 to 3, the symbols, got 4 in row 0"),
    (np.array([[0, 1, 2, 3, 0.5]]), None, "whole numbers from 0 to 3, the symbols, got 0.5"),
    (np.zeros((2, 5)), np.array([6, 5]), "lengths must be from 1 to 5, .* got 6 in row 0"),
    (np.zeros((2, 5)), np.array([5, 0]), "lengths must be from 1 to 5, .* got 0 in row 1"),
    (np.zeros((2, 5)), np.array([5]), r"lengths must be whole numbers of shape \(2,\), .* \(1,\)"),
    (np.zeros((2, 5)), np.array([5.0, 4.0]), "lengths must be whole numbers .* dtype float"),
]


@pytest.mark.parametrize(("x", "lengths", "words"), BATCHES)
@pytest.mark.parametrize("engine", ENGINES)
def test_wrong_sequences_are_explained(engine: str, x: Any, lengths: Any, words: str) -> None:
    """By the pair itself, by EM, and by fit, which is told by the pair."""
    pair, batch = build(engine, "categorical"), (x,) if lengths is None else (x, lengths)
    with pytest.raises(ValueError, match=words):
        pair.model(*map(ARRAY[engine], batch))
    with pytest.raises(ValueError, match=r"symbols|lengths|must have shape|equally many rows"):
        fit(pair, batch, steps=1, progress=False)
    if x.shape[1] == T:
        with pytest.raises(ValueError, match=words):
            hmm_em(x, 2, lengths=lengths, symbols=4)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"states": 0}, "states must be a whole number of at least 1, got 0"),
        ({"length": 0}, "length must be a whole number of at least 1, got 0"),
        ({"symbols": 0}, "symbols must be a whole number of at least 1, got 0"),
        ({"data_dim": 3}, "data_dim must be 1 with emissions='categorical'"),
        ({"emissions": "poisson"}, "emissions must be one of categorical, gaussian"),
        ({"guide": "auto"}, "guide must be one of none, exact, amortised"),
        ({"transition": np.ones((4, 4))}, "transition must hold probabilities that sum to 1"),
        ({"means": np.zeros((4, 1))}, "means and scales are for emissions='gaussian'"),
        ({"emissions": "gaussian", "emission": np.ones((4, 1))}, "emission is for emissions='cat"),
    ],
)
@pytest.mark.parametrize("engine", ENGINES)
def test_wrong_arguments_are_explained(engine: str, arguments: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        create("hmm", engine=engine, **arguments)
