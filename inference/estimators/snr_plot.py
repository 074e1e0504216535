"""The picture of signal-to-noise ratios."""

from __future__ import annotations

import numpy as np
from matplotlib.ticker import NullFormatter, NullLocator

from inference.figures.pictures import Picture

Point = tuple[str, str, int, float, float]


def snr_plot(points: list[Point], floor: float) -> Picture:
    """Signal-to-noise ratio against K, log-log, a panel for each group and a line for each label.

    Args:
        points: group, label, K, ratio and its standard error, in the order of K.
        floor: the ratio that is found where there is no signal.
    """
    groups = list(dict.fromkeys(point[0] for point in points))
    labels = list(dict.fromkeys(point[1] for point in points))
    counts = sorted({point[2] for point in points})
    figure = Picture(figsize=(0.9 + 3.3 * len(groups), 3.4), layout="constrained")
    panels = figure.subplots(1, len(groups), sharex=True, squeeze=False)[0]
    for axes, group in zip(panels, groups, strict=True):
        for number, label in enumerate(labels):
            own = [point[2:] for point in points if point[:2] == (group, label)]
            if not own:
                continue
            k, ratio, error = np.array(own).T
            below = np.minimum(2 * error, 0.95 * ratio)  # a logarithm has no place for zero
            axes.errorbar(
                k,
                ratio,
                yerr=np.stack([below, 2 * error]),
                color=f"C{number % 10}",
                marker="os^vDP"[number % 6],
                markersize=4,
                capsize=2,
                label=_plain(label),
            )
        axes.axhline(floor, color="0.6", linestyle=":", linewidth=1)
        axes.set(xscale="log", yscale="log", title=group, xlabel="K, draws per datum")
        axes.set_xticks(counts, list(map(str, counts)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("signal-to-noise ratio")
    handles = {
        label: handle
        for axes in panels
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(list(handles.values()), list(handles), frameon=False, loc="outside right center")
    return figure


def _plain(label: str) -> str:
    """The label as it is: no formula between dollar signs, and none that a legend leaves out."""
    return " " * label.startswith("_") + label.replace("$", r"\$")
