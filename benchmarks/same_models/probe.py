"""What models and their guides do at their first parameters, with the packages that are imported.

Run by its path, with another tree first on PYTHONPATH: it imports the models and nothing else of
it. What fails leaves its error in place of numbers.

python probe.py CALL.npz NUMBERS.npz [CALL.npz NUMBERS.npz ...]
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np


def main() -> None:
    """Write every site's values and log densities, by part and name, call by call."""
    asked = [Path(each) for each in sys.argv[1:]]
    for given, out in zip(asked[::2], asked[1::2], strict=True):
        found: dict[str, Any]
        try:
            found = _numbers(given)
        except Exception as error:
            found = {"error": np.array(f"{type(error).__name__}: {error}")}
        np.savez(out, **found)


def _numbers(given: Path) -> dict[str, Any]:
    held = dict(np.load(given, allow_pickle=False))
    call: dict[str, Any] = json.loads(str(held.pop("call")))
    rows = tuple(held.pop(f"row {number}") for number in range(call["rows"]))
    from ppl_models import create

    pair = create(call["model"], engine=call["engine"], **call["settings"], **held)
    sites = _pyro if call["engine"] == "pyro" else _numpyro
    return dict(sites(pair, rows))


def _numpyro(pair: Any, rows: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    import jax
    from numpyro import handlers

    guide = handlers.trace(handlers.seed(pair.guide, 0)).get_trace(*rows)
    replayed = handlers.replay(handlers.seed(pair.model, 1), trace=guide)
    for part, trace in (("guide", guide), ("model", handlers.trace(replayed).get_trace(*rows))):
        for name, site in trace.items():
            if site["type"] not in ("param", "sample"):
                continue
            for number, leaf in enumerate(jax.tree.leaves(site["value"])):
                yield f"{part} {name} {number}", np.asarray(leaf)
            if site["type"] == "sample":
                yield f"{part} {name} density", np.asarray(site["fn"].log_prob(site["value"]))


def _pyro(pair: Any, rows: tuple[Any, ...]) -> Iterator[tuple[str, Any]]:
    import pyro
    import torch
    from pyro import poutine

    tensors = [torch.as_tensor(each) for each in rows]
    pyro.clear_param_store()
    pyro.enable_validation(False)  # rows may be grey, which a run draws as pixels
    pyro.set_rng_seed(0)
    guide = poutine.trace(pair.guide).get_trace(*tensors)
    model = poutine.trace(poutine.replay(pair.model, trace=guide)).get_trace(*tensors)
    for part, trace in (("guide", guide), ("model", model)):
        trace.compute_log_prob()
        sites: Any = trace.nodes
        for name, site in sites.items():
            if site["type"] in ("param", "sample"):
                yield f"{part} {name} 0", np.asarray(site["value"].detach())
            if site["type"] == "sample" and "log_prob" in site:
                yield f"{part} {name} density", site["log_prob"].detach().numpy()


if __name__ == "__main__":
    main()
