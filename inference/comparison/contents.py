"""What a comparison's report shows."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from inference.comparison.commands import train_command
from inference.comparison.comparison import Comparison
from inference.comparison.curves import bounds
from inference.comparison.ranking import Summary
from inference.data.drawn_rows import drawn_rows
from inference.descriptions import versions
from inference.errors import ZooError
from inference.estimators.report import EstimatorReport
from inference.objectives import Objective
from inference.objectives.table import rows as objective_rows
from inference.report import (
    Cell,
    Column,
    Command,
    Content,
    Curve,
    Plot,
    Row,
    Scatter,
    Series,
    Sheet,
)
from inference.training.run import Run

_POINTS = 400  # of a scatter
_SAMPLES = 16


def contents(
    comparison: Comparison, title: str, estimators: Mapping[str, EstimatorReport]
) -> Content:
    """The report of a comparison, from its results and from the first good run of each row."""
    names = list(comparison.metrics)
    good = {result.key[:2] for result in comparison.results if not result.failed}
    runs = {key: run for key in comparison.summaries if (run := _first(comparison, *key))}
    return Content(
        title=title,
        facts=_facts(comparison),
        columns=tuple(
            Column(name, m.unit, m.better, (m.measure.__doc__ or "").partition("\n")[0])
            for name, m in comparison.metrics.items()
        ),
        rows=tuple(
            Row(
                (*key, _engine(comparison, *key)),
                tuple(_cell(row[name]) for name in names) if key in good else (),
                comparison.why(*key) if key not in good else None,
                curve=_label(*key),
            )
            for key, row in _ranked(comparison, names)
        ),
        ranked_by=next((n for n in names if comparison.metrics[n].better is not None), ""),
        ranking_note=(
            "Mean over the seeds ± standard deviation (with one seed: ± the standard error over "
            "the scored rows, where there is one). A star marks the best where its lead over each "
            "of the others exceeds its error: Welch's t-test over the seeds, level 0.05 after "
            "Bonferroni. Best of its pair: the same among the objectives of one pair."
        ),
        curves=_curves(comparison),
        latents=tuple(
            scatter for key, run in runs.items() if (scatter := _scatter(comparison, key, run))
        ),
        samples=tuple(
            Sheet(_label(*key), drawn)
            for key, run in runs.items()
            if run.image_shape is not None and (drawn := _drawn(comparison, run)) is not None
        ),
        lines=tuple(_ratios(heading, found) for heading, found in estimators.items()),
        commands=tuple(Command(_label(*key), _command(run)) for key, run in runs.items()),
    )


def _ranked(
    comparison: Comparison, names: Sequence[str]
) -> list[tuple[tuple[str, str], dict[str, Summary]]]:
    """The rows, best first by the first metric of which a side is better; failed ones last."""
    rows = list(comparison.summaries.items())
    by = next((n for n in names if comparison.metrics[n].better is not None), None)
    if by is None:
        return rows
    sign = -1 if comparison.metrics[by].better == "higher" else 1

    def place(row: tuple[tuple[str, str], dict[str, Summary]]) -> tuple[bool, float]:
        mean = row[1][by].mean
        return mean is None, 0.0 if mean is None else sign * mean

    return sorted(rows, key=place)


def _label(pair: str, objective: str) -> str:
    return f"{pair}, {objective}"


def _engine(comparison: Comparison, pair: str, objective: str) -> str:
    of = (r.engine for r in comparison.results if (r.pair, r.objective) == (pair, objective))
    return next(filter(None, of), "")


def _first(comparison: Comparison, pair: str, objective: str) -> Run | None:
    for cell, result in zip(comparison.cells, comparison.results, strict=True):
        if cell.key[:2] == (pair, objective) and cell.fits and not result.failed:
            return comparison.run(*cell.key)
    return None


def _ratios(heading: str, found: EstimatorReport) -> Plot:
    """The signal-to-noise ratios of gradients against K, as `EstimatorReport.plot` draws them."""
    series = []
    by_line: Any = found.table().groupby(["label", "group"], sort=False)
    for (label, group), rows in by_line:
        series.append(Series(label, group, rows["num_particles"], rows["snr"]))
    ratio = "signal-to-noise ratio of the gradient"
    return Plot(heading, "K", ratio, tuple(series), log_x=True, log_y=True)


def _cell(summary: Summary) -> Cell:
    spread = summary.error if summary.spread is None else summary.spread
    text = str(summary).removesuffix(summary.star)
    text = text if summary.mean is not None else summary.note or "-"
    return Cell(text, summary.mean, spread, summary.best, summary.leads and not summary.best)


def _facts(comparison: Comparison) -> dict[str, str]:
    budgets = dict.fromkeys(_words(cell.budget) for cell in comparison.cells if cell.fits)
    seeds = dict.fromkeys(str(cell.seed) for cell in comparison.cells)
    facts = {
        "data": comparison.cells[0].data_id,
        "rows scored": f"{len(comparison.x[0]):,}",
        "budget of each run": "; ".join(budgets) or "none",
        "seeds": ", ".join(seeds),
        "versions": ", ".join(f"{name} {version}" for name, version in versions().items()),
        "ppl-model-zoo": importlib.metadata.version("ppl-model-zoo"),
        "machine": f"{platform.machine()}, {platform.system()}, {os.cpu_count()} cores",
    }
    for cell in comparison.cells:
        kind = type(cell.learning)
        if isinstance(cell.learning, Objective):
            ((_, _, needs),) = objective_rows([kind])
            facts[f"{kind.__name__} is valid for pairs with"] = needs or "anything"
    good = {result.key[:2] for result in comparison.results if not result.failed}
    partly = {_label(*key): comparison.why(*key) for key in good if comparison.why(*key)}
    return facts | {f"failed: {label}": why for label, why in partly.items()}


def _words(budget: Mapping[str, Any]) -> str:
    return ", ".join(f"{amount:,} {kind}" for kind, amount in budget.items())


def _curves(comparison: Comparison) -> tuple[Curve, ...]:
    return tuple(
        Curve(
            label=_label(*key),
            quantity="validation bound",
            unit="nats per datum",
            steps=[row["step"] for row in rows],
            seconds=[row["seconds"] for row in rows],
            values=[row["valid_bound"] for row in rows],
            run=f"seed {seed}",
        )
        for key, runs in bounds(comparison).items()
        for seed, rows in runs.items()
    )


def _given(comparison: Comparison, size: int) -> tuple[NDArray[Any], ...]:
    """What the model takes besides x, for so many rows."""
    return tuple(np.resize(a, (size, *a.shape[1:])) for a in comparison.x[1:])


def _drawn(comparison: Comparison, run: Run) -> NDArray[Any] | None:
    try:
        drawn = run.sample(_SAMPLES, *_given(comparison, _SAMPLES), seed=0)
    except ZooError:
        return None
    return np.asarray(drawn, dtype=np.float64).reshape(_SAMPLES, *(run.image_shape or ()))


def _scatter(comparison: Comparison, key: tuple[str, str], run: Run) -> Scatter | None:
    """The first latent's means, in its plane or its two principal components, with images."""
    if not getattr(run.objective, "uses_guide", True):
        return None
    x = drawn_rows(comparison.x, _POINTS)
    means = run.latents(*x)
    if not means:
        return None
    site, z = next(iter(means.items()))
    z = z.reshape(len(z), -1).astype(np.float64)
    test = getattr(comparison.data, "test", None)
    labels = getattr(comparison.data, "labels", {}).get("test")
    same = test is not None and np.array_equal(test, comparison.x[0])
    classes = None
    if labels is not None and same:
        classes = [str(each) for each in drawn_rows(labels, _POINTS)]
    images = None
    if run.image_shape is not None:
        decoded = run.reconstruct(*x).reshape(len(z), *run.image_shape)
        images = np.round(255 * np.clip(decoded, 0, 1)).astype(np.uint8)
    x_axis, y_axis, plane, note = _plane(site, z)
    return Scatter(
        label=_label(*key),
        x=plane[:, 0],
        y=plane[:, 1],
        classes=classes,
        images=images,
        note=note,
        x_label=x_axis,
        y_label=y_axis,
    )


def _plane(site: str, z: NDArray[np.float64]) -> tuple[str, str, NDArray[np.float64], str]:
    """Names of two axes, points in their plane, and what the plane is."""
    if z.shape[1] == 1:
        return site, "", np.column_stack([z[:, 0], np.zeros(len(z))]), f"the guide's mean of {site}"
    if z.shape[1] == 2:
        return f"{site}[0]", f"{site}[1]", z, f"the guide's mean of {site}"
    components = PCA(n_components=2, random_state=0)
    plane = components.fit_transform(z)
    share = 100 * components.explained_variance_ratio_.sum()
    what = f"two principal components of the guide's mean of {site}, {share:.0f} % of its variance"
    return "component 1", "component 2", plane, what


def _command(run: Run) -> str:
    """What repeats the run, or where it says what it was."""
    command = train_command(run.spec, None)
    if command is not None:
        return command
    return (
        f"# {run.spec['pair'].get('class') or run.spec['pair'].get('functions')} under "
        f"{run.spec['objective']} cannot be said as a command of ppl-zoo; its spec:\n"
        f"python -m json.tool {shlex.quote(str(run.folder))}/spec.json"
    )
