"""Pyro programs in the styles of its examples train as Pyro's own `SVI` trains them."""

from __future__ import annotations

import itertools
import warnings
from typing import Any

import numpy as np
import pyro
import pytest
import torch
from pyro.infer import SVI
from pyro.optim import Adam
from pyro_styles import STYLES

from inference import fit

STEPS, SEED = 50, 3


def built(style: Any) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return style()


def by_svi(style: Any) -> tuple[list[float], dict[str, np.ndarray]]:
    """The losses of Pyro's own loop; parameters are drawn beforehand, from the same seed."""
    pair, batches, loss = built(style)
    batches = [tuple(map(torch.tensor, batch)) for batch in batches]
    model, guide = pair if isinstance(pair, tuple) else (pair.model, pair.guide)
    with pyro.get_param_store().scope(), torch.random.fork_rng():
        svi = SVI(model, guide, Adam({"lr": 0.01}), loss=loss)
        pyro.set_rng_seed(SEED)
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pyro.infer.Trace_ELBO().loss(model, guide, *batches[0])
        pyro.set_rng_seed(SEED)
        return [svi.step(*batch) for batch in itertools.islice(itertools.cycle(batches), STEPS)], {}


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
    upstream, _ = by_svi(style)
    whole = fitted(style)
    rows = itertools.islice(itertools.cycle(data_per_step(style)), STEPS)
    np.testing.assert_allclose(losses.per_datum() * list(rows), upstream, rtol=1e-6)
    assert len(set(upstream)) > 1
    fitted(style, steps=STEPS // 2, out=tmp_path / "run")
    resumed = fitted(style, out=tmp_path / "run", resume=True)
    assert resumed.step == STEPS
    for name, array in whole.parameters.items():
        assert array.tobytes() == resumed.parameters[name].tobytes(), name
