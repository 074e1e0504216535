"""Comparisons that two start at once, that are killed, and whose metrics end the process."""

from __future__ import annotations

import shutil
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest
from grid import ppca, rows

from inference import ELBO, compare
from inference.comparison.cells import Cell, Result, _asked, _keep, finished
from inference.errors import RunFolderError, ZooError
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


def asked(out, measure, pair=None):
    return compare(
        {"a": pair or ppca(0)}, {"ELBO": ELBO()}, rows(20), budget={"steps": 1}, test=rows(20),
        metrics={"m": measure}, out=out, progress=False,
    ).results[0]  # fmt: skip


class SilentError(Exception):
    def __str__(self) -> str:
        raise RuntimeError("it cannot say it")


ENDS = {
    SystemExit(3): "SystemExit: 3",
    SilentError(): "SilentError: it does not say what",
    ValueError("x" * 10**7): f"ValueError: {'x' * 2000}...",
    StopIteration(): "StopIteration",
}


@pytest.mark.parametrize("error", ENDS, ids=lambda e: type(e).__name__)
def test_whatever_a_metric_or_a_pair_raises_is_a_row(error, tmp_path):
    def fails(*_):
        raise error

    for number, result in enumerate(
        (asked(tmp_path / "metric", fails), asked(tmp_path / "pair", lambda run, x: 1.0, fails))
    ):
        assert result.failed, number
        assert result.why == ENDS[error], number


def test_a_metric_that_was_mended_is_asked_again(tmp_path):
    """As in a notebook: the function has the name that it had, and another body."""

    def measure(run, x):
        return 1.0

    def mended(run, x):
        return 2.0

    mended.__name__, mended.__qualname__ = measure.__name__, measure.__qualname__
    assert asked(tmp_path / "c", measure).figures["m"].value == 1.0
    assert asked(tmp_path / "c", mended).figures["m"].value == 2.0


def test_a_result_of_another_seed_is_not_taken_for_ones_own(tmp_path):
    """Of a pair that is taken as it is, and so is asked the same from every seed."""
    pair = ppca(0)
    cells = [
        Cell(
            "a", "b", seed, (pair.model, pair.guide), ELBO(), {}, {"steps": 1}, "id",
            tmp_path / "run", tmp_path / "results" / f"{seed}.json",
        )
        for seed in (0, 1)
    ]  # fmt: skip
    made = Result("a", "b", 0, "pyro", "finished", 1, {}, None, _asked(cells[0], {}))
    assert made.asked
    _keep(cells[0], made)
    shutil.copy(cells[0].result_path, cells[1].result_path)
    assert finished(cells[0], {}) == made
    assert finished(cells[1], {}) is None


def test_what_is_copied_into_anothers_place_is_not_taken_for_it(tmp_path):
    def compared():
        return compare(
            {"a": ppca}, {"ELBO": ELBO(), "IWAE": "iwae:num_particles=2"}, rows(20), seeds=2,
            budget={"steps": 1}, test=rows(20), metrics={"m": lambda run, x: float(run.step)},
            out=tmp_path / "c", progress=False,
        )  # fmt: skip

    found = compared()
    first, *others = sorted((tmp_path / "c" / "runs").iterdir())
    for other, what in zip(others, ("seed was 0", "objective was 'elbo'"), strict=False):
        shutil.rmtree(other)
        shutil.copytree(first, other)
        cell = next(each for each in found.cells if each.run_folder.name == other.name)
        with pytest.raises(RunFolderError, match=f"holds another run than .*{what}"):
            found.run(*cell.key)
    assert found.run(*found.cells[0].key).step == 1


@pytest.mark.parametrize(
    "error", [MemoryError(), OSError(28, "No space left"), RuntimeError("CUDA out of memory.")]
)
def test_what_the_machine_lacked_is_tried_again(error, tmp_path):
    lacking = tmp_path / "lacking"
    lacking.touch()

    def measure(run, x):
        if lacking.exists():
            raise error
        return 1.0

    assert asked(tmp_path / "c", measure).failed
    lacking.unlink()
    assert asked(tmp_path / "c", measure).figures["m"].value == 1.0


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
