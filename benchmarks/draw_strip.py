"""What DRAW paints, step by step: `python -m benchmarks.draw_strip RUN [OUT.png]`.

RUN is the folder of a fitted `draw`. The upper half of the picture are images drawn from the model,
the lower half data of the run's own kind that the guide paints again; time runs to the right.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from matplotlib.figure import Figure
from numpy.typing import NDArray

from inference import load_run
from inference.figures.pictures import image_shape
from inference.training.run import Run
from ppl_models.datasets import load


def strip(run: Run, z: NDArray[Any]) -> NDArray[Any]:
    """One row of canvases for each row of z, as one picture with lines between the images."""
    if run.pair.engine == "pyro":
        import torch

        with torch.no_grad():
            canvases = run.pair.canvases(torch.tensor(z)).numpy()
    else:
        canvases = np.asarray(run.pair.canvases(z))
    tiles = canvases.reshape(*canvases.shape[:2], *image_shape(run))
    framed = np.pad(tiles, ((0, 0), (0, 0), (0, 1), (0, 1)), constant_values=0.5)
    return np.concatenate(np.concatenate(framed.transpose(1, 0, 2, 3), axis=2), axis=0)


def main(
    folder: Annotated[Path, typer.Argument(help="The run folder.")],
    out: Annotated[Path, typer.Argument(help="The picture.")] = Path("draw.png"),
    rows: Annotated[int, typer.Option(min=1, help="Images of each kind.")] = 5,
    seed: Annotated[int, typer.Option(min=0, help="Seed of the draws.")] = 0,
) -> None:
    run = load_run(folder)
    x = load(str(run.spec["data"]["id"]).split("/")[0]).test[:rows]
    pair = run.pair
    drawn = np.random.default_rng(seed).normal(size=(rows, pair.steps, pair.latent_dim))
    both = (drawn.astype(np.float32), run.latents(x, seed=seed)["z"])
    figure = Figure(figsize=(0.6 * pair.steps, 1.2 * rows), layout="constrained")
    for axes, z, title in zip(figure.subplots(2), both, ("drawn", "painted again"), strict=True):
        axes.imshow(strip(run, z), cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        axes.set_title(title, fontsize=9)
        axes.set_axis_off()
    figure.savefig(out, dpi=150)
    print(out)


if __name__ == "__main__":
    typer.run(main)
