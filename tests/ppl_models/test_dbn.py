"""Deep belief nets against sums over all states, and against the machine that they may be."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import small_dbn as net
import small_rbm as rbm
from rows import ENGINES

from inference import fit, log_likelihood, log_partition, valid_objectives
from inference.errors import ObjectiveError
from ppl_models import create

VALUES = net.parameters(seed=1)
ROWS = net.X.astype(np.float32)
each_engine = pytest.mark.parametrize("engine", ENGINES)


def pair(engine: str, **more: Any) -> Any:
    made: Any = create("dbn", engine=engine, **{**net.SETTINGS, **more})
    made.set_weights(net.as_arrays(VALUES))
    return made


@each_engine
def test_the_evidence_is_the_sum_over_all_states(engine: str) -> None:
    """5,000 draws of the guide for each x; within 5 of the mean's own standard errors (1e-6)."""
    exact = log_likelihood(pair(engine, normaliser="exact"), ROWS, 5000)
    assert abs(exact.mean - net.log_evidence(VALUES).mean()) < 5 * exact.monte_carlo_error < 0.05
    np.testing.assert_allclose(exact.per_datum, net.log_evidence(VALUES), atol=0.3)
    bare = log_likelihood(pair(engine), ROWS, 2000, method="exact")
    np.testing.assert_allclose(bare.per_datum, exact.per_datum, atol=0.4)
    annealed = log_likelihood(pair(engine), ROWS, 1000, method="ais", num_temperatures=100)
    assert abs(annealed.mean - exact.mean) < 0.15
    joint = net.top_joint(VALUES)
    found = log_partition(pair(engine), "exact").log_z
    assert found == pytest.approx(np.logaddexp.reduce(joint, None), rel=1e-5)


@each_engine
def test_one_draw_is_the_variational_bound(engine: str) -> None:
    """The mean of 300 copies of each row against the bound, within 5 standard errors (6e-7)."""
    copies = np.repeat(ROWS, 300, 0)
    found = log_likelihood(pair(engine, normaliser="exact"), copies, 1).per_datum
    error = found.reshape(16, 300).std(1, ddof=1).mean() / np.sqrt(len(found))
    assert abs(found.mean() - net.bound(VALUES).mean()) < 5 * error < 0.3
    assert net.bound(VALUES).mean() < net.log_evidence(VALUES).mean() - 0.1


@each_engine
def test_with_tied_weights_it_is_the_machine(engine: str) -> None:
    """Every draw of its guide, which is the posterior, gives the machine's own log p(x)."""
    values = {n: v.astype(np.float32) for n, v in rbm.parameters(seed=3).items()}
    weight = values["weight"]  # (8, 5)
    tied: Any = create(
        "dbn", engine=engine, data_dim=8, hidden_dims=(5, 8), centred=False, normaliser="exact"
    )
    tied.set_weights(
        {
            "decoder.0.weight": weight,
            "decoder.0.bias": values["visible_bias"],
            "encoder.0.weight": weight.T,
            "encoder.0.bias": values["hidden_bias"],
            "top.weight": weight.T,
            "top.visible_bias": values["hidden_bias"],
            "top.hidden_bias": values["visible_bias"],
        }
    )
    found = log_likelihood(tied, rbm.STATES.astype(np.float32), 1)
    exact = np.log(rbm.probabilities({n: v.astype(np.float64) for n, v in values.items()}))
    np.testing.assert_allclose(found.per_datum, exact, rtol=1e-4, atol=1e-4)


@each_engine
def test_what_takes_it_with_and_without_the_constant(engine: str) -> None:
    bare = valid_objectives(pair(engine), ROWS)
    assert set(bare.valid) == {"CD", "UpDown"}
    assert "'h1' says normalised = False" in bare.refused["ELBO"]
    assert "'h1'" in bare.refused["PseudoLikelihood"]
    summed = set(valid_objectives(pair(engine, normaliser="exact"), ROWS).valid)
    assert {"ELBO", "RLOO", "VIMCO", "RWS", "WakeSleep", "CD", "UpDown"} <= summed
    with pytest.raises(ObjectiveError, match="'h1' says normalised = False"):
        log_likelihood(pair(engine), ROWS)
    with pytest.raises(ObjectiveError, match="latent 'h1'"):
        log_likelihood(pair(engine), ROWS, method="raise")
    alone = create("rbm", engine=engine, data_dim=4, hidden_dim=3)
    with pytest.raises(ObjectiveError, match=r"UpDown.*guide draws nothing"):
        fit(alone, ROWS, objective="updown", steps=1)


@each_engine
def test_a_centred_top_is_of_the_same_family(engine: str) -> None:
    mean = np.array([0.2, 0.5, 0.9])
    made: Any = create(
        "dbn", engine=engine, data_dim=4, hidden_dims=(3, 2), normaliser="exact", top_mean=mean
    )
    own = {**net.as_arrays(VALUES)}
    made.set_weights(own)
    moved = dict(VALUES)
    moved["top.visible_bias"] = VALUES["top.visible_bias"] - VALUES["top.weight"].sum(1) / 2
    moved["top.hidden_bias"] = VALUES["top.hidden_bias"] - mean @ VALUES["top.weight"]
    found = log_likelihood(made, ROWS, 3000)
    assert abs(found.mean - net.log_evidence(moved).mean()) < 5 * found.monte_carlo_error < 0.1


@each_engine
def test_rows_are_drawn_from_the_top_down(engine: str) -> None:
    """4,000 rows have the means of p(x), within 5 standard errors, over 4 columns (2e-6)."""
    run = fit(pair(engine), ROWS, objective="updown", steps=1, learning_rate=1e-9, progress=False)
    rows = run.sample(4000, mean=False)
    mean = np.exp(net.log_evidence(VALUES)) @ net.X
    assert (abs(rows.mean(0) - mean) < 5 * np.sqrt(0.25 / 4000)).all()


@each_engine
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"hidden_dims": (500,)}, "hidden_dims must have 2 sizes or more.* the model 'rbm'"),
        ({"hidden_dims": (500, 0)}, "every entry of hidden_dims must be a whole number"),
        ({"normaliser": "exact"}, "normaliser='exact': .* smaller side, which has 500 units"),
        ({"top_mean": [0.5]}, r"top_mean must have shape \(500,\)"),
        ({"top_mean": np.full(500, 2.0)}, r"top_mean must lie in \[0, 1\].*from 2 to 2"),
        ({"centred": 1}, "centred must be True or False"),
    ],
)
def test_bad_arguments_are_named(engine: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        create("dbn", engine=engine, **options)
