"""Codebooks by enumeration of all codes: the bound, and what stands in place of its gradient."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from rows import ENGINES
from scipy.special import logsumexp
from scoring import log_densities

from inference import (
    ELBO,
    IWAE,
    RLOO,
    STL,
    VIMCO,
    DReG,
    ObjectiveError,
    annealed_importance_sampling,
    bound_parts,
    check_pair,
    fit,
    log_likelihood,
    psis_k_hat,
    valid_objectives,
)
from inference.engines import load_engine
from ppl_models import create

NOISE, BETA = 0.7, 0.3
SMALL: dict[str, Any] = {
    "data_dim": 5, "positions": 2, "codes": 3, "code_dim": 2, "hidden": (), "commitment": BETA,
    "likelihood": "gaussian", "noise_scale": NOISE, "seed": 1,
}  # fmt: skip
X = np.random.default_rng(0).normal(size=(4, 5)).astype(np.float32)


class Parts:
    """A linear pair in numpy: places, chosen codes, and log p(x | z)."""

    def __init__(self, pair: Any) -> None:
        weights = {n: v.astype(np.float64) for n, v in pair.get_weights().items()}
        self.encoder = weights["encoder.layers.0.weight"], weights["encoder.layers.0.bias"]
        self.decoder = weights["decoder.layers.0.weight"], weights["decoder.layers.0.bias"]
        self.book = weights["codebook"]

    def places(self) -> np.ndarray:
        return (X @ self.encoder[0].T + self.encoder[1]).reshape(4, 2, 2)

    def chosen(self) -> np.ndarray:
        apart = ((self.places()[:, :, None] - self.book) ** 2).sum(-1)
        return self.book[apart.argmin(-1)]

    def log_p(self, z: np.ndarray) -> np.ndarray:
        missed = (X - z.reshape(4, 4) @ self.decoder[0].T - self.decoder[1]) / NOISE
        return -0.5 * (missed**2).sum(1) - 5 * np.log(NOISE * np.sqrt(2 * np.pi))

    def slope(self, z: np.ndarray) -> np.ndarray:
        """Of log p(x | z) in z, (4, 4)."""
        missed = (X - z.reshape(4, 4) @ self.decoder[0].T - self.decoder[1]) / NOISE**2
        return missed @ self.decoder[0]

    def all_codes(self) -> list[np.ndarray]:
        pairs = itertools.product(range(3), repeat=2)
        return [np.broadcast_to(self.book[list(pair)], (4, 2, 2)) for pair in pairs]


def gradients(pair: Any, objective: Any) -> tuple[dict[str, np.ndarray], float]:
    """With names and layouts of torch; nothing is random."""
    found, losses = load_engine(pair.engine).gradients(pair, objective, (X,), 1)
    values = {}
    for name, value in found.items():
        kernel = name.endswith("kernel")
        values[name.replace("kernel", "weight")] = value[0].T if kernel else value[0]
    return values, float(losses[0])


@pytest.mark.parametrize("engine", ENGINES)
def test_the_bound_is_log_p_of_the_nearest_codes_and_below_the_evidence(engine: str) -> None:
    pair = create("vqvae", engine=engine, **SMALL)
    parts = Parts(pair)
    want = parts.log_p(parts.chosen()) - 2 * np.log(3)
    found = bound_parts(pair, X, num_particles=2)
    np.testing.assert_allclose(found.elbo.per_datum, want, rtol=1e-4)
    np.testing.assert_allclose(found.kl["z"].per_datum, 2 * np.log(3), rtol=1e-5)
    evidence = logsumexp([parts.log_p(z) for z in parts.all_codes()], axis=0) - 2 * np.log(3)
    assert (want < evidence).all()
    for z in (*parts.all_codes()[:2], np.full((4, 2, 2), 0.5)):
        log_p, _ = log_densities(pair, (X,), {"z": z.astype(np.float32)})
        steered = ((parts.places() - parts.chosen()) ** 2).sum((1, 2)) * (1 + BETA)
        is_code = z[0, 0] in parts.book
        want = parts.log_p(z) - 2 * np.log(3) - steered if is_code else np.full(4, -np.inf)
        np.testing.assert_allclose(log_p, want, rtol=1e-4)


@pytest.mark.parametrize("engine", ENGINES)
def test_gradients_are_those_stated_and_the_bias_is_known_exactly(engine: str) -> None:
    """Of the bound in the decoder; straight through in the encoder, whose true slope is zero."""
    pair = create("vqvae", engine=engine, **SMALL)
    parts = Parts(pair)
    found, loss = gradients(pair, ELBO())
    place, code = parts.places(), parts.chosen()
    apart = place - code
    bound = float((parts.log_p(code) - 2 * np.log(3)).sum())
    steered = (1 + BETA) * float((apart**2).sum())
    np.testing.assert_allclose(loss, steered - bound, rtol=1e-4)
    for name, part in (("encoder", parts.encoder), ("decoder", parts.decoder)):
        for kind, value in zip(("weight", "bias"), part, strict=True):
            true = np.zeros_like(value)  # central differences of the bound itself
            for at in np.ndindex(value.shape):
                ends, kept = [], value[at]
                for step in (1e-4, -1e-4):
                    value[at] = kept + step
                    ends.append(float(parts.log_p(parts.chosen()).sum()))
                    value[at] = kept
                true[at] = (ends[0] - ends[1]) / 2e-4
            ours = -found[f"{name}.layers.0.{kind}"]
            if name == "decoder":
                np.testing.assert_allclose(ours, true, rtol=1e-3, atol=1e-3)
                continue
            np.testing.assert_array_equal(true, 0)
            pulled = parts.slope(code) - 2 * BETA * apart.reshape(4, 4)
            want = pulled.sum(0) if kind == "bias" else pulled.T @ X
            np.testing.assert_allclose(ours, want, rtol=1e-3, atol=1e-3)
    want = np.zeros_like(parts.book)
    for k, row in enumerate(parts.book):
        want[k] = 2 * apart[(code == row).all(-1)].sum(0)
    np.testing.assert_allclose(-found["codebook"], want, rtol=1e-3, atol=1e-4)
    # The estimate's guess at any other code leaves out the curvature, and nothing else.
    precision = parts.decoder[0].T @ parts.decoder[0] / NOISE**2
    for other in parts.all_codes():
        away = (other - code).reshape(4, 4)
        guess = (away * parts.slope(code)).sum(1)
        curved = 0.5 * np.einsum("ni,ij,nj->n", away, precision, away)
        exact = parts.log_p(other) - parts.log_p(code)
        np.testing.assert_allclose(guess - curved, exact, atol=1e-8)


@pytest.mark.parametrize("engine", ENGINES)
def test_objectives_that_are_valid_agree_and_the_others_say_why(engine: str) -> None:
    """All draws are one, so that each bound is the ELBO, and its gradient must be the same."""
    pair = create("vqvae", engine=engine, **SMALL)
    want, loss = gradients(pair, ELBO())
    for objective in (ELBO(3), IWAE(3), STL(3), RLOO(3), VIMCO(3)):
        found, other = gradients(pair, objective)
        np.testing.assert_allclose(other, loss, rtol=1e-4)
        for name, value in want.items():
            np.testing.assert_allclose(found[name], value, rtol=1e-3, atol=1e-4)
    refused = valid_objectives(pair, X).refused
    for name in ("DReG", "RWS", "WakeSleep"):
        assert "the guide's 'z' is a point (Delta)" in refused[name]
    with pytest.raises(ObjectiveError, match="by squared weights"):
        fit(pair, X, objective=DReG(2), steps=1, progress=False)
    with pytest.raises(ObjectiveError, match="'z' is one value of a discrete latent"):
        log_likelihood(pair, X, num_particles=2)
    with pytest.raises(ObjectiveError, match="'z' is one value of a discrete latent"):
        psis_k_hat(pair, X)
    one = log_likelihood(pair, X, num_particles=1)
    np.testing.assert_allclose(one.mean, bound_parts(pair, X).elbo.mean, rtol=1e-5)
    with pytest.raises(ObjectiveError, match="support of latent 'z' is discrete"):
        annealed_importance_sampling(pair, X)
    report = check_pair(pair, X)
    assert not [found for found in report.findings if found.level == "error"]


def test_codes_find_clusters() -> None:
    """Four far centres, four codes: the rows of each centre share a code that no others have."""
    random = np.random.default_rng(2)
    centres = 3 * np.array([[1, 1, 0], [1, -1, 0], [-1, 1, 0], [-1, -1, 0]])
    label = np.repeat(np.arange(4), 25)
    x = (centres[label] + 0.1 * random.normal(size=(100, 3))).astype(np.float32)
    pair = create(
        "vqvae", engine="pyro", data_dim=3, positions=1, codes=16, code_dim=2, hidden=(16,),
        likelihood="gaussian", noise_scale=0.5,
    )  # fmt: skip
    run = fit(pair, x, objective=ELBO(), steps=600, learning_rate=0.01, progress=False)
    z = run.latents(x)["z"][:, 0]
    groups = [{tuple(row) for row in z[label == k]} for k in range(4)]
    assert all(not a & b for a, b in itertools.combinations(groups, 2))
    assert bound_parts(run, x).reconstruction.mean > -4
