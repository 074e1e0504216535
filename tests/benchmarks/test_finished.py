"""Benchmarks and fits that were stopped."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.finished import finished
from inference import fit
from ppl_models import create


def test_a_part_of_a_run_is_refused() -> None:
    pair = create("mixture", data_dim=2, components=2)
    run = fit(pair, np.zeros((4, 2), "float32"), objective="enumerated", steps=1, progress=False)
    assert finished(run) is run
    with pytest.raises(SystemExit, match="'interrupted' after 1 steps"):
        finished(replace(run, status="interrupted"))
