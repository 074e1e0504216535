"""Part of the data given another part in a belief net and a deep machine, by sums over states."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import small_dbn as net
from rows import ENGINES
from scipy.stats import chi2
from small_rbm import states

from inference import complete
from inference.errors import ArgumentError, ObjectiveError
from ppl_models import create

COUNT = 2000
each_engine = pytest.mark.parametrize("engine", ENGINES)


def belief_net(engine: str) -> tuple[Any, Any]:
    """A belief net of 4-3-2 units, and log p(x) of the 16 states."""
    made: Any = create("dbn", engine=engine, **net.SETTINGS)
    values = net.parameters(seed=1)
    made.set_weights(net.as_arrays(values))
    return made, net.log_evidence(values)


def deep_machine(engine: str) -> tuple[Any, Any]:
    """A machine of 4-3-2 units, and log p(x) of the 16 states."""
    random = np.random.default_rng(9)
    shapes = {"weight_1": (4, 3), "weight_2": (3, 2), "data_bias": 4, "bias_1": 3, "bias_2": 2}
    values = {n: (1.2 * random.normal(size=s)).astype(np.float32) for n, s in shapes.items()}
    made: Any = create("dbm", engine=engine, data_dim=4, hidden_dims=(3, 2), centred=False)
    made.set_weights(values)
    x, h, g = map(states, (4, 3, 2))
    below = (x @ values["data_bias"])[:, None] + x @ values["weight_1"] @ h.T
    above = (h @ values["bias_1"])[:, None] + h @ values["weight_2"] @ g.T
    joint = below[:, :, None] + above[None] + g @ values["bias_2"]
    return made, np.logaddexp.reduce(joint.reshape(16, -1), 1)


def distance(drawn: Any, law: Any) -> tuple[float, float]:
    """Chi-squared of drawn states against chances, and what it exceeds at a rate of 1e-5."""
    seen = np.array([(drawn == state).all(1).sum() for state in states(4)])
    expected = COUNT * law / law.sum()
    often = expected >= 5
    assert often.sum() > 2
    assert seen[expected == 0].sum() == 0
    parts = (seen[often] - expected[often]) ** 2 / expected[often]
    return float(parts.sum()), float(chi2.isf(1e-5, often.sum()))


@each_engine
@pytest.mark.parametrize("made", [belief_net, deep_machine])
@pytest.mark.parametrize("held", [(1, 0, 0, 1), (0, 0, 0, 1), (0, 0, 0, 0)])
def test_the_rest_is_drawn_given_what_is_observed(engine: str, made: Any, held: Any) -> None:
    """2,000 draws against p(rest | observed), rate 1e-5 each; without the given it must fail."""
    pair, log_p = made(engine)
    observed, start = np.array(held, bool), np.array([1, 0, 0, 1], np.float32)
    drawn = complete(pair, np.tile(start, (COUNT, 1)), observed, steps=25, seed=3)
    assert (drawn[:, observed] == start[observed]).all()
    agree = (states(4)[:, observed] == start[observed]).all(1)
    found, limit = distance(drawn, np.where(agree, np.exp(log_p - log_p.max()), 0.0))
    assert found < limit
    if observed.any():
        found, limit = distance(drawn, agree / 1.0)
        assert found > limit


@each_engine
def test_the_same_seed_draws_the_same(engine: str) -> None:
    for made in (belief_net, deep_machine):
        pair, x = made(engine)[0], states(4).astype(np.float32)
        held = np.array([1, 1, 0, 0], bool)
        first, again, other = (complete(pair, x, held, steps=3, seed=s) for s in (1, 1, 2))
        assert (first == again).all()
        assert (first != other).any()


@each_engine
def test_what_cannot_be_completed_is_named(engine: str) -> None:
    pair, x = belief_net(engine)[0], states(4).astype(np.float32)
    with pytest.raises(ArgumentError, match="temperature= and num_particles="):
        complete(pair, x, np.ones(4, bool), temperature=0.5)
    with pytest.raises(ArgumentError, match="observed must be True or False"):
        complete(pair, x, [[True], [True, False]])  # pyright: ignore[reportArgumentType]
    chain: Any = create("denoising_autoencoder", engine=engine, data_dim=4)
    with pytest.raises(ObjectiveError):
        complete(chain, x, np.ones(4, bool))
