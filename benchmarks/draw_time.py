"""Seconds that 100 images of 784 pixels take where each pixel is drawn after those before it.

    python -m benchmarks.draw_time

prints the table of `docs/speed.md`: of a second call, and in brackets of the first, which compiles.
"""

from __future__ import annotations

import statistics
import time
from typing import Any

from inference.engines import load_engine
from ppl_models import create

ROWS, CALLS = 100, 3
MODELS: dict[str, tuple[str, dict[str, Any]]] = {
    "`nade`, 500 units": ("nade", {}),
    "`made`, 500 units": ("made", {"hidden": (500,)}),
    "`made`, 1,000-1,000 units, eight masks": ("made", {"hidden": (1000, 1000), "masks": 8}),
}


def seconds(model: str, engine: str, settings: dict[str, Any]) -> str:
    """Median of the calls after the first, and the first in brackets."""
    pair, found = create(model, engine=engine, data_dim=784, **settings), []
    for seed in range(1 + CALLS):
        start = time.perf_counter()
        load_engine(engine).draw(pair, ROWS, seed)
        found.append(time.perf_counter() - start)
    return f"{statistics.median(found[1:]):.2f} ({found[0]:.1f})"


def main() -> None:
    """Print the table."""
    print("| model | NumPyro | Pyro |\n|---|---|---|")
    for label, (model, settings) in MODELS.items():
        each = [seconds(model, engine, settings) for engine in ("numpyro", "pyro")]
        print(f"| {label} | {' | '.join(each)} |", flush=True)


if __name__ == "__main__":
    main()
