"""A scale that the program computes is one scale: where it is computed alike, or has a value."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro
import pytest
from numpyro import distributions as dist
from numpyro.handlers import scale

from inference import fit, log_likelihood
from inference.errors import ObjectiveError
from inference.objectives import IWAE, RWS, VIMCO

X = np.array([0.4, -1.1, 2.0, 0.7, -0.2], dtype=np.float32)
W = np.array([0.5, 2.0, 1.0, 1.5, 0.7], dtype=np.float32)
Ways = dict[str, Callable[[Any, Any], Any]]


def parameter(name: str, value: float) -> Any:
    return numpyro.param(name, jnp.array(value))


ALIKE: Ways = {
    "an array": lambda x, w: jnp.array(0.3),
    "an array of rows": lambda x, w: jnp.asarray(W),
    "of the data": lambda x, w: jnp.where(x > 0, 2.0, 1.0),
    "of weights": lambda x, w: w / w.mean(),
    "of a parameter": lambda x, w: 1 + parameter("s", 0.5) ** 2,
}


def pair(
    of_model: Callable[[Any, Any], Any], of_guide: Callable[[Any, Any], Any] | None = None
) -> Any:
    """z_n ~ N(0, 1), x_n ~ N(a z_n, 1), with scales around two latents of each datum."""
    of_guide = of_guide or of_model

    def model(x: Any, w: Any) -> None:
        a = parameter("a", 0.5)
        with numpyro.plate("data", len(x)), scale(scale=of_model(x, w)):
            z = numpyro.sample("z", dist.Normal(0 * x, 1.0))
            u = numpyro.sample("u", dist.Normal(z, 1.0))
            numpyro.sample("x", dist.Normal(a * u, 1.0), obs=x)

    def guide(x: Any, w: Any) -> None:
        b = parameter("b", 0.3)
        with numpyro.plate("data", len(x)), scale(scale=of_guide(x, w)):
            z = numpyro.sample("z", dist.Normal(b * x, 1.0))
            numpyro.sample("u", dist.Normal(z, 1.0))

    return model, guide


def value(way: Callable[[Any, Any], Any]) -> np.ndarray[Any, Any]:
    with numpyro.handlers.seed(rng_seed=0):
        return np.broadcast_to(np.asarray(way(jnp.asarray(X), jnp.asarray(W))), X.shape)


@pytest.mark.parametrize(
    ("way", "objective"),
    [*((way, IWAE(4)) for way in ALIKE), ("of weights", VIMCO(4)), ("of the data", RWS(4))],
)
def test_what_is_computed_alike_stays_outside_of_the_weights(way: str, objective: Any) -> None:
    """The same draws give the loss that weights of rows give as an argument of the programs."""
    once: Any = {"steps": 1, "learning_rate": 1e-6, "progress": False}
    found = fit(pair(ALIKE[way]), (X, W), objective=objective, **once)
    weights = value(ALIKE[way])
    given = fit(pair(lambda x, w: w), (X, weights), objective=objective, **once)
    assert found.history.loss[0] == pytest.approx(given.history.loss[0], rel=1e-5)


@pytest.mark.parametrize("way", ["an array", "of weights"])
def test_a_likelihood_leaves_it_out(way: str) -> None:
    plain, scaled = (
        log_likelihood(pair(each), (X, W), num_particles=20).per_datum
        for each in (lambda x, w: 1.0, ALIKE[way])
    )
    np.testing.assert_allclose(scaled, plain, rtol=1e-5)


@pytest.mark.parametrize(
    ("of_model", "of_guide"),
    [
        ("of weights", "an array of rows"),
        ("of the data", "of weights"),
        ("an array", "an array of rows"),
        ("of a parameter", "an array"),
    ],
)
def test_what_is_computed_otherwise_is_refused_by_name(of_model: str, of_guide: str) -> None:
    with pytest.raises(ObjectiveError, match=r"site '[zux]' has scale .* and '[zux]'"):
        fit(
            pair(ALIKE[of_model], ALIKE[of_guide]),
            (X, W),
            objective=IWAE(4),
            steps=1,
            progress=False,
        )


def test_scales_that_are_drawn_are_two() -> None:
    """Each side draws its own, from a key of its own."""

    def drawn(x: Any, w: Any) -> Any:
        key: Any = numpyro.prng_key()
        return 1 + key[0] % 7

    with pytest.raises(ObjectiveError, match="has scale"):
        fit(pair(drawn), (X, W), objective=IWAE(4), steps=1, progress=False)
