"""RNN-RBM against plain loops over the steps of each sequence, and sums over all states."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from rows import ENGINES
from scipy.special import expit, log_expit, logsumexp
from scoring import kernel_names

from inference import CD, PseudoLikelihood, fit, log_likelihood, valid_objectives
from inference.engines import load_engine
from inference.errors import ObjectiveError
from ppl_models import create

LENGTH, WIDTH, UNITS = 2, 2, 2
SMALL: dict[str, Any] = {
    "data_dim": WIDTH,
    "length": LENGTH,
    "state_dim": 3,
    "hidden_dim": UNITS,
    "burn_in": 12,
}
STATES = np.array(list(itertools.product((0.0, 1.0), repeat=WIDTH)))
ROWS = STATES[[[0, 3], [2, 1], [3, 3], [1, 0], [2, 2]]].astype(np.float32)
LENGTHS = np.array([2, 2, 1, 2, 2])
both = pytest.mark.parametrize("engine", ENGINES)
Values = dict[str, NDArray[np.float64]]


def built(engine: str, **more: Any) -> Any:
    """A pair whose weights are all away from zero."""
    pair: Any = create("rnn_rbm", engine=engine, **SMALL, **more)
    noise = np.random.default_rng(0)
    pair.set_weights(
        {
            name: 0.8 * noise.normal(size=value.shape).astype(np.float32)
            for name, value in pair.get_weights().items()
        }
    )
    return pair


def values(pair: Any) -> Values:
    return {n.removeprefix("network."): v.astype(float) for n, v in pair.get_weights().items()}


def machines(own: Values, x: NDArray[Any]) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """b_t and c_t after the steps of one sequence."""
    h, found = own["start.value"], []
    for seen in x.astype(float):
        visible = own["visible_bias"] + own["output.weight"] @ h
        found.append((visible, own["hidden_bias"] + own["to_hidden.weight"] @ h))
        shown = own["input.weight"] @ seen
        again = own["cell.recurrent.weight"] @ h + own["cell.recurrent.bias"]
        (r0, z0, n0), (r1, z1, n1) = np.split(shown, 3), np.split(again, 3)
        keep = expit(z0 + z1)
        h = (1 - keep) * np.tanh(n0 + expit(r0 + r1) * n1) + keep * h
    return found


def log_factors(own: Values, machine: Any) -> NDArray[Any]:
    """log f_t of every state of a step."""
    visible, hidden = machine
    return STATES @ visible + np.logaddexp(0, hidden + STATES @ own["weight"]).sum(1)


def code(step: NDArray[Any]) -> int:
    return int(step @ 2 ** np.arange(WIDTH)[::-1])


@both
def test_with_its_constants_it_sums_to_one(engine: str) -> None:
    pair = built(engine, normaliser="exact")
    every = np.array(list(itertools.product((0.0, 1.0), repeat=LENGTH * WIDTH)), np.float32)
    x = every.reshape(-1, LENGTH, WIDTH)
    found = log_likelihood(pair, x, 1).per_datum
    own = values(pair)
    for row, log_p in zip(x, found, strict=True):
        each = [log_factors(own, m) for m in machines(own, row)]
        plain = sum(f[code(step)] - logsumexp(f) for f, step in zip(each, row, strict=True))
        assert log_p == pytest.approx(plain, rel=1e-4, abs=1e-5)
    assert logsumexp(found) == pytest.approx(0.0, abs=1e-5)
    drawn = load_engine(engine).draw(pair, 20_000, 0)[1].reshape(-1, LENGTH * WIDTH)
    codes = (drawn @ 2 ** np.arange(LENGTH * WIDTH)[::-1]).astype(int)
    seen, law = np.bincount(codes, minlength=16) / 20_000, np.exp(found)
    # 5.5 standard errors: a false-failure rate under 1e-6; .003 is what 12 steps leave.
    assert (abs(seen - law) < 5.5 * np.sqrt(law * (1 - law) / 20_000) + 0.003).all()


def contrast(own: Values, start: Values) -> float:
    """What CD-1 climbs in expectation, histories and chains held at the start."""
    h_states = np.array(list(itertools.product((0.0, 1.0), repeat=UNITS)))
    total = 0.0
    for row, length in zip(ROWS, LENGTHS, strict=True):
        at_start, now = machines(start, row[:length]), machines(own, row[:length])
        for step, (visible, hidden), machine in zip(row, at_start, now, strict=False):
            up = hidden + step @ start["weight"]
            of_h = np.exp((h_states * log_expit(up) + (1 - h_states) * log_expit(-up)).sum(1))
            down = visible + h_states @ start["weight"].T
            chance = STATES[None] * log_expit(down)[:, None]
            chance = chance + (1 - STATES[None]) * log_expit(-down)[:, None]
            ends = of_h @ np.exp(chance.sum(-1))
            factors = log_factors(own, machine)
            total += factors[code(step)] - ends @ factors
    return float(total)


@both
def test_the_mean_gradient_of_contrast_holds_the_histories(engine: str) -> None:
    """400 gradients of 5 sequences: every entry at 5.5 standard errors (rate under 1e-5)."""
    pair = built(engine)
    found, _ = load_engine(engine).gradients(pair, CD(), (ROWS, LENGTHS), 400)
    slopes = found if engine == "pyro" else kernel_names(found)
    slopes = {name.removeprefix("network."): -np.asarray(each) for name, each in slopes.items()}
    start = values(pair)
    for name in ("weight", "output.weight", "input.weight", "hidden_bias"):
        each = slopes[name]
        for entry in ((0,) * start[name].ndim, (-1,) * start[name].ndim):
            up, down = ({**start, name: start[name].copy()} for _ in range(2))
            up[name][entry] += 1e-5
            down[name][entry] -= 1e-5
            slope = (contrast(up, start) - contrast(down, start)) / 2e-5
            sampled = each[(slice(None), *entry)]
            error = sampled.std(ddof=1) / np.sqrt(len(sampled)) + 1e-4
            assert abs(sampled.mean() - slope) < 5.5 * error, (name, entry)


@both
def test_entries_given_all_others_of_their_step(engine: str) -> None:
    pair = built(engine)
    own = values(pair)
    expected = 0.0
    for row, length in zip(ROWS, LENGTHS, strict=True):
        for step, machine in zip(row[:length], machines(own, row[:length]), strict=True):
            factors = log_factors(own, machine)
            for place in range(WIDTH):
                turned = step.copy()
                turned[place] = 1 - turned[place]
                expected += log_expit(factors[code(step)] - factors[code(turned)])
    _, losses = load_engine(engine).gradients(pair, PseudoLikelihood(), (ROWS, LENGTHS), 1)
    assert -losses[0] == pytest.approx(expected, rel=1e-4)


def test_which_objectives_take_it() -> None:
    pair = built("numpyro")
    found = valid_objectives(pair, ROWS, LENGTHS)
    assert set(found.valid) == {"CD", "PseudoLikelihood"}
    assert "that of 'x' depends on the steps before" in found.refused["NCE"]
    with pytest.raises(ObjectiveError, match="the constant of 'x' depends on the steps before"):
        fit(pair, (ROWS, LENGTHS), objective=CD(chains=5), steps=1)
