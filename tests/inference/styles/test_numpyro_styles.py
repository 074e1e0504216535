"""NumPyro programs in the styles of its examples train as NumPyro's own `SVI` trains them."""

from __future__ import annotations

from typing import Any

import funsor
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax, random
from numpyro.infer import SVI
from numpyro.optim import Adam
from numpyro_styles import (
    STYLES,
    bayesian_regression,
    equinox_vae,
    mixture,
    prod_lda,
    semi_supervised,
    stax_conditional_vae,
)

from inference import fit
from inference.engines.funsor_backend import use_in_funsor
from inference.engines.numpyro.parameters import flatten

STEPS, SEED = 50, 3


def by_svi(style: Any) -> np.ndarray:
    """The losses of NumPyro's own loop."""
    use_in_funsor("jax", "numpyro")
    (model, guide), batch, loss = style()
    batch = tuple(map(jnp.asarray, batch))
    svi = SVI(model, guide, Adam(0.01), loss)
    state = svi.init(random.PRNGKey(SEED), *batch)
    steps = jax.jit(lambda s: lax.scan(lambda s, _: svi.update(s, *batch), s, length=STEPS))
    return np.asarray(steps(state)[1])


def fitted(style: Any, objective: Any = None, **arguments: Any) -> Any:
    pair, batch, loss = style()
    settings = {"steps": STEPS, "seed": SEED, "optimizer": Adam(0.01), "progress": False}
    return fit(pair, batch, objective=objective or loss, **(settings | arguments))


def rows(style: Any) -> int:
    return len(style()[1][0])


# Upstream's, where a network's parameters are read inside of its scan.
@pytest.mark.filterwarnings("ignore:shape requires ndarray:DeprecationWarning")
@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.__name__)
def test_trains_as_upstream(style, losses):
    upstream = by_svi(style)
    fitted(style)
    np.testing.assert_allclose(losses.per_datum() * rows(style), upstream, rtol=1e-6)
    assert len(set(upstream)) > 1


# Of each way to hold parameters and state one.
@pytest.mark.parametrize(
    "style",
    [stax_conditional_vae, equinox_vae, prod_lda, semi_supervised, bayesian_regression],
    ids=lambda style: style.__name__,
)
def test_resumes_bit_for_bit(style, losses, tmp_path):
    whole = fitted(style)
    taken = losses.per_datum()
    fitted(style, steps=STEPS // 2, out=tmp_path / "run")
    resumed = fitted(style, out=tmp_path / "run", resume=True)
    assert resumed.step == STEPS
    assert np.array_equal(losses.per_datum(), taken)
    assert_same(whole.pair, resumed.pair)


def assert_same(one: Any, other: Any) -> None:
    """Parameters and the networks' state, bit for bit."""
    mine, others = flatten(one.values), flatten(other.values)
    assert list(mine) == list(others)
    for name, array in mine.items():
        assert array.tobytes() == others[name].tobytes(), name


def test_enumeration_goes_on_where_pyro_has_taken_funsor():
    """What imports `pyro.contrib.funsor` later sets its backend for the whole process."""
    (model, guide), batch, loss = mixture()
    start = fit((model, guide), batch, objective=loss, steps=2, seed=SEED, progress=False)
    funsor.set_backend("torch")
    again = fit((model, guide), batch, objective=loss, steps=2, seed=SEED, progress=False)
    assert funsor.get_backend() == "jax"
    np.testing.assert_allclose(again.history.loss, start.history.loss)
