"""Several processes and threads at once, and the same seed again."""

from __future__ import annotations

import multiprocessing
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import fields
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.scoreboard.tiny import ROWS, differs, pair, trained
from inference import ELBO, IWAE, Comparison, Run, RunFolderError, compare, load_run
from inference.published.result import Result, append, read_results

Work = Callable[[str, Path], str]


def _one(work: Work, engine: str, path: str, ends: multiprocessing.Queue[str]) -> None:
    try:
        ends.put(work(engine, Path(path)))
    except RunFolderError as error:
        ends.put("" if path in str(error) else f"unclear: {error}")
    except BaseException as error:
        ends.put(f"{type(error).__name__}: {error}")


def _at_once(
    work: Work, engine: str, path: Path, processes: int, look: Callable[[Path], object]
) -> Iterator[str]:
    """How processes end that do the same in one place, and what a reader meets meanwhile.

    Args:
        work: what each does; its failure in words, or nothing.
        engine: which.
        path: the place.
        processes: how many.
        look: reads what is there; an error of it is a torn read.
    """
    context = multiprocessing.get_context("spawn")
    ends: multiprocessing.Queue[str] = context.Queue()
    started = [
        context.Process(target=_one, args=(work, engine, str(path), ends)) for _ in range(processes)
    ]
    for each in started:
        each.start()
    while any(each.is_alive() for each in started):
        try:
            look(path)
        except Exception as error:
            yield f"torn: {error}"
    for _ in started:
        yield ends.get(timeout=60)


def _train(engine: str, path: Path) -> str:
    run = trained(engine, 60, out=str(path), checkpoint_seconds=0.0)
    return "" if run.status == "finished" else run.status


def _load(path: Path) -> None:
    if list((path / "checkpoints").glob("step-*")):
        load_run(path)


def in_one_folder(engine: str, folder: Path, processes: int) -> Iterator[str]:
    """Processes that train into one folder: each ends well or is told; nothing read is torn."""
    path = folder / f"together-{engine}"
    yield from _at_once(_train, engine, path, processes, _load)
    yield differs(load_run(path), trained(engine, 60))


def _compared(engine: str, out: Path | None) -> Comparison:
    return compare(
        {"vae": partial(pair, engine)},
        {"ELBO": ELBO(), "IWAE": IWAE(3)},
        ROWS,
        budget={"steps": 30},
        metrics=["bound"],
        test=ROWS[:10],
        out=out,
        progress=False,
    )


def _compare(engine: str, path: Path) -> str:
    found = _compared(engine, path)
    return "; ".join(each.why for each in found.results if each.why)


def compared_in_one_folder(engine: str, folder: Path, processes: int) -> Iterator[str]:
    """Processes that compare in one folder, likewise; the figures are those of one alone."""
    path = folder / f"compared-{engine}"
    yield from _at_once(_compare, engine, path, processes, lambda path: None)
    ours, alone = (_compared(engine, place).frame["bound"] for place in (path, None))
    yield "" if ours.equals(alone) else f"{ours.tolist()} for {alone.tolist()}"


_FIGURES = 40  # of each process


def _append(engine: str, path: Path) -> str:
    said = {each.name: "" for each in fields(Result)} | {"commit": engine}
    numbers: dict[str, Any] = dict.fromkeys(("ours", "standard_error", "seconds"), 1.0)
    numbers |= {"deviation": None, "threads": 1}
    for number in range(_FIGURES):
        rows = (f"{os.getpid()}-{number}", f"all-{number}")
        append(path, [Result(**{**said, **numbers, "row": row}) for row in rows])
    return ""


def results_in_one_file(engine: str, folder: Path, processes: int) -> Iterator[str]:
    """Processes that append to one file of results: each line is there, once and whole."""
    path = folder / f"results-{engine}.csv"
    yield from _at_once(_append, engine, path, processes, read_results)
    rows = [each.row for each in read_results(path)]
    wanted = _FIGURES * (processes + 1)
    yield "" if len(rows) == len(set(rows)) == wanted else f"{len(rows)} lines for {wanted}"


def _report(engine: str, path: Path) -> str:
    compared = _compared(engine, None)
    for _ in range(5):
        compared.to_html(path)
    return ""


def _page(path: Path) -> None:
    if path.exists() and not path.read_text().rstrip().endswith("</html>"):
        raise ValueError("half a page")


def report_in_one_file(engine: str, folder: Path, processes: int) -> Iterator[str]:
    """Processes that write one report: who reads it finds a whole page."""
    path = folder / f"report-{engine}.html"
    yield from _at_once(_report, engine, path, processes, _page)
    _page(path)
    yield "" if path.exists() else "no page"


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
