"""Where the cells of a comparison run: in this process, in several, or on a Ray cluster."""

from __future__ import annotations

import contextlib
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from inference.errors import ArgumentError

T = TypeVar("T")
Work = Callable[[Any], T]

EXECUTORS = ("processes", "ray")
_TRIES = 2
_SECONDS_BETWEEN_LOOKS = 1.0


def run_all(
    work: Callable[[Any, Any], T],
    jobs: Sequence[Any],
    shared: Any,
    lost: Callable[[Any], T],
    *,
    workers: int,
    executor: str,
) -> Iterator[T]:
    """Results of `work(job, shared)`, in the order in which they are done.

    Args:
        work: what to do; it may be any function, also of a notebook.
        jobs: one argument each.
        shared: the other argument, which is brought to each worker once.
        lost: the result of a job whose process died twice, when it was alone.
        workers: how many jobs at a time; one stays in this process.
        executor: `"processes"` on this machine, or `"ray"`.
    """
    if executor == "ray":
        yield from _on_ray(work, jobs, shared, lost, workers)
    elif workers == 1:
        for job in jobs:
            yield work(job, shared)
    else:
        yield from _in_processes(work, jobs, shared, lost, workers)


def _in_processes(
    work: Callable[[Any, Any], T],
    jobs: Sequence[Any],
    shared: Any,
    lost: Callable[[Any], T],
    workers: int,
) -> Iterator[T]:
    """Local processes, each with its share of the cores.

    A process that dies takes the others' jobs along, so that each of these is then tried alone.
    """
    from loky.process_executor import BrokenProcessPool

    left = dict(enumerate(jobs))
    try:
        for number, result in _pool(work, left, shared, min(workers, len(jobs)), workers):
            del left[number]
            yield result
    except BrokenProcessPool:
        for job in left.values():
            result = None
            for _ in range(_TRIES):
                with contextlib.suppress(BrokenProcessPool):
                    ((_, result),) = _pool(work, {0: job}, shared, 1, workers)
                    break
            yield lost(job) if result is None else result


def _pool(
    work: Callable[[Any, Any], T], jobs: dict[int, Any], shared: Any, size: int, share: int
) -> Iterator[tuple[int, T]]:
    from loky import ProcessPoolExecutor, as_completed

    threads = str(max(1, (os.cpu_count() or 1) // share))
    pool = ProcessPoolExecutor(
        max_workers=size,
        env=dict.fromkeys(("OMP_NUM_THREADS", "MKL_NUM_THREADS"), threads),
        initializer=_begin,
        initargs=(shared,),
    )
    try:
        numbers: dict[Any, int] = {}
        for number, job in jobs.items():
            numbers[pool.submit(_with_kept, work, job)] = number
        with warnings.catch_warnings():
            # What jax has compiled grows from run to run; that loky then starts a worker afresh is
            # what we want of it.
            warnings.filterwarnings("ignore", "A worker was restarted")
            for future in as_completed(list(numbers)):
                yield numbers[future], future.result()
    finally:
        pool.shutdown(kill_workers=True)  # at once after Ctrl-C; what they had done is on disk


_kept: list[Any] = []  # of a worker: what all of its jobs share


def _begin(shared: Any) -> None:
    """What a worker does first: keep what its jobs share, and watch whether it is still wanted."""
    _kept[:] = [shared]
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()


def _end_with(parent: int) -> None:
    """End this process when its parent has: after a kill nobody else would, nor take its memory."""
    while os.getppid() == parent:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    os._exit(1)


def _with_kept(work: Callable[[Any, Any], T], job: Any) -> T:
    return work(job, _kept[0])


def _on_ray(
    work: Callable[[Any, Any], T],
    jobs: Sequence[Any],
    shared: Any,
    lost: Callable[[Any], T],
    workers: int,
) -> Iterator[T]:
    """A Ray cluster: the one that is connected to, or one of so many workers on this machine."""
    try:
        import ray
        from ray.exceptions import OutOfMemoryError, WorkerCrashedError
    except ImportError as error:
        raise ArgumentError(
            "executor='ray' needs Ray; install it with pip install 'ppl-model-zoo[scale]', or "
            "leave executor= out to run in processes of this machine."
        ) from error
    own = not ray.is_initialized()
    if own:
        with warnings.catch_warnings():
            # Ray forks to run other programs, which jax warns of; nothing of jax runs in them.
            warnings.filterwarnings("ignore", r"os\.fork\(\) was called")
            ray.init(num_cpus=workers, include_dashboard=False, log_to_driver=False)
    try:
        place = ray.put(shared)

        # Ray's own count of tries does not count those that ran out of memory.
        @ray.remote(max_retries=0)
        def task(job: Any, shared: Any) -> T:
            return work(job, shared)

        waiting = {task.remote(job, place): (job, 1) for job in jobs}
        while waiting:
            (done,), _ = ray.wait(list(waiting), num_returns=1)
            job, tries = waiting.pop(done)
            try:
                yield ray.get(done)
            except (WorkerCrashedError, OutOfMemoryError):
                if tries == _TRIES:
                    yield lost(job)
                else:
                    waiting[task.remote(job, place)] = job, tries + 1
    finally:
        if own:
            ray.shutdown()
