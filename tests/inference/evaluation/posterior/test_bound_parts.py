"""Reconstruction and divergence against closed forms."""

from __future__ import annotations

import linear_pairs as lp
import numpy as np
import pytest
from rows import ROWS

from inference import bound_parts
from inference.errors import ArgumentError
from ppl_models import create

X = lp.data(11)
OFF = {"width": 0.7, "shift": 0.3}


@pytest.mark.parametrize(
    ("engine", "family"), [("pyro", "full"), ("pyro", "sites"), ("numpyro", "sites")]
)
def test_parts_are_the_closed_forms_and_add_up(engine: str, family: str) -> None:
    """K = 2,000 in chunks of 500: six standard errors of the mean, false failures below 1e-8."""
    parts = bound_parts(lp.pair(engine, family, **OFF), X, num_particles=2000, chunk_size=500)
    elbo = lp.evidence(X) - lp.divergence(family, **OFF)
    kl = lp.prior_divergence(X, family, **OFF)
    total = sum(part.per_datum for part in parts.kl.values())
    np.testing.assert_allclose(
        parts.elbo.per_datum, parts.reconstruction.per_datum - total, rtol=1e-12
    )
    for part, exact in ((parts.elbo, elbo), (parts.reconstruction, elbo + kl)):
        assert abs(part.mean - exact.mean()) < 6 * part.monte_carlo_error < 0.3
        np.testing.assert_array_less(
            np.abs(part.per_datum - exact), 6 * part.per_datum_error + 1e-5
        )
    if family == "sites":  # in closed form, without error
        assert parts.closed_form == {"a", "b"}
        np.testing.assert_allclose(total, kl, rtol=1e-5)
        mean, scale = X @ lp.TO_MEAN.T[:, 0] + 0.3, 0.7 * lp.BEST_DIAGONAL[0]
        one = 0.5 * (scale**2 + mean**2 - 1) - np.log(scale)
        np.testing.assert_allclose(parts.kl["a"].per_datum, one, rtol=1e-4)
        assert parts.kl["a"].monte_carlo_error < 1e-7
    else:
        error = parts.kl["z"].per_datum_error
        np.testing.assert_array_less(np.abs(total - kl), 6 * error + 1e-5)
        assert error.min() > 1e-4 or parts.closed_form == {"z"}


def test_sites_that_are_for_training_only_are_left_out_and_labels_are_taken() -> None:
    """The semi-supervised VAE's own classification term is no part of its likelihood."""
    row = ROWS["semi-supervised-vae"]
    batch = row.batch(6)
    pair = create(row.model, engine="pyro", **row.hyperparameters)
    parts = bound_parts(pair, batch, num_particles=20)
    assert parts.elbo.per_datum.shape == (6,)
    again = parts.reconstruction.per_datum - sum(p.per_datum for p in parts.kl.values())
    np.testing.assert_allclose(parts.elbo.per_datum, again, rtol=1e-12)
    assert str(parts).startswith("ELBO ")
    with pytest.raises(ArgumentError, match=r"num_particles must be .* at least 2, got 1"):
        bound_parts(pair, batch, num_particles=1)
