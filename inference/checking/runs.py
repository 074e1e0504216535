"""Runs of a pair on a batch, made when they are first asked for."""

from __future__ import annotations

import contextlib
import inspect
from collections.abc import Mapping
from functools import cached_property
from itertools import chain
from typing import Any, Self

import numpy as np

from inference.data.arrays import as_array, is_array, refuse_key
from inference.data.pair_arrays import is_of_the_zoo, precision_of
from inference.descriptions import has
from inference.engines import engine_name, load_engine
from inference.errors import ArgumentError, DataError, PairError
from inference.objectives.validity import Validity, valid_for, whole_look
from inference.program.batches import Form, split
from inference.program.containers import is_container
from inference.program.instruments import Probe
from inference.program.records import Array, Parameter, Recorded, Slopes
from inference.program.sites import Site
from inference.program.structure import Structure

PARTICLES, _SETS = 8, 24  # of importance-weighted bounds


class Runs:
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
        self.pair, self.rows_in_all, self._engine = pair, rows_in_all, engine
        self._slopes: dict[tuple[Any, ...], Slopes] = {}
        real = precision_of(pair, engine)
        self._call = Form(batch, dict(named or {}))
        self.batch: tuple[Any, ...]
        call = _as_taken(self._call, zoo=is_of_the_zoo(pair))
        self.nested = bool(named) or any(map(is_container, call.args))
        if not self.nested:
            self.batch = tuple(_array(value, real) for value in call.args)
            return
        taken = split(call.args, call.kwargs, lambda v: _array(v, real) if is_array(v) else None)
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
        """A run of the model, its latents drawn from the prior; see `instead_of_the_prior`."""
        return self.probe.record("model", self.batch, self.instead_of_the_prior)

    @cached_property
    def instead_of_the_prior(self) -> dict[str, Array] | None:
        """The guide's draws, where the prior has none: it is improper, as `ImproperUniform` is."""
        try:
            self.probe.record("model", self.batch)
        except NotImplementedError:
            return dict(self.guide.drawn)
        return None

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
        return (self.structure.guide if part == "guide" else self.structure.model).get(name)

    @cached_property
    def validity(self) -> Validity:
        """Which objectives train the pair, and why the others do not."""
        backend = load_engine(self.engine)
        return valid_for(whole_look(backend, self.pair, self.batch, self.structure))

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

    @property
    def holds_draws(self) -> bool:
        """Whether the guide has a density of any draw: no point masses, no flow without inverse."""
        proposed = [run for run in self.guide.sites.values() if not run.site.observed]
        points = any(run.distribution == "Delta" for run in proposed)
        return not points and all(site.scorable for site in self.structure.proposals)

    @cached_property
    def shorter(self) -> Self | None:
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
        return type(self)(pair, kept, self._engine) if len(kept) < len(self.batch) else None

    def line(self, site: str) -> str:
        """Where a site is, in the model or else in the guide."""
        for recorded in (self.prior, self.guide):
            if site in recorded.sites:
                return recorded.sites[site].line
        return ""

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
        """log p - log q per datum: of single draws, (sets, rows), and of K, (sets, K, rows).

        Raises:
            ObjectiveError: if there are no weights per datum.
            PairError: if model and guide do not match.
        """
        return self.probe.log_weights(PARTICLES, _SETS, _check_local)

    def slopes(
        self, which: str, rng_seed: int = 0, along: frozenset[str] | None = None, **how: Any
    ) -> Slopes:
        """A gradient; see the engines' `Probe.slopes`, which also takes `shift=`.

        Args:
            which: of what.
            rng_seed: of the draws and the direction.
            along: the parameters that the direction moves; `moved(which)` without it.
            **how: `shift=`, how far from the present values.
        """
        along = frozenset(self.moved(which)) if along is None else along
        key = which, rng_seed, along, *how.values()
        if key not in self._slopes:
            given, how = (which, self.latents, along), {"rng_seed": rng_seed, **how}
            with contextlib.suppress(Exception):  # float32 is written into it, or jax keeps some
                self._slopes[key] = self.probe.slopes(*given, **how)
            if key not in self._slopes:
                self._slopes[key] = self.probe.slopes(*given, **how, double=False)
        return self._slopes[key]


def _check_local(structure: Structure) -> None:
    structure.check_match()
    structure.check_observed()
    structure.check_likelihood("a bound per datum")


def _as_taken(call: Form, *, zoo: bool) -> Form:
    """The call with arrays in place of the lists that `fit` takes for arrays.

    Pairs of the zoo take nothing else. To another pair a list is an array where it has a number, or
    equally many, for each row; what else is written out in numbers, such as a shape, is handed on.
    """
    values = (*call.args, *call.kwargs.values())
    arrays = (value.shape[0] for value in values if is_array(value) and len(value.shape))
    lists = (len(value) for value in values if type(value) is list and _is_of_numbers(value))
    rows = next(chain(arrays, lists), 0)

    def taken(value: Any) -> Any:
        whole = zoo or (type(value) is list and len(value) == rows)
        return np.asarray(value) if whole and _is_of_numbers(value) else value

    return Form(tuple(map(taken, call.args)), {n: taken(v) for n, v in call.kwargs.items()})


def _is_of_numbers(value: Any) -> bool:
    """Whether a list or a tuple can be an array, of any dimensions."""
    if not isinstance(value, (list, tuple)):
        return False
    try:
        return np.asarray(value).dtype.kind in "biuf" and not any(map(is_array, value))
    except ValueError:  # rows of unequal length
        return False


def _array(value: Any, real: Any) -> Any:
    """Arrays in numpy, as `fit` takes them; everything else as it is."""
    if not (has(value, "shape") or has(value, "detach", "layout")):
        return value
    refuse_key(value)
    try:
        return as_array(value, real, first=False)
    except DataError:  # which a check says of what is no numbers
        return np.asarray(value)
