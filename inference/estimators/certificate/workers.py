"""Settings measured several at a time, in processes of their own."""

from __future__ import annotations

import gc
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed

import pandas as pd

from inference.data.rows import slices
from inference.estimators.certificate.certify import Outcome, Setting, measure

_TASKS_PER_PROCESS = 100
# Programs run for less time than their compilation takes; the fusion emitters double that.
_QUICK = (
    "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false "
    "--xla_cpu_parallel_codegen_split_count=1"
)


def certify(
    chosen: Sequence[Setting],
    draws: int,
    *,
    workers: int = 1,
    report: Callable[[int], None] = lambda done: None,
) -> list[Outcome]:
    """Measure settings, several at a time.

    Args:
        chosen: the settings.
        draws: draws of the latents for each.
        workers: processes.
        report: called with the number of settings that are done.

    Returns:
        The outcomes, in the order of the settings.
    """
    outcomes: dict[int, Outcome] = {}
    context = multiprocessing.get_context("spawn")
    # Every compiled program stays in its process's memory, so processes are replaced.
    share = workers * _TASKS_PER_PROCESS
    for some in slices(len(chosen), share):
        with ProcessPoolExecutor(workers, context, initializer=_be_frugal) as pool:
            numbers = {
                pool.submit(measure, setting, draws): number
                for number, setting in enumerate(chosen[some], start=some.start)
            }
            for future in as_completed(numbers):
                outcomes[numbers[future]] = future.result()
                report(len(outcomes))
    return [outcomes[number] for number in range(len(chosen))]


def as_frame(chosen: Sequence[Setting], outcomes: Sequence[Outcome]) -> pd.DataFrame:
    """One row per setting: what it was and what was found."""
    return pd.DataFrame(
        [
            {
                "objective": setting.label,
                "num_particles": setting.num_particles,
                "case": setting.case,
                "engine": setting.engine,
                "rows": setting.rows,
                "subsampled": setting.subsampled,
                "z": outcome.largest,
                "comparisons": outcome.z.size,
                "error": outcome.error,
                "bias": outcome.bias,
                "refused": outcome.refusal,
            }
            for setting, outcome in zip(chosen, outcomes, strict=True)
        ]
    )


def _be_frugal() -> None:
    """Settings of torch and jax for a worker, before it imports them."""
    os.environ["OMP_NUM_THREADS"] = "1"  # threads would fight for the workers' cores
    os.environ.setdefault("XLA_FLAGS", _QUICK)
    gc.set_threshold(10_000, 10, 10)  # what tracing makes is long-lived
