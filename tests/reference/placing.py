"""A pair of either engine at given parameters, by the names that torch has for them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scoring import numpyro_site_params

from inference.engines.numpyro.parameters import flatten, public_names, stored
from inference.engines.pyro.parameters import rebuild


def place(pair: Any, values: dict[str, NDArray[Any]], batch: tuple[NDArray[Any], ...]) -> Any:
    """The pair with parameters `values`, all of them, rounded to float32."""
    values = {name: np.asarray(value, np.float32) for name, value in values.items()}
    if pair.engine == "pyro":
        return rebuild(pair, values, batch)
    template = numpyro_site_params(pair, batch)
    flat = flatten(template)
    placed = {}
    for path, name in zip(flat, public_names(flat), strict=True):
        if name.endswith(".kernel"):
            placed[path] = values[name.removesuffix("kernel") + "weight"].T
        else:
            placed[path] = values[name]
    return stored(pair, placed, template)
