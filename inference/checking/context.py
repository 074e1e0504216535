"""What the checks share: runs of the pair, made when they are first asked for."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from inference.data.arrays import is_array
from inference.data.call import leaves_of
from inference.engines import engine_name, load_engine
from inference.errors import ArgumentError, PairError
from inference.objectives.validity import Validity, valid_for
from inference.program.batches import Form, split
from inference.program.containers import is_container
from inference.program.instruments import Probe
from inference.program.records import Array, Parameter, Recorded, RecordedSite, Slopes
from inference.program.sites import Plate, Site
from inference.program.structure import Structure

PARTICLES, _SETS = 8, 24  # of importance-weighted bounds


class Context:
    """A pair with a batch, and what its runs left behind.

    Args:
        pair: a pair or a `(model, guide)` tuple.
        batch: what model and guide take by position.
        engine: the engine, where it cannot be told from the pair.
        rows_in_all: how many rows the data have of which the batch are some; None if not known.
        named: what they take by name.

    Attributes:
        pair: the pair; where there are arguments by name, or arrays in lists or dictionaries, model
            and guide as functions of the arrays among them.
        batch: what these take.
        nested: whether that is so.
    """

    def __init__(
        self,
        pair: Any,
        batch: tuple[Any, ...],
        engine: str | None = None,
        rows_in_all: int | None = None,
        named: Mapping[str, Any] | None = None,
    ) -> None:
        self.pair, self.rows_in_all = pair, rows_in_all
        self._engine = engine
        self._call = Form(batch, dict(named or {}))
        self.batch: tuple[Any, ...]
        self.nested = bool(named) or any(is_container(a) and not _is_table(a) for a in batch)
        if not self.nested:
            self.batch = tuple(map(_array, batch))
            return
        taken = split(batch, self._call.kwargs, lambda v: _array(v) if is_array(v) else None)
        self.batch = taken.arrays
        try:
            self.pair = load_engine(self.engine).on_arrays(pair, taken.form)
        except ArgumentError:  # no engine; the first check says so
            self.batch = batch

    @cached_property
    def engine(self) -> str:
        """`"pyro"` or `"numpyro"`."""
        return self._engine or engine_name(self.pair, self._call)

    @cached_property
    def probe(self) -> Probe:
        """The engine's."""
        return load_engine(self.engine).Probe(self.pair, self.batch)

    @cached_property
    def rows(self) -> int:
        """How many rows the batch has; 0 if it holds no array."""
        return next((len(a) for a in self.batch if isinstance(a, np.ndarray) and a.ndim), 0)

    @cached_property
    def guide(self) -> Recorded:
        """A run of the guide."""
        return self.probe.record("guide", self.batch)

    @cached_property
    def prior(self) -> Recorded:
        """A run of the model, its latents drawn from the prior."""
        return self.probe.record("model", self.batch)

    @cached_property
    def model(self) -> Recorded:
        """A run of the model at the guide's draws."""
        return self.probe.record("model", self.batch, self.latents)

    @cached_property
    def latents(self) -> dict[str, Array]:
        """The guide's draws, by site; the prior's of what the guide leaves out."""
        return {**self.prior.drawn, **self.guide.drawn}

    @cached_property
    def structure(self) -> Structure:
        """Sites and plates, as objectives see them."""
        return self.probe.structure()

    def structure_site(self, part: str, name: str) -> Site | None:
        """A site of the model or the guide as objectives see it, where that run has it."""
        sites = self.structure.guide if part == "guide" else self.structure.model
        return sites.get(name)

    @cached_property
    def validity(self) -> Validity:
        """Which objectives train the pair, and why the others do not."""
        return valid_for(self.structure)

    def packs(self, name: str) -> bool:
        """Whether the guide computes a latent of a draw of all its entries, outside of the plates.

        So packed autoguides do. What counts is that the value has the model's shape, and that what
        a bound asks of such a pair is met.
        """
        model, guide = self.prior.sites[name].site, self.guide.sites[name].site
        whole = model.batch_shape + model.event_shape == guide.batch_shape + guide.event_shape
        if not guide.point or not whole or not guide.plates < model.plates:
            return False
        try:
            self.structure.check_match(summed=self.structure.model)
        except PairError:
            return False
        return True

    @property
    def trains_under(self) -> str:
        """The objectives that train the pair and those that do not, in words."""
        valid, refused = ", ".join(self.validity.valid), ", ".join(self.validity.refused)
        others = f" (not under {refused})" if refused else ""
        return f"{valid or 'losses of the library alone'}{others}"

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
        """The plates of as many rows as the batch has around all observed sites, by name.

        None of them where the pair chooses its rows: then those of the batch may be anything.
        """
        observed = [r.site for r in self.model.sites.values() if r.site.observed]
        plates = [site.plates for site in observed if not site.training_only]
        if self.chooses_rows:
            return {}
        shared = frozenset.intersection(*plates) if plates else frozenset[Plate]()
        return {plate.name: plate for plate in shared if plate.size == self.rows}

    def guide_class(self, *names: str) -> bool:
        """Whether the guide is of a class, of the libraries or derived from one, of these names."""
        guide = self.pair[1] if isinstance(self.pair, tuple) else self.pair.guide
        return any(base.__name__ in names for base in type(guide).__mro__)

    @property
    def library_guide(self) -> bool:
        """Whether the guide is an object of a class that the libraries define."""
        guide = self.pair[1] if isinstance(self.pair, tuple) else self.pair.guide
        return type(guide).__module__.split(".")[0] in ("pyro", "numpyro")

    @property
    def generates(self) -> bool:
        """Whether the model is a generator: it observes nothing, and draws rows that it shows."""
        if any(run.site.observed for run in self.prior.sites.values()):
            return False
        shown = [*self.prior.computed.values(), self.prior.returned]
        return any(a is not None and a.shape[:1] == (self.rows,) for a in shown)

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
    def holds_draws(self) -> bool:
        """Whether the guide has a density of any draw: no point masses, no flow without inverse."""
        proposed = [run for run in self.guide.sites.values() if not run.site.observed]
        points = any(run.distribution == "Delta" for run in proposed)
        return not points and all(site.scorable for site in self.structure.proposals)

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
        """Whether arrays in lists or dictionaries, or given by name, are of unequal lengths."""
        lengths = {len(a) for a in self.batch if isinstance(a, np.ndarray) and a.ndim}
        return self.nested and len(lengths) > 1

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
        placed = [each.axis(self.data_plates) is not None for each in run.sites.values()]
        whole = any(
            each.site.auxiliary and not local
            for each, local in zip(run.sites.values(), placed, strict=True)
        )
        if part == "guide" and whole and any(placed):
            return "the guide draws the latents of all rows at once."
        return self.fixed_rows.get(part, "")

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
                raised.append(type(error).__name__)
                continue
            kept = {
                plate.name
                for site in run.sites.values()
                for plate in site.site.plates
                if plate.name in self.data_plates and plate.size == self.rows
            }
            if kept:
                return f"{said}: {min(kept)!r} still has {self.rows} rows where {len(index)} come."
        if len(raised) == 2:
            return f"{said}: with other rows than these {self.rows}, {raised[0]} is raised."
        return ""

    @cached_property
    def shorter(self) -> Context | None:
        """The pair without its optional arguments; None if the batch has none of them."""
        pair = self.pair
        parts = pair if isinstance(pair, tuple) else (pair.model, pair.guide)
        needed = 0
        for part in parts:
            for position, each in enumerate(inspect.signature(part).parameters.values()):
                positional = each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
                if positional and each.default is each.empty:
                    needed = max(needed, position + 1)
        kept = self.batch[: max(needed, 1)]
        return Context(pair, kept, self._engine) if len(kept) < len(self.batch) else None

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
        """A site's log density of each row, (rows,); None outside of the data's plate.

        It is that of one row: without the scale of a plate that is a subsample of a known whole.
        """
        axis = run.axis(self.data_plates)
        if axis is None:
            return None
        whole = np.broadcast_to(run.log_prob, run.site.batch_shape).astype(np.float64)
        whole = whole / self.subsampling(run.site)
        return np.moveaxis(whole, axis, 0).reshape(whole.shape[axis], -1).sum(1)

    def subsampling(self, site: Site) -> float:
        """How many rows of the whole one of the site's stands for, by the data's plates."""
        plates = (plate for plate in site.plates if plate.name in self.data_plates)
        return float(np.prod([plate.full_size / plate.size for plate in plates]))

    @cached_property
    def proposed(self) -> Recorded:
        """A run of the guide at its own draws, which are held."""
        return self.probe.record("guide", self.batch, self.latents)

    def moved(self, which: str) -> set[str]:
        """The parameters that a gradient is asked about.

        A guide may use the model's parameters without a gradient: an exact posterior does.
        """
        ours, theirs = set(self.model.parameters), set(self.guide.parameters)
        moved = {"model": ours, "guide": theirs - ours, "path": ours ^ theirs, "draw": ours}
        return moved[which]

    @cached_property
    def log_weights(self) -> tuple[Array, Array]:
        """log p - log q per datum: of single draws, (sets, rows), and of sets of K draws.

        The latter has shape (sets, K, rows).

        Raises:
            ObjectiveError: if there are no weights per datum.
            PairError: if model and guide do not match.
        """
        return self.probe.log_weights(PARTICLES, _SETS, _check_local)

    @cached_property
    def _slopes(self) -> dict[tuple[str, int, frozenset[str]], Slopes]:
        return {}

    def slopes(self, which: str, rng_seed: int = 0, along: frozenset[str] | None = None) -> Slopes:
        """A gradient; see the engines' `Probe.slopes`.

        Args:
            which: of what.
            rng_seed: of the draws and the direction.
            along: the parameters that the direction moves; `moved(which)` without it.
        """
        along = frozenset(self.moved(which)) if along is None else along
        key = which, rng_seed, along
        if key not in self._slopes:
            given = which, self.latents, along
            try:
                found = self.probe.slopes(*given, rng_seed=rng_seed)
            except Exception:  # a program with float32 written into it
                found = self.probe.slopes(*given, rng_seed=rng_seed, double=False)
            self._slopes[key] = found
        return self._slopes[key]


def _check_local(structure: Structure) -> None:
    structure.check_match()
    structure.check_observed()
    structure.check_likelihood("a bound per datum")


def _is_table(value: Any) -> bool:
    """Whether a list or tuple is one array, written out in numbers."""
    if isinstance(value, (list, tuple)):
        try:
            return np.asarray(value).dtype.kind in "biuf" and not any(map(is_array, value))
        except ValueError:  # rows of unequal length
            return False
    return False


def _array(value: Any) -> Any:
    """Arrays and lists in numpy, real numbers in float32; everything else as it is."""
    if hasattr(value, "detach"):
        value = value.detach().cpu().numpy()
    if not (hasattr(value, "shape") or _is_table(value)):
        return value
    array = np.asarray(value)
    return array.astype(np.float32) if array.dtype == np.float64 else array
