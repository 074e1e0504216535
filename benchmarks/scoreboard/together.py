"""Several processes and threads at once, and the same seed again."""

from __future__ import annotations

import multiprocessing
import threading
from collections.abc import Iterator
from pathlib import Path

from benchmarks.scoreboard.tiny import differs, trained
from inference import Run, RunFolderError, load_run


def _one(engine: str, path: str, ends: multiprocessing.Queue[str]) -> None:
    try:
        run = trained(engine, 60, out=path, checkpoint_seconds=0.0)
        ends.put("" if run.status == "finished" else run.status)
    except RunFolderError as error:
        ends.put("" if path in str(error) else f"unclear: {error}")
    except BaseException as error:
        ends.put(f"{type(error).__name__}: {error}")


def in_one_folder(engine: str, folder: Path, processes: int) -> Iterator[str]:
    """Processes that train into one folder: each ends well or is told; nothing read is torn."""
    context = multiprocessing.get_context("spawn")
    ends: multiprocessing.Queue[str] = context.Queue()
    path = folder / f"together-{engine}"
    started = [
        context.Process(target=_one, args=(engine, str(path), ends)) for _ in range(processes)
    ]
    for each in started:
        each.start()
    while any(each.is_alive() for each in started):
        if list((path / "checkpoints").glob("step-*")):
            try:
                load_run(path)
            except Exception as error:
                yield f"torn: {error}"
    for _ in started:
        yield ends.get(timeout=60)
    yield differs(load_run(path), trained(engine, 60))


def in_threads(engine: str, threads: int) -> Iterator[str]:
    """Threads that fit at once come to what one alone does, or are refused in a sentence."""
    runs: dict[int, Run | str] = {}

    def work(seed: int) -> None:
        try:
            runs[seed] = trained(engine, 30, seed=seed)
        except Exception as error:
            runs[seed] = f"{type(error).__name__}: {error}"

    started = [threading.Thread(target=work, args=(seed,)) for seed in range(threads)]
    for each in started:
        each.start()
    for each in started:
        each.join()
    for seed, run in runs.items():
        yield run if isinstance(run, str) else differs(run, trained(engine, 30, seed=seed))


def again(engine: str, count: int) -> Iterator[str]:
    """The same seed twice."""
    for seed in range(count):
        yield differs(trained(engine, 30, seed=seed), trained(engine, 30, seed=seed))
