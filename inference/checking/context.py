"""What the checks share: runs of the pair, made when they are first asked for."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from inference.engines import engine_name
from inference.engines.recorded import Array, Parameter, Recorded, RecordedSite, Slopes
from inference.engines.structure import Plate, Structure

_SEED = 20  # of draws; any would do


class Context:
    """A pair with a batch, and what its runs left behind.

    Args:
        pair: a pair or a `(model, guide)` tuple.
        batch: what model and guide take.
        engine: the engine, where it cannot be told from the pair.
    """

    def __init__(self, pair: Any, batch: tuple[Any, ...], engine: str | None = None) -> None:
        self.pair = pair
        self.batch = tuple(map(_array, batch))
        self._engine = engine

    @cached_property
    def engine(self) -> str:
        """`"pyro"` or `"numpyro"`."""
        return self._engine or engine_name(self.pair)

    @cached_property
    def probe(self) -> Any:
        """The engine's."""
        checking = importlib.import_module(f"inference.engines.{self.engine}.checking")
        return checking.Probe(self.pair, self.batch)

    @cached_property
    def rows(self) -> int:
        """How many rows the batch has; 0 if it holds no array."""
        return next((len(a) for a in self.batch if isinstance(a, np.ndarray) and a.ndim), 0)

    @cached_property
    def guide(self) -> Recorded:
        """A run of the guide."""
        return self.probe.record("guide", self.batch, rng_seed=_SEED)

    @cached_property
    def prior(self) -> Recorded:
        """A run of the model, its latents drawn from the prior."""
        return self.probe.record("model", self.batch, rng_seed=_SEED)

    @cached_property
    def model(self) -> Recorded:
        """A run of the model at the guide's draws."""
        return self.probe.record("model", self.batch, self.latents, rng_seed=_SEED)

    @cached_property
    def latents(self) -> dict[str, Array]:
        """The guide's draws, by site; the prior's of what the guide leaves out."""
        return {**self.prior.drawn, **self.guide.drawn}

    @cached_property
    def structure(self) -> Structure:
        """Sites and plates, as objectives see them."""
        return self.probe.structure()

    @property
    def parameters(self) -> dict[str, Parameter]:
        """The parameters that model and guide have asked for."""
        _ = self.guide, self.model
        return self.probe.parameters

    @property
    def runs(self) -> list[tuple[str, Recorded]]:
        """The guide's and the model's run, with the name of each."""
        return [("guide", self.guide), ("model", self.model)]

    @cached_property
    def data_plates(self) -> dict[str, Plate]:
        """The plates of as many rows as the batch has around all observed sites, by name."""
        observed = [r.site for r in self.model.sites.values() if r.site.observed]
        plates = [site.plates for site in observed if not site.training_only]
        shared = frozenset.intersection(*plates) if plates else frozenset[Plate]()
        return {plate.name: plate for plate in shared if plate.size == self.rows}

    def line(self, site: str) -> str:
        """Where a site is, in the model or else in the guide."""
        for recorded in (self.prior, self.guide):
            if site in recorded.sites:
                return recorded.sites[site].line
        return ""

    def taken(self, index: Array) -> tuple[tuple[Any, ...], dict[str, Array]]:
        """The batch and the guide's draws of some rows, in that order."""
        batch = tuple(
            array[index]
            if isinstance(array, np.ndarray) and array.shape[:1] == (self.rows,)
            else array
            for array in self.batch
        )
        return batch, self.rows_of(self.latents, index)

    def rows_of(self, values: Mapping[str, Array], index: Array) -> dict[str, Array]:
        """Values of latents of some rows; those outside of the data's plate stay."""
        taken = {}
        for name, value in values.items():
            run = self.guide.sites.get(name) or self.prior.sites[name]
            axis = run.axis(self.data_plates)
            if axis is not None:
                value = np.take(value, index, axis=len(run.site.batch_shape) + axis)
            taken[name] = value
        return taken

    def per_row(self, run: RecordedSite) -> Array | None:
        """A site's log density of each row, (rows,); None outside of the data's plate."""
        axis = run.axis(self.data_plates)
        if axis is None:
            return None
        whole = np.broadcast_to(run.log_prob, run.site.batch_shape).astype(np.float64)
        return np.moveaxis(whole, axis, 0).reshape(whole.shape[axis], -1).sum(1)

    @cached_property
    def proposed(self) -> Recorded:
        """A run of the guide at its own draws, which are held."""
        return self.probe.record("guide", self.batch, self.latents, rng_seed=_SEED)

    def moved(self, which: str) -> set[str]:
        """The parameters that a gradient is asked about.

        A guide may use the model's parameters without a gradient: an exact posterior does.
        """
        ours, theirs = set(self.model.parameters), set(self.guide.parameters)
        return {"model": ours, "guide": theirs - ours, "path": ours ^ theirs}[which]

    @cached_property
    def _slopes(self) -> dict[tuple[str, int], Slopes]:
        return {}

    def slopes(self, which: str, rng_seed: int = 0) -> Slopes:
        """A gradient; see the engines' `Probe.slopes`."""
        key = which, rng_seed
        if key not in self._slopes:
            given = which, self.latents, self.moved(which)
            try:
                found = self.probe.slopes(*given, rng_seed=rng_seed)
            except Exception:  # a program with float32 written into it
                found = self.probe.slopes(*given, rng_seed=rng_seed, double=False)
            self._slopes[key] = found
        return self._slopes[key]


def _array(value: Any) -> Any:
    """Arrays and lists in numpy, real numbers in float32; everything else as it is."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if not (hasattr(value, "shape") or isinstance(value, (list, tuple))):
        return value
    array = np.asarray(value)
    return array.astype(np.float32) if array.dtype == np.float64 else array
