"""Checks of sequential sites: no entry sees its own value or a later one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from inference.checking.context import Context
from inference.checking.definition import Mistake, Skip, check
from inference.program.records import Array

_ROWS, _CUTS = 2, 64
_CLOSE = 1e-4  # nats; what is masked away is exactly zero, but sums may be taken in another order


def _sites(context: Context) -> list[str]:
    """The sequential sites of the model that say what their conditionals are."""
    names = [site.name for site in context.structure.model.values() if site.sequential]
    if not names:
        raise Skip("no site is drawn entry by entry.")
    found = [name for name in names if context.structure.model[name].conditional]
    if not found:
        raise Skip(f"the law of {names[0]!r} has no method conditionals(inputs).", names[0])
    return found


def _few(context: Context) -> tuple[tuple[Any, ...], dict[str, Array]]:
    """A few rows of the batch with their latents; all where the pair is made for these rows."""
    if context.rows <= _ROWS or context.bound_to_rows("model"):
        return context.batch, context.latents
    return context.taken(np.arange(_ROWS))


@check(needs=("runs-together", "finite-log-p"))
def no_entry_sees_later_ones(context: Context) -> Iterator[Mistake]:
    """An entry's conditional stays as it is when that entry, or one after it, changes."""
    names = _sites(context)
    batch, latents = _few(context)
    for name in names:
        value = context.probe.record("model", batch, latents).sites[name].value
        value = value.astype(np.float32) if value.dtype.kind == "f" else value
        other = _others(value, context.structure.model[name].support)
        laws = context.probe.entry_densities(name, batch, latents, value[None])
        for ranks in {ranks.tobytes(): ranks for ranks, _, _ in laws}.values():
            found = _leak(context, name, value, other, ranks)
            if found is not None:
                seen, own = found
                yield Mistake(
                    f"the conditional of the entry of rank {own} of {name!r} changes when entries "
                    f"of rank {seen} and later do, which are drawn after it or are itself: draws "
                    "and densities are of different laws. Shift the inputs by one, or mend the "
                    "masks, so that conditionals(inputs) uses entries of lower rank alone; `ranks` "
                    "says in which order entries are drawn.",
                    name,
                    context.model.sites[name].line,
                )
                break


def _others(value: Array, support: str) -> Array:
    """Other values of the same support."""
    if "boolean" in support:
        return 1 - value
    if "real" in support:
        return value + np.cos(np.arange(value.size)).reshape(value.shape).astype(value.dtype) + 2
    return value.max() + value.min() - value


def _leak(
    context: Context, name: str, value: Array, other: Array, ranks: Array
) -> tuple[int, int] | None:
    """The rank of a change and of an entry no later than it that sees it; None if none does."""
    batch, latents = _few(context)
    levels = np.unique(ranks)
    if len(levels) > _CUTS:
        levels = np.sort(np.random.default_rng(0).choice(levels, _CUTS, replace=False))
    changed = [np.where(ranks >= level, other, value) for level in levels]
    inputs = np.stack([value, *changed]).astype(value.dtype)
    for own, found, _ in context.probe.entry_densities(name, batch, latents, inputs):
        if own.shape != ranks.shape or (own != ranks).any():
            continue
        # Entries that have one density, those of a frame, may see each other: the last one counts.
        entries = own.max(axis=tuple(range(found.ndim - 2, own.ndim)))
        moved = np.abs(found[1:] - found[0]) > _CLOSE * (1 + np.abs(found[0]))
        early = entries <= levels.reshape(-1, 1, *(1,) * entries.ndim)
        for change, row in zip(levels, moved & early, strict=True):
            if row.any():
                return int(change), int(entries[row.any(axis=0)].min())
    return None


@check(needs=("no-entry-sees-later-ones",))
def conditionals_give_the_density(context: Context) -> Iterator[Mistake]:
    """A sequential site's density is the sum of those of its conditionals at its own value."""
    names = _sites(context)
    batch, latents = _few(context)
    run = context.probe.record("model", batch, latents)
    for name in names:
        value = run.sites[name].value
        for _, each, whole in context.probe.entry_densities(name, batch, latents, value[None]):
            sums = each[0].reshape(len(value), -1).sum(1)
            if whole.shape != sums.shape or np.allclose(whole, sums, 1e-3, 1e-3):
                continue
            row = int(np.abs(whole - sums).argmax())
            yield Mistake(
                f"log_prob of {name!r} is {whole[row]:.4f} in row {row}, but its conditionals give "
                f"{sums[row]:.4f}; let log_prob(x) be conditionals(x).log_prob(x).",
                name,
                context.model.sites[name].line,
            )
            break
