"""Pyro programs in the styles of its examples train as Pyro's own `SVI` trains them."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pyro
import pytest
import torch
from pyro.infer import SVI, Trace_ELBO
from pyro.optim import Adam  # pyright: ignore[reportAttributeAccessIssue]
from pyro_styles import (
    STYLES,
    bayesian_regression,
    conditional_vae,
    deep_markov,
    easy_guide,
    prod_lda,
    vae_of_methods,
)

from inference import ELBO, fit, load_run
from inference.engines.pyro.copies import isolate
from inference.engines.pyro.pairs import evaluating
from inference.engines.pyro.parameters import stored_values

STEPS, SEED = 50, 3


def built(style: Any) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return style()


def by_svi(style: Any) -> list[float]:
    """The losses of Pyro's own loop; parameters are drawn beforehand, from the same seed."""
    pair, batches, loss = built(style)
    batches = [tuple(map(torch.tensor, batch)) for batch in batches]
    model, guide = pair if isinstance(pair, tuple) else (pair.model, pair.guide)
    with pyro.get_param_store().scope(), torch.random.fork_rng():
        svi: Any = SVI(model, guide, Adam({"lr": 0.01}), loss=loss)
        pyro.set_rng_seed(SEED)
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            Trace_ELBO().loss(model, guide, *batches[0])
        pyro.set_rng_seed(SEED)
        return [svi.step(*batch) for batch in itertools.islice(itertools.cycle(batches), STEPS)]


def fitted(style: Any, objective: Any = None, **arguments: Any) -> Any:
    pair, batches, loss = built(style)
    data = batches[0] if len(batches) == 1 else batches
    settings = {"steps": STEPS, "seed": SEED, "optimizer": Adam({"lr": 0.01}), "progress": False}
    return fit(pair, data, objective=objective or loss, **(settings | arguments))


def data_per_step(style: Any) -> list[int]:
    return [len(batch[0]) for batch in built(style)[1]]


# Upstream's own words, about its own loss.
@pytest.mark.filterwarnings("ignore:TraceEnum_ELBO found no sample sites:UserWarning")
@pytest.mark.filterwarnings("ignore:.*torch.jit.trace:DeprecationWarning")
@pytest.mark.parametrize("style", STYLES, ids=lambda style: style.__name__)
def test_trains_as_upstream(style, losses, tmp_path):
    upstream = by_svi(style)
    whole = fitted(style)
    taken = losses.per_datum()
    rows = itertools.islice(itertools.cycle(data_per_step(style)), STEPS)
    np.testing.assert_allclose(taken * list(rows), upstream, rtol=1e-6)
    assert len(set(upstream)) > 1
    fitted(style, steps=STEPS // 2, out=tmp_path / "run")
    resumed = fitted(style, out=tmp_path / "run", resume=True)
    assert np.array_equal(losses.per_datum(), taken)
    assert_same(stored_values(whole.pair), stored_values(resumed.pair))


@pytest.mark.parametrize(
    "style",
    [vae_of_methods, conditional_vae, deep_markov, bayesian_regression, easy_guide],
    ids=lambda style: style.__name__,
)
def test_elbo_is_upstreams(style, losses):
    """Where nothing is summed over, the zoo's without closed forms has the same losses."""
    fitted(style)
    upstream = losses.per_datum()
    fitted(style, objective=ELBO(analytic_kl=False))
    np.testing.assert_allclose(losses.per_datum(), upstream, rtol=1e-5)


def test_a_run_of_methods_is_read_back_with_the_averages_of_its_batches(tmp_path):
    run = fitted(prod_lda, out=tmp_path / "run")
    fresh, batches, _ = built(prod_lda)
    again = load_run(tmp_path / "run", pair=fresh, batch=batches[0])
    mine = stored_values(run.pair)
    averages = [name for name in mine if "running" in name]
    assert len(averages) == 4
    assert all(np.abs(mine[name] - name.endswith("var")).max() > 0.01 for name in averages)
    assert_same(mine, stored_values(again.pair))


def test_methods_are_evaluated_without_dropout():
    """Dropout would tell two seeds of the same particles apart, and a mean from itself."""
    pair, (batch,), _ = built(prod_lda)
    tensors = tuple(map(torch.tensor, batch))
    stored = isolate(pair, torch.device("cpu"))
    owner = pair[0].__self__
    with evaluating(stored):
        assert not owner.training
        assert torch.equal(owner.encoder(*tensors), owner.encoder(*tensors))
    assert owner.training
    assert owner.encoder[3].training


def assert_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    assert list(one) == list(other)
    for name, array in one.items():
        assert array.tobytes() == other[name].tobytes(), name
