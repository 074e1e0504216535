"""NUTS beside guides, on Bayesian linear regression, whose posterior is known."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from numpyro.infer.autoguide import AutoMultivariateNormal, AutoNormal

from inference import ELBO, NUTS, compare
from inference.errors import ArgumentError, RunFolderError
from inference.posterior.diagnostics import effective_sample_size, r_hat

NOISE = 0.5


def problem():
    random = np.random.default_rng(3)
    inputs = random.normal(size=(60, 2))
    inputs[:, 1] = 0.8 * inputs[:, 0] + 0.6 * inputs[:, 1]  # a correlated posterior
    y = inputs @ [1.0, -0.5] + NOISE * random.normal(size=60)
    return inputs.astype(np.float32), y.astype(np.float32)


def model(inputs, y):
    weight = numpyro.sample("weight", dist.Normal(0, 1).expand([2]).to_event(1))
    with numpyro.plate("data", len(y)):
        numpyro.sample("y", dist.Normal(inputs @ weight, NOISE), obs=y)


def exact():
    """Mean and covariance of the weights, in float64."""
    inputs, y = (array.astype(np.float64) for array in problem())
    covariance = np.linalg.inv(inputs.T @ inputs / NOISE**2 + np.eye(2))
    return covariance @ inputs.T @ y / NOISE**2, covariance


def test_guides_are_ranked_by_their_distance_to_the_chains(tmp_path):
    def grid():
        return compare(
            {
                "full rank": (model, AutoMultivariateNormal(model)),
                "mean field": (model, AutoNormal(model)),
            },
            {"SVI": (ELBO(10), {"learning_rate": 0.04}), "NUTS": NUTS(150, 250)},
            problem(),
            test=problem(),
            budget={"steps": 600},
            metrics=("posterior_error", "r_hat", "ess", "divergences", "bound", "training_bound"),
            out=tmp_path,
            progress=False,
        )

    found = grid()
    assert not any(found.frame["why"])
    error: Any = found.frame.set_index(["pair", "objective"])["posterior_error"]
    assert error["full rank", "SVI"] < error["mean field", "SVI"]
    assert error["full rank", "SVI"] < 0.3  # deviations; an exact guide would have about 0.06
    assert np.isnan(error["full rank", "NUTS"])
    # 500 draws, worth at least 100: a mean within 5 / sqrt(100) of its deviation fails in less
    # than one of a million runs, and so does a deviation within 40 %.
    mean, covariance = exact()
    draws = found.chains("mean field", "NUTS").flat["weight"]
    figures: Any = {k: s.mean for k, s in found.summaries["mean field", "NUTS"].items()}
    assert figures["ess"] > 100
    assert figures["r_hat"] < 1.05
    assert figures["divergences"] == 0
    chains = found.chains("mean field", "NUTS").draws
    bulk, tail = (effective_sample_size(chains, kind)["weight"] for kind in ("bulk", "tail"))
    assert figures["r_hat"] == r_hat(chains)["weight"].max() > r_hat(chains)["weight"].min()
    assert figures["ess"] == min(bulk.min(), tail.min()) < max(bulk.max(), tail.max())
    deviation = np.sqrt(np.diag(covariance))
    assert (np.abs(draws.mean(0) - mean) < 5 / np.sqrt(100) * deviation).all()
    assert (np.abs(draws.std(0) / deviation - 1) < 0.4).all()
    # A bound per datum makes no sense where the latent is everybody's; it says so and goes on.
    assert found.summaries["mean field", "SVI"]["bound"].mean is None
    assert "'weight'" in found.summaries["mean field", "SVI"]["bound"].note
    assert found.summaries["mean field", "SVI"]["training_bound"].mean is not None
    assert str(grid()) == str(found)  # chains and runs are read
    with pytest.raises(RunFolderError, match="holds other chains"):
        compare(
            {"mean field": (model, AutoNormal(model))},
            {"NUTS": NUTS(200, 250)},
            problem(),
            test=problem(),
            budget={"steps": 1},
            metrics=("ess",),
            out=tmp_path,
            progress=False,
        )
    with pytest.raises(ArgumentError, match="no finished run"):
        found.run("mean field", "NUTS")
    posteriors: Any = found.to_arviz(num_draws=20)
    assert list(posteriors) == ["full rank, SVI", "mean field, SVI"]
    assert posteriors["full rank, SVI"].posterior["weight"].shape == (1, 20, 2)
    assert found.to_html(tmp_path / "report.html").stat().st_size > 1000
