"""Grey levels under a flow: bounds of a probability that quadrature knows."""

from __future__ import annotations

import itertools
import math
from typing import Any

import numpy as np
import pytest
import torch
from rows import ENGINES

from inference import check_pair, fit, log_likelihood, valid_objectives
from ppl_models import create
from ppl_models.flows._dequantisation import Quantised, proposal, uniform

LEVELS = 3
CELLS = np.array(list(itertools.product(range(LEVELS), repeat=2)), dtype=np.float32) / (LEVELS - 1)
SMALL: dict[str, Any] = {"data_dim": 2, "length": 2, "hidden": (5,), "levels": LEVELS}
FINE = 200  # points of a cell along each axis


def moved(dequantisation: str, **more: Any) -> Any:
    pair = create("flow", engine="pyro", dequantisation=dequantisation, **SMALL, **more)
    noise = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, value in pair.named_parameters():
            by = 0.05 if name.startswith("noise") else 0.3  # a guide far off needs more draws
            value += by * torch.randn(value.shape, generator=noise)
    return pair


def within_cells() -> torch.Tensor:
    """Points of each cell, shape (cells, FINE^2, 2)."""
    line = (torch.arange(FINE) + 0.5) / FINE
    inside = torch.stack(torch.meshgrid(line, line, indexing="ij"), -1).view(1, -1, 2)
    return (torch.tensor(CELLS * (LEVELS - 1)).round()[:, None] + inside) / LEVELS


def log_v(pair: Any) -> torch.Tensor:
    points = within_cells()
    with torch.no_grad():
        return pair._law(points.shape[1], None).log_prob(points.double().float())


@pytest.mark.parametrize("dequantisation", ["uniform", "variational"])
def test_many_draws_give_the_probability_of_the_cell(dequantisation: str) -> None:
    """10,000 draws for each of 9 cells; their noise is below 0.02 nats by far."""
    pair = moved(dequantisation, preprocess="logit")
    exact = log_v(pair).logsumexp(1) - 2 * math.log(FINE * LEVELS)
    found = log_likelihood(pair, CELLS, 10_000).per_datum
    np.testing.assert_allclose(found, exact.numpy(), atol=0.05)
    inside = exact.exp().sum()
    assert 0.5 < inside < 1  # the rest lies in the margin of the logit
    assert found.sum() > -100


def test_one_uniform_draw_gives_the_bound() -> None:
    """4,000 draws for each of 9 cells, within 5 standard errors: fails once in a million runs."""
    pair = moved("uniform", preprocess="logit")
    exact = (log_v(pair).mean(1) - 2 * math.log(LEVELS)).numpy()
    draws = log_likelihood(pair, np.repeat(CELLS, 4000, axis=0), 1).per_datum.reshape(9, 4000)
    error = draws.std(1) / math.sqrt(4000)
    assert (abs(draws.mean(1) - exact) < 5 * error + 1e-4).all()


def test_the_noise_of_a_guide_stays_in_its_cell_and_has_a_density() -> None:
    pair = moved("variational")
    points, x = within_cells(), torch.tensor(CELLS)
    with torch.no_grad():
        law = proposal(pair.noise, x, None, LEVELS)
        total = law.log_prob(points.movedim(1, 0)).exp().sum(0) / (FINE * LEVELS) ** 2
        drawn = law.rsample((100,))
    np.testing.assert_allclose(total, 1, atol=0.02)
    levels = (drawn * LEVELS).floor() / (LEVELS - 1)
    torch.testing.assert_close(levels, x.expand_as(levels))


@pytest.mark.parametrize("engine", ENGINES)
def test_draws_are_levels_and_reconstructions_the_data(engine: str) -> None:
    pair = create("flow", engine=engine, dequantisation="variational", preprocess="logit", **SMALL)
    run = fit(pair, CELLS, steps=2, progress=False)
    drawn = run.sample(50)
    assert set(np.unique(drawn)) <= {0.0, 0.5, 1.0}
    np.testing.assert_allclose(run.reconstruct(CELLS), CELLS, atol=1e-6)
    assert run.encode(CELLS).shape == CELLS.shape
    assert np.isfinite(log_likelihood(run, drawn, 5).per_datum).all()
    found = log_likelihood(run, CELLS, 5)
    assert found.bits_per_dimension(2) == pytest.approx(-found.mean / (2 * math.log(2)))
    if engine == "pyro":
        assert {"ELBO", "IWAE", "DReG"} <= set(valid_objectives(pair, CELLS).valid)


def test_the_edge_to_which_a_draw_is_rounded_is_in_its_cell() -> None:
    x = torch.tensor([[3 / 16, 1.0]])
    law = uniform(x, 17)
    for value in (x * 16 / 17, (x * 16 + 1) / 17):
        assert float(law.log_prob(value)) == pytest.approx(2 * math.log(17), rel=1e-5)
        assert Quantised(value, 17).log_prob(x) == 0
    assert law.log_prob((x * 16 + 1.01) / 17) == -math.inf
    assert Quantised((x * 16 - 0.01) / 17, 17).log_prob(x) == -math.inf


def test_nothing_is_blamed_on_levels_of_other_images() -> None:
    pair = create("flow", engine="pyro", dequantisation="uniform", **SMALL)
    assert not check_pair(pair, CELLS).failed


def test_levels_and_words_are_checked() -> None:
    for engine in ENGINES:
        for given, words in [
            ({"levels": 1}, "levels must be at least 2"),
            ({"dequantisation": "gaussian"}, "dequantisation must be one of none, uniform"),
            ({"noise_length": 0}, "noise_length must be"),
        ]:
            with pytest.raises(ValueError, match=words):
                create("flow", engine=engine, **{"dequantisation": "variational", **given})
