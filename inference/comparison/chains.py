"""A cell whose learning is Markov chains: they are kept in the run folder, as the reference."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from inference.errors import RunFolderError
from inference.posterior.diagnostics import effective_sample_size, r_hat
from inference.posterior.sampler import Sampler
from inference.training.reading import MEGABYTE, read_regular, sealed, unsealed
from inference.training.writing import write_whole

_DIVERGING = "statistics/diverging"
_FILE, _FACTS = "chains.safetensors", "chains.json"
_LARGEST = 16 * 1024 * MEGABYTE


@dataclass(frozen=True)
class Chains:
    """C chains of S draws of a model's latents, and how they went.

    Attributes:
        draws: by site, (C, S, *batch, *event).
        diverging: (C, S).
        given: the data, of which these are posterior draws.
        seconds: that sampling took, compilation included.
    """

    draws: dict[str, NDArray[Any]]
    diverging: NDArray[Any]
    given: tuple[NDArray[Any], ...]
    seconds: float

    @property
    def r_hat(self) -> float:
        """The largest of all entries; NaN for constant ones does not count."""
        return max(float(np.nanmax(value)) for value in r_hat(self.draws).values())

    @property
    def ess(self) -> float:
        """The smallest effective sample size, bulk or tail, of all entries."""
        kinds = (effective_sample_size(self.draws, kind) for kind in ("bulk", "tail"))
        return min(float(np.nanmin(value)) for found in kinds for value in found.values())

    @property
    def flat(self) -> dict[str, NDArray[Any]]:
        """The draws of all chains end to end, (C S, *batch, *event)."""
        return {name: value.reshape(-1, *value.shape[2:]) for name, value in self.draws.items()}


def training_arrays(data: Any) -> tuple[NDArray[Any], ...]:
    """The training arrays of what `fit` takes."""
    if hasattr(data, "arrays"):
        return data.arrays("train")
    return data if isinstance(data, tuple) else (data,)


def holds_chains(folder: Path) -> bool:
    """Whether chains were drawn to their end here."""
    return (folder / _FILE).exists()


def sampled(sampler: Sampler, pair: Any, data: Any, seed: int, folder: Path, what: str) -> Chains:
    """Draw the chains, or read them where they were drawn.

    Raises:
        RunFolderError: if others are there, or damaged ones.
    """
    if not holds_chains(folder):
        found = sampler.sample(pair, data, seed=seed)
        folder.mkdir(parents=True, exist_ok=True)
        arrays: Mapping[str, Any] = {**found.draws, _DIVERGING: found.statistics["diverging"]}
        plain = {name: np.ascontiguousarray(value) for name, value in arrays.items()}
        content = save(plain)
        hashed = hashlib.sha256(content).hexdigest()
        facts = {"what": what, "seconds": found.seconds, "file": hashed}
        write_whole(folder / _FACTS, sealed(facts))
        write_whole(folder / _FILE, content)
    facts, _ = _read(folder)
    if facts.get("what") != what:
        raise RunFolderError(
            f"{folder} holds other chains: {facts.get('what')}, and now {what}. Choose another "
            "out=, or delete it."
        )
    return read_chains(folder, data)


def read_chains(folder: Path, data: Any) -> Chains:
    """The chains in a folder, of the posterior given the training rows of these data.

    Raises:
        RunFolderError: if there are none, or they are damaged.
    """
    facts, arrays = _read(folder)
    return Chains(arrays, arrays.pop(_DIVERGING), training_arrays(data), facts["seconds"])


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """What is said of the chains in a folder, and they themselves.

    Raises:
        RunFolderError: if there are none, or they are damaged.
    """
    try:
        facts = unsealed(read_regular(folder / _FACTS, MEGABYTE), _FACTS)
        content = read_regular(folder / _FILE, _LARGEST)
        if facts.get("file") not in (None, hashlib.sha256(content).hexdigest()):
            raise ValueError(f"{_FILE} is not as it was written")
        arrays = load(content)
        if not isinstance(facts["seconds"], float) or _DIVERGING not in arrays:
            raise ValueError("something is missing")
        return facts, arrays
    except (OSError, ValueError, KeyError, SafetensorError) as error:
        raise RunFolderError(
            f"{folder} holds no whole chains ({error}); delete it and compare again."
        ) from error
