"""NaN and infinity at any place of a program: the site is named, and the folder tells the truth."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.scoreboard.tiny import ROWS
from inference import ZooError, fit, load_run

BAD = {"nan": float("nan"), "inf": float("inf"), "-inf": float("-inf")}
PLACES = ("z location", "z scale", "x logits", "guide location", "guide scale")
FROM = 5  # steps that go well


def _pyro(place: str, bad: float) -> tuple[Callable[..., None], Callable[..., None]]:
    import pyro
    import pyro.distributions as dist
    import torch

    calls = {"model": 0, "guide": 0}

    def spoilt(where: str, part: str, value: Any) -> Any:
        return value * bad if where == place and calls[part] > FROM else value

    def model(x: Any) -> None:
        calls["model"] += 1
        weight = pyro.param("weight", torch.zeros(8))
        with pyro.plate("data", len(x)):
            one = torch.ones(len(x))
            where, scale = spoilt("z location", "model", one), spoilt("z scale", "model", one)
            z = pyro.sample("z", dist.Normal(where, scale, validate_args=False))
            logits = spoilt("x logits", "model", z[:, None] + weight)
            law = dist.Bernoulli(logits=logits, validate_args=False).to_event(1)
            pyro.sample("x", law, obs=x)

    def guide(x: Any) -> None:
        calls["guide"] += 1
        place_of_z = pyro.param("place", torch.tensor(0.5))
        with pyro.plate("data", len(x)):
            one = torch.ones(len(x))
            where = spoilt("guide location", "guide", one * place_of_z)
            scale = spoilt("guide scale", "guide", one)
            pyro.sample("z", dist.Normal(where, scale, validate_args=False))

    return model, guide


def outcomes(folder: Path) -> Iterator[str]:
    """Programs whose numbers go wrong after some steps, on Pyro, which runs them each step."""
    for place in PLACES:
        for label, bad in BAD.items():
            path = folder / f"{place}-{label}"
            site = "'x'" if place.startswith("x") else "'z'"
            try:
                fit(_pyro(place, bad), ROWS, steps=200, out=path, progress=False)
            except ZooError as error:
                kept = load_run(path, pair=_pyro("nowhere", 1.0), batch=ROWS)
                true = kept.status == "diverged" and all(
                    np.isfinite(each).all() for each in kept.parameters.values()
                )
                named = site in str(error)
                yield "" if named and true else f"{place} {label}: {kept.status}, {error}"
            else:
                yield f"{place} {label}: nothing was noticed"
