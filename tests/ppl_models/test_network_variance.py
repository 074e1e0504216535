"""A scale that the decoder gives: its density by hand, its floor, and data whose noise varies."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from rows import ENGINES
from scipy import stats
from scoring import log_densities

from inference import fit, log_likelihood
from inference.engines import load_engine
from ppl_models import create

norm: Any = stats.norm  # scipy's types are not those of its laws

SMALL: dict[str, Any] = {"data_dim": 4, "latent_dim": 2, "hidden": (), "noise_scale": 0.3}
RANDOM = np.random.default_rng(0)
X, Z = (RANDOM.normal(size=(5, n)).astype(np.float32) for n in (4, 2))


@pytest.mark.parametrize("name", ["vae", "vampprior"])
@pytest.mark.parametrize("engine", ENGINES)
def test_the_density_is_a_normal_with_the_decoders_scale(engine: str, name: str) -> None:
    more = {"prior": "normal"} if name == "vampprior" else {}
    mean = np.array([0.5, -1.0, 2.0, 0.0])
    pair = create(
        name, engine=engine, likelihood="network-variance", data_mean=mean, **SMALL, **more
    )
    weights = {n: v.astype(np.float64) for n, v in pair.get_weights().items() if "decoder" in n}
    weight, bias = (next(v for n, v in weights.items() if n.endswith(e)) for e in ("ight", "bias"))
    np.testing.assert_allclose(bias, [*mean, 0, 0, 0, 0])
    output = Z @ weight.T + bias
    of_x = norm(output[:, :4], 0.3 + np.logaddexp(0, output[:, 4:])).logpdf(X).sum(1)
    of_z = norm.logpdf(Z).sum(1)
    log_p, _ = log_densities(pair, (X,), {"z": Z})
    np.testing.assert_allclose(log_p, of_x + of_z, rtol=1e-5)
    drawn: Any = load_engine(engine).draw(pair, 3, 0)[0]
    assert np.shape(drawn) == (3, 4)


@pytest.mark.parametrize("engine", ENGINES)
def test_the_scale_has_a_floor(engine: str) -> None:
    """A datum that is met exactly is no more likely than under the smallest scale."""
    pair = create("vae", engine=engine, likelihood="network-variance", **SMALL)
    weights = pair.get_weights()
    for name, value in weights.items():
        if name.startswith("decoder"):
            weights[name] = 0 * value
            if name.endswith("bias"):
                weights[name][4:] = -100
    pair.set_weights(weights)
    log_p, _ = log_densities(pair, (np.zeros((1, 4), np.float32),), {"z": Z[:1]})
    most = 4 * norm(0, 0.3).logpdf(0) + norm.logpdf(Z[0]).sum()
    np.testing.assert_allclose(log_p, most, rtol=1e-5)


def test_noise_that_varies_is_told_from_noise_that_does_not() -> None:
    """Two classes of one mean and scales 0.2 and 2: a scale for all is a nat per datum behind."""
    random = np.random.default_rng(0)
    scale = np.where(random.random(1000) < 0.5, 0.2, 2.0)[:, None]
    x = (scale * random.normal(size=(1000, 4))).astype(np.float32)
    scores = {}
    for likelihood in ("learned-variance", "network-variance"):
        pair = create(
            "vae", engine="numpyro", likelihood=likelihood, data_dim=4, latent_dim=1, hidden=(20,),
            noise_scale=0.1,
        )  # fmt: skip
        run = fit(pair, x[:800], steps=800, learning_rate=0.01, seed=0, progress=False)
        scores[likelihood] = log_likelihood(run, x[800:], num_particles=50).mean
    assert scores["network-variance"] > scores["learned-variance"] + 1


@pytest.mark.parametrize("engine", ENGINES)
def test_other_pairs_refuse_it_by_name(engine: str) -> None:
    with pytest.raises(ValueError, match="likelihood must be one of bernoulli, gaussian"):
        create("dlgm", engine=engine, likelihood="network-variance")
