"""Gradients of weighted draws on Pyro: the weights are known in time for the backward pass."""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pyro
import torch
from torch import Tensor

from inference.engines.pyro import discrete
from inference.engines.pyro.handlers import Steer
from inference.engines.pyro.ops import Ops
from inference.engines.pyro.passes import Passes
from inference.program.masked_draws import left_out_later
from inference.program.program import split_weights
from inference.program.sites import Site
from inference.program.structure import Structure


class Weights(Passes):
    """Passes whose draws are weighed; see `Passes`."""

    def weighted(
        self,
        num_particles: int,
        weigh: Callable[[Tensor], tuple[Tensor, Tensor]],
        *,
        through_draws_only: bool,
        exact: bool = False,
    ) -> tuple[Tensor, Tensor]:
        """See `inference.program.program.Program.weighted`.

        The weights are known after the forward pass, in time for the backward pass, so that one of
        each is enough. A guide with several sites is run once more, at the drawn values, to tell
        the gradient through the draws from that through log q.
        """
        passes = self.passes(num_particles)
        cells = [_Cell(self.structure) for _ in passes]
        scores = [
            self._scores_of_leaves(start, count, cell, again=through_draws_only)
            for (start, count), cell in zip(passes, cells, strict=True)
        ]
        log_p, log_q, log_q_through, late = (
            torch.cat(parts) for parts in zip(*scores, strict=True)
        )
        log_w = (log_p - log_q).detach()
        weights = weigh(log_w)
        model_weight, factor = split_weights(weights[0].detach(), weights[1].detach(), Ops)
        if exact:
            factor = torch.where(late, 1.0, factor)
            log_q_through = torch.where(late, log_q, log_q_through)
        for (start, count), cell in zip(passes, cells, strict=True):
            _Filled.apply(factor[start : start + count], cell)
        if through_draws_only:
            term = _weighed(model_weight, log_p - log_q_through)
        else:
            term = _weighed(model_weight, log_p) - _weighed(weights[1].detach(), log_q)
        term = torch.where(term.detach().isinf(), 0.0, term)
        return log_w, term - term.detach()

    def _scores_of_leaves(
        self, first: int, num_particles: int, cell: _Cell, *, again: bool
    ) -> tuple[Any, Any, Any, Any]:
        """log p at copies of the draws, log q at the draws, and log q at the copies (`again`).

        Then for which data a draw is masked that comes after one that counts.
        """
        log_prob = self.frames.log_prob
        plain = Steer(values=self.rows)
        guide_sites = self.guide_sites_of(first, num_particles, plain, again=False)
        proposed = {n: site for n, site in guide_sites.items() if not site["is_observed"]}
        scaled: Any = _Scaled.apply
        copies: dict[str, Any] = {
            name: scaled(site["value"], cell, self.structure.guide[name], False)
            for name, site in proposed.items()
        }
        # To the densities of draws that follow from it, a masked draw is what a parameter is.
        of_guide, counted = dict(copies), dict[str, Any]()
        for name, site in proposed.items() if again else ():  # no weight has log q of a masked draw
            if (scored := discrete.scored_entries(site)) is not None:
                value = site["value"]
                of_guide[name] = torch.where(scored, copies[name], value.detach())
                copies[name] = torch.where(scored, copies[name], value)
                counted[name] = self.frames.padded(name, scored.to(value.dtype).expand_as(value))
        steer = Steer(values=self.rows | copies)
        model_sites = self.model_sites(num_particles, steer)
        self.frames.note_scale(model_sites, guide_sites)
        log_p: Any = sum(map(log_prob, model_sites.values()))
        log_q = sum(map(log_prob, guide_sites.values()))
        # Of rows that an obs_mask= takes from a site nothing follows.
        counted = {name: part for name, part in counted.items() if name not in self.frames.counted}
        late = left_out_later(self.structure, counted) if counted else None
        late = torch.zeros_like(log_p, dtype=torch.bool) if late is None else late
        if not again:
            return log_p, log_q, log_q, late
        if len(proposed) == 1:
            (name, site), *_ = proposed.items()
            direct = log_prob({**site, "value": site["value"].detach()})
            through = log_prob({**site, "value": copies[name]}) - direct + direct.detach()
        else:
            with _frozen():
                sites = self.guide_sites_of(
                    first, num_particles, Steer(values=self.rows | of_guide), again=True
                )
            through = sum(map(log_prob, sites.values()))
        return log_p, log_q, through, late


class _Cell:
    """Where the backward pass finds a factor that the forward pass does not know yet."""

    def __init__(self, structure: Structure) -> None:
        self.structure = structure
        self.factor: Tensor | None = None  # (K, N); or of `many` evaluations, (M, K, N)
        self.many = False


class _Scaled(torch.autograd.Function):
    """A copy of a site's value, whose gradient is multiplied by a cell's factor."""

    @staticmethod
    def forward(value: Tensor, cell: _Cell, site: Site, many: bool) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]  # noqa: FBT001
        del cell, site, many
        return value.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        del output
        _, ctx.cell, ctx.site, ctx.many = inputs

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:  # pyright: ignore[reportIncompatibleMethodOverride]
        def scaled(gradient: Tensor, factor: Tensor) -> Tensor:
            factor = ctx.cell.structure.spread(factor, ctx.site)
            return (gradient * factor).reshape(gradient.shape)

        each = (0, 0 if ctx.cell.many else None)
        scale = torch.vmap(scaled, in_dims=each) if ctx.many else scaled
        return scale(gradient, ctx.cell.factor), None, None, None

    @staticmethod
    def vmap(  # pyright: ignore[reportIncompatibleMethodOverride]
        info: Any,
        in_dims: tuple[Any, ...],
        value: Tensor,
        cell: _Cell,
        site: Site,
        many: bool,  # noqa: FBT001
    ) -> tuple[Tensor, int]:
        """Of many evaluations at once, on the first axis, by `torch.vmap`."""
        del info, many
        return _Scaled.apply(value.movedim(in_dims[0], 0), cell, site, True), 0


class _Filled(torch.autograd.Function):
    """Put a factor into its cell: of many evaluations at once, that of all."""

    @staticmethod
    def forward(factor: Tensor, cell: _Cell) -> Tensor:  # pyright: ignore[reportIncompatibleMethodOverride]
        cell.factor = factor
        return factor.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:  # pyright: ignore[reportIncompatibleMethodOverride]
        del ctx, inputs, output

    @staticmethod
    def vmap(  # pyright: ignore[reportIncompatibleMethodOverride]
        info: Any, in_dims: tuple[Any, ...], factor: Tensor, cell: _Cell
    ) -> tuple[Tensor, int]:
        """Of many evaluations at once, on the first axis, by `torch.vmap`."""
        del info
        cell.many = True
        return _Filled.apply(factor.movedim(in_dims[0], 0), cell), 0


@contextlib.contextmanager
def _frozen() -> Iterator[None]:
    """Run without gradients to any parameter, but with gradients to everything else."""
    store: Any = pyro.get_param_store()
    trained = [tensor for tensor in store._params.values() if tensor.requires_grad]
    for tensor in trained:
        tensor.requires_grad_(False)
    try:
        with warnings.catch_warnings():  # pyro.module warns of parameters without gradients
            warnings.filterwarnings("ignore", "(?s).*requires_grad=False")
            yield
    finally:
        for tensor in trained:
            tensor.requires_grad_(True)


def _weighed(weight: Tensor, value: Tensor) -> Tensor:
    """weight * value, zero where the weight is, though the value be -inf."""
    return weight * torch.where(weight == 0, 0.0, value)
