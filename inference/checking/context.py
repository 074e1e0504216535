"""What the checks share: runs of the pair, and what its rows have to do with each other."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from inference.checking.runs import Runs
from inference.data.call import leaves_of
from inference.program.records import Array, Recorded, RecordedSite
from inference.program.sites import Plate, Site


class Context(Runs):
    """Runs of a pair, row by row: other rows, fewer rows, and the same rows in another order."""

    @cached_property
    def data_plates(self) -> dict[str, Plate]:
        """The plates of as many rows as the batch has around all observed sites, by name.

        None of them where the pair chooses its rows: then those of the batch may be anything.
        """
        observed = [r.site for r in self.model.sites.values() if r.site.observed]
        plates = [site.plates for site in observed if not site.training_only]
        if self.chooses_rows:
            return {}
        shared = frozenset.intersection(*plates) if plates else frozenset[Plate]()
        return {plate.name: plate for plate in shared if plate.size == self.rows}

    @cached_property
    def guided_by_data(self) -> frozenset[str]:
        """What the guide draws in view of the batch: other rows, and it draws something else.

        All rows are made the first one, which is data too, and the seed is the same.
        """
        other, _ = self.taken(np.zeros(self.rows, dtype=int))
        pairs = [(self.guide.sites, self.probe.record("guide", other).sites, "value")]
        if self.holds_draws:  # a discrete draw may be the same under other probabilities
            held = self.probe.record("guide", other, self.latents).sites
            pairs.append((self.proposed.sites, held, "log_prob"))
        return frozenset(
            name
            for here, there, what in pairs
            for name, run in here.items()
            if name not in there
            or not np.allclose(
                getattr(run, what), getattr(there[name], what), 1e-5, 1e-6, equal_nan=True
            )
        )

    @property
    def chooses_rows(self) -> bool:
        """Whether a plate of the pair takes a part of what it is given."""
        plates = (plate for run in self.model.sites.values() for plate in run.site.plates)
        return any(plate.full_size != plate.size != self.rows for plate in plates)

    @property
    def whole(self) -> str:
        """Why the arguments cannot be given for other rows; empty if they can."""
        for place, value in enumerate((*self._call.args, *self._call.kwargs.values())):
            for leaf in leaves_of(value):
                if type(leaf) is int and leaf == self.rows:
                    return f"argument {place} says how many rows there are."
                if isinstance(leaf, tuple):
                    return f"argument {place} is a {type(leaf).__name__}, which is not cut by rows."
        return "the arrays are of unequal lengths." if self.ragged else ""

    @property
    def ragged(self) -> bool:
        """Whether arrays are of unequal lengths, and so not all of them have a row for a datum."""
        lengths = {len(a) for a in self.batch if isinstance(a, np.ndarray) and a.ndim}
        return len(lengths) > 1

    def bound_to_rows(self, part: str) -> str:
        """Why the model or the guide is made for these rows in this order; empty if it is not."""
        run = self.guide if part == "guide" else self.model
        if self.whole:
            return self.whole
        if run.noisy:
            return f"the {part} draws noise besides its sample statements, as dropout does."
        if run.learning:
            return f"the {part}'s networks are in training mode and normalise by their batch."
        for name in run.parameters:
            if self.rows in self.parameters[name].value.shape:
                return f"parameter {name!r} has as many entries as the batch has rows."
        if self.joint:
            return (
                f"the model draws {self.joint!r} of as many entries, or values, as there are rows."
            )
        placed = [each.axis(self.data_plates) is not None for each in run.sites.values()]
        whole = any(
            each.site.auxiliary and not local
            for each, local in zip(run.sites.values(), placed, strict=True)
        )
        if part == "guide" and whole and any(placed):
            return "the guide draws the latents of all rows at once."
        return self.fixed_rows.get(part, "")

    @property
    def does_nothing(self) -> bool:
        """Whether neither part has a site, such as a loss of labels on a batch without them."""
        return not self.prior.sites and not self.guide.sites

    @cached_property
    def joint(self) -> str:
        """A latent outside of the data's plate with an entry for each row; empty without one.

        Such as the values of a Gaussian process or of a random walk: rows hang together by it. Or
        one that says a row, such as the one where a series changes.
        """
        drawn = {
            name: _extent(run)
            for name, run in self.prior.sites.items()
            if not run.site.observed and run.axis(self.data_plates) is None
        }
        found = [name for name, extent in drawn.items() if 1 < self.rows in extent]
        if not found or not self.data_plates:
            return ""
        batch, _ = self.taken(np.arange(self.rows - 1))
        try:
            fewer = self.probe.record("model", batch).sites
        except Exception:  # it does not run on fewer, such as a part of a matrix of neighbours
            return found[0]
        follows = (n for n in found if n not in fewer or _extent(fewer[n]) != drawn[n])
        return next(follows, "")

    @cached_property
    def fixed_rows(self) -> dict[str, str]:
        """Why a part's plate of the data does not follow the number of rows; of those that do none.

        Such a program is for all rows at once: eight schools, the pixels of one picture.
        """
        if not self.data_plates or self.rows < 2:
            return {}
        parts = ("guide", "model") if self.holds_draws else ("model",)
        found = {part: self._fixed(part) for part in parts}
        return {part: why for part, why in found.items() if why}

    def _fixed(self, part: str) -> str:
        said = f"the {part}'s plate of the data has a size of its own"
        raised = []
        for index in (np.array([self.rows - 1]), np.concatenate([np.arange(self.rows)] * 2)):
            batch, latents = self.taken(index)
            try:
                run = self.probe.record(part, batch, latents)
            except Exception as error:
                raised.append(type(error).__name__.strip("_"))
                continue
            kept = {
                plate.name
                for site in run.sites.values()
                for plate in site.site.plates
                if plate.name in self.data_plates and plate.size == self.rows
            }
            if kept:
                return f"{said}: {min(kept)!r} still has {self.rows} rows where {len(index)} come."
            if own := self._data_of_its_own(run, len(index)):
                return (
                    f"the {part} holds the data of {own!r} itself: {self.rows} rows are observed "
                    f"where {len(index)} come."
                )
        if part == "model" and raised and (named := self._sized_by_data()):
            return (
                f"the model draws {named!r} in as many entries as it works out from the data, and "
                "in fewer where fewer rows come; an argument of its own would say how many."
            )
        if len(raised) == 2 or "LinAlgError" in raised[:1]:  # a matrix of one row has no inverse
            return f"{said}: with other rows than these {self.rows}, {raised[0]} is raised."
        return ""

    def _sized_by_data(self) -> str:
        """A latent of all rows that is smaller where fewer come, such as one for each label."""
        try:
            fewer = self.probe.record("model", self.taken(np.array([self.rows - 1]))[0]).sites
        except Exception:  # it does not run on one row
            return ""
        for name, run in self.prior.sites.items():
            if run.site.observed or run.axis(self.data_plates) is not None or name not in fewer:
                continue
            if np.size(fewer[name].value) < np.size(run.value):
                return name
        return ""

    def _data_of_its_own(self, run: Recorded, rows: int) -> str:
        """What is observed in as many rows as ever where fewer come: no argument holds it."""
        for name, each in run.sites.items():
            axis = each.axis(self.data_plates)
            if axis is not None and each.site.observed:
                batch = each.value.shape[: each.value.ndim - len(each.site.event_shape)]
                if len(batch) >= -axis and batch[axis] == self.rows != rows:
                    return name
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
        """A site's log density of each row, (rows,); None outside of the data's plate.

        It is that of one row: without the scale of a plate that is a subsample of a known whole.
        """
        axis = run.axis(self.data_plates)
        if axis is None:
            return None
        shape = np.broadcast_shapes(run.log_prob.shape, run.site.batch_shape)
        whole = np.broadcast_to(run.log_prob, shape).astype(np.float64)
        whole = whole / self.subsampling(run.site)
        return np.moveaxis(whole, axis, 0).reshape(whole.shape[axis], -1).sum(1)

    def subsampling(self, site: Site) -> float:
        """How many rows of the whole one of the site's stands for, by the data's plates."""
        plates = (plate for plate in site.plates if plate.name in self.data_plates)
        return float(np.prod([plate.full_size / plate.size for plate in plates]))


def _extent(run: RecordedSite) -> tuple[int, ...]:
    """The shape of a value, and how many values a discrete one may have."""
    return (*np.shape(run.value), run.site.cardinality or 0)
