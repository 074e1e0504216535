"""Comparisons that two start at once, that are killed, and whose metrics end the process."""

from __future__ import annotations

import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from grid import ppca, rows

from inference import ELBO, compare
from inference.errors import ZooError
from inference.training.lock import FolderLock


def test_two_at_once_in_one_folder(tmp_path):
    tmp_path.joinpath("both").mkdir()
    lock = FolderLock(tmp_path / "both")
    lock.acquire()
    with pytest.raises(ZooError, match=r"is in use: process \d+ on .*choose another folder"):
        compare({"a": ppca(0)}, {"ELBO": ELBO()}, rows(20), budget={"steps": 1}, test=rows(20),
                out=tmp_path / "both", progress=False)  # fmt: skip
    lock.release()


@pytest.mark.parametrize("out", ["", 5, b"runs"], ids=repr)
def test_folders_that_are_none(out):
    with pytest.raises(ZooError, match="out must be a path"):
        compare(
            {"a": ppca(0)}, {"ELBO": ELBO()}, rows(20), budget={"steps": 1}, test=rows(20), out=out
        )


def test_a_metric_that_ends_the_process_is_a_row(tmp_path):
    def leaves(run, x):
        sys.exit(3)

    found = compare(
        {"a": ppca(0)}, {"ELBO": ELBO()}, rows(20), budget={"steps": 1}, test=rows(20),
        metrics={"leaves": leaves}, out=tmp_path / "c", progress=False,
    )  # fmt: skip
    assert found.results[0].failed
    assert found.results[0].why == "SystemExit: 3"


def test_workers_end_with_who_called_them(tmp_path):
    """The caller is killed; no worker is alive some seconds later."""
    script = tmp_path / "calls.py"
    script.write_text(
        textwrap.dedent(
            """
            import os, sys, time
            from pathlib import Path
            from inference.comparison.execution import run_all

            def work(job, shared):
                Path(shared, str(os.getpid())).touch()
                time.sleep(600)

            if __name__ == "__main__":
                list(run_all(work, [0, 1], sys.argv[1], print, workers=2, executor="processes"))
            """
        )
    )
    pids = tmp_path / "pids"
    pids.mkdir()
    caller = subprocess.Popen([sys.executable, str(script), str(pids)])
    try:
        _until(lambda: len(list(pids.iterdir())) == 2)
    finally:
        caller.kill()
        caller.wait()
    workers = [int(path.name) for path in pids.iterdir()]
    _until(lambda: not any(map(_runs, workers)))


def _runs(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):  # it ended, before or as it was looked at
        return False


def _until(done) -> None:
    deadline = time.monotonic() + 120.0
    while not done():
        assert time.monotonic() < deadline
        time.sleep(0.05)
