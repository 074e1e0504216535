"""Runs of a pair on Pyro that leave a record."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import pyro
import torch
from pyro import poutine
from torch import Tensor

from inference.engines.pyro.copies import isolate, untouched_parts
from inference.engines.pyro.counters import Counters
from inference.engines.pyro.float64 import in_double
from inference.engines.pyro.inspection import describe, shapes_of
from inference.engines.pyro.isolation import random_states, untouched, with_gradients
from inference.engines.pyro.pairs import StoredPair, as_tensor, evaluating
from inference.engines.pyro.parameters import unconstrained
from inference.engines.pyro.random_state import seed_all
from inference.engines.pyro.site_records import Lines, recorded
from inference.engines.pyro.tempering import Tempering
from inference.engines.pyro.traces import Run, run, samples
from inference.program.records import (
    Array,
    Recorded,
    hearing,
)
from inference.program.sites import Site


class Recorder:
    """Runs a copy of a pair and records what it does; the pair stays as it is.

    Args:
        pair: a pair or a `(model, guide)` tuple.
        batch: some rows of data; it decides the initial values of the parameters.
    """

    def __init__(self, pair: Any, batch: tuple[Any, ...]) -> None:
        self.given = pair
        self._begun = set[str]()
        self._chosen: dict[str, Tensor] | None = None
        self._counted: dict[str, Counters] = {}
        try:
            ours = untouched_parts(pair) if isinstance(pair, tuple) else pair
            self.pair = isolate(ours, torch.device("cpu"))
        except Exception:
            self.pair = StoredPair(pair)
        self.batch = batch

    def may_mix_rows(self, latents: Iterable[Site], rows: int) -> bool:
        """Always: here runs are quick, and tell it."""
        del latents, rows
        return True

    def tempering(self) -> Tempering:
        """What moves by the kernel of the copy that is run here."""
        return Tempering(self.pair)

    def record(
        self,
        part: str,
        batch: tuple[Any, ...],
        values: Mapping[str, Array] | None = None,
        *,
        rng_seed: int = 0,
        size: int | None = None,
        double: bool = False,
        fresh: bool = False,
    ) -> Recorded:
        """Run the model or the guide once.

        Args:
            part: `"model"` or `"guide"`.
            batch: what it is called with.
            values: latents at values.
            rng_seed: seed of the draws.
            size: let the model draw so many rows in place of the batch's first array.
            double: whether to compute in float64.
            fresh: no matter here: every run runs the Python code.
        """
        del fresh
        with (
            self._apart(rng_seed, double=double),
            torch.no_grad(),
            hearing() as heard,
        ):
            given = tensors(batch, double=double), held_at(values, double=double), size
            self._begin(part, rng_seed, given)
            args = given[0]
            made, lines = self._run(part, *given)
            described = describe(made.trace, poutine.Trace(), args, can_draw=False).guide
            nodes, returned = made.sites, made.returned
            sites = {n: recorded(nodes[n], site, lines.found) for n, site in described.items()}
        return Recorded(
            sites=sites,
            parameters=self._named(made.trace),
            lent=frozenset(self._named(made.trace, lines.lent)),
            noisy=lines.noisy,
            computed={n: v.detach().numpy().copy() for n, v in made.computed.items()},
            returned=returned.detach().numpy().copy() if isinstance(returned, Tensor) else None,
            warnings=heard.warnings,
            asides=heard.asides,
            baselines=self._baselines(made.trace, lambda: self._run(part, *given)[0].trace),
        )

    def _begin(self, part: str, rng_seed: int, given: tuple[Any, ...]) -> None:
        """Run once, so that parameters are drawn and no later run draws more than another.

        A model whose prior cannot draw runs as it is going to.
        """
        if part not in self._begun:
            with untouched(self.pair.model, self.pair.guide):
                try:
                    self._run(part, tensors(self.batch), {}, None)
                except NotImplementedError:
                    if not given[1]:
                        raise
                    self._run(part, *given)
            self._begun.add(part)
            seed_all(rng_seed)

    def _run(
        self, part: str, args: tuple[Any, ...], values: Mapping[str, Tensor], size: int | None
    ) -> tuple[Run, Lines]:
        function = self.pair.model if part == "model" else self.pair.guide
        if self._chosen is None:
            self._chosen = self._first()
        same = size is None and shapes_of(args, {}) == shapes_of(self.batch, {})
        chosen = self._chosen if same else {}
        if part in self._counted:
            self._counted[part].restore()
        with Lines() as lines:
            return run(function, args, values=chosen | dict(values), size=size), lines

    def _first(self) -> dict[str, Tensor]:
        """Run the guide, after which the model runs in a step; nothing where it fails.

        Returns:
            The rows that its plates choose of more, which the model's plates then take.
        """
        functions = self.pair.model, self.pair.guide
        self._counted["guide"] = Counters(functions)
        with untouched(*functions), torch.no_grad(), contextlib.suppress(Exception):
            first = run(self.pair.guide, tensors(self.batch))
            self._counted["model"] = Counters(functions)
            return first.fewer_rows
        return {}

    def _named(self, run: poutine.Trace, among: set[str] | None = None) -> tuple[str, ...]:
        """Public names of the parameters in a trace, or of some of them."""
        stored = self.pair.store["params"]
        names = {id(tensor): name for name, tensor in unconstrained(self.pair).items()}
        asked = (n for n, node in run.nodes.items() if node["type"] == "param")
        known = (n for n in asked if n in stored and (among is None or n in among))
        return tuple(names[id(stored[name])] for name in known)

    def _baselines(self, run: poutine.Trace, again: Callable[[], poutine.Trace]) -> frozenset[str]:
        """Public names of the parameters that the baselines of sites depend on.

        Args:
            run: what was recorded, without gradients.
            again: runs it once more.
        """
        if not any("baseline" in node["infer"] for _, node in samples(run)):
            return frozenset()
        found = set[str]()
        named = {n: t for n, t in unconstrained(self.pair).items() if t.requires_grad}
        with torch.enable_grad():
            for _, node in samples(again()):
                given = node["infer"].get("baseline", {})
                out = given.get("baseline_value")
                if "nn_baseline" in given:
                    out = given["nn_baseline"](given["nn_baseline_input"].detach())
                if not (isinstance(out, Tensor) and out.requires_grad):
                    continue
                wrt = list(named.values())
                slopes = torch.autograd.grad(out.sum(), wrt, allow_unused=True, retain_graph=True)
                found |= {n for n, s in zip(named, slopes, strict=True) if s is not None}
        return frozenset(found)

    @contextlib.contextmanager
    def _apart(self, rng_seed: int, *, double: bool = False) -> Iterator[None]:
        """A store and a random state of the pair's own; evaluation mode; float64 if asked for."""
        with (
            self.pair.scope(),
            random_states(),
            evaluating(self.pair),
            untouched(self.pair.model, self.pair.guide),
            pyro.validation_enabled(False),
            with_gradients(),
            in_double(self.pair) if double else contextlib.nullcontext(),
        ):
            seed_all(rng_seed)
            yield


def held_at(values: Mapping[str, Array] | None, *, double: bool) -> dict[str, Tensor]:
    """Values of latents as tensors."""
    arrays = tensors(tuple((values or {}).values()), double=double)
    return dict(zip(values or {}, arrays, strict=True))


def tensors(batch: tuple[Any, ...], *, double: bool = False) -> tuple[Any, ...]:
    """Copies of a batch's arrays as tensors, the real ones in float64 if asked for."""
    copied = tuple(map(as_tensor, batch))
    if not double:
        return copied
    return tuple(
        t.double() if isinstance(t, Tensor) and t.is_floating_point() else t for t in copied
    )
