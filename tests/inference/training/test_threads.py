"""Threads that fit and evaluate at once come to what they would alone."""

from __future__ import annotations

import importlib
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from tiny_runs import assert_same_run, bare, binary, quick, vae

from inference import log_likelihood


def settings(engine: str) -> Any:
    """Global settings that a fit changes while it lasts."""
    if engine == "pyro":
        pyro: Any = importlib.import_module("pyro")
        torch: Any = importlib.import_module("torch")
        return (
            pyro.settings.get(),
            torch.distributions.Distribution._validate_args,
            torch.is_grad_enabled(),
            list(pyro.get_param_store().keys()),
        )
    numpyro: Any = importlib.import_module("numpyro")
    return numpyro.primitives._PYRO_STACK, numpyro.distributions.Distribution._validate_args


def test_threads(engine, reports):
    def job(seed: int) -> Any:
        pair = vae(engine) if seed % 2 else bare(engine)
        run = quick(pair, binary(), steps=30, seed=seed, valid=binary(5, seed=2))
        return run, log_likelihood(run.pair, binary(), num_particles=3, seed=seed)

    before = str(settings(engine))
    alone = [job(seed) for seed in range(4)]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(job, range(4)))
    for (run, found), (again, repeated) in zip(alone, together, strict=True):
        assert_same_run(run, again)
        np.testing.assert_array_equal(found.per_datum, repeated.per_datum)
    assert str(settings(engine)) == before
