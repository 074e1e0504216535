"""Cells in other processes and on Ray: the same results, whatever happens to a worker."""

from __future__ import annotations

import os
import signal

from grid import ppca, rows, twelve

from inference import ELBO, compare


def test_processes_and_a_worker_that_dies(tmp_path):
    def deadly(seed):
        os.kill(os.getpid(), signal.SIGKILL)

    def grid(workers, **pairs):
        return compare(
            {"good": ppca(), **pairs},
            {"ELBO": ELBO()},
            rows(60),
            test=rows(40, seed=1),
            budget={"steps": 10},
            metrics=("exact",),
            workers=workers,
            out=tmp_path / f"of {workers}",
            progress=False,
        )

    here = grid(1)
    found = grid(2, deadly=deadly)
    assert found.summaries["good", "ELBO"] == here.summaries["good", "ELBO"]
    assert "died twice" in found.frame["why"][1]


def test_ray(tmp_path):
    import ray

    here = twelve(tmp_path / "here", seeds=1)
    found = twelve(tmp_path / "there", seeds=1, executor="ray", workers=2)
    assert str(found.frame) == str(here.frame)
    assert not ray.is_initialized()
