"""Latents of all data beside data that come in minibatches."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import numpy as np

from inference.program.sites import Site
from inference.program.structure import Structure


def counted_by_batch(
    structure: Structure,
    rows: int,
    whole: int | None = None,
    leaving: Collection[str] = (),
    *,
    takes_size: bool = False,
) -> str:
    """What is wrong where a latent of all data is weighed against a minibatch as if that were all.

    A plate that knows how many rows there are gives the likelihood of a minibatch the weight of the
    whole, N / n. One of the minibatch's own size does not, so that the prior of a global latent
    counts once in every minibatch, and its posterior is that of n rows.

    Args:
        structure: on a minibatch.
        rows: how many rows the minibatch has.
        whole: how many there are in all; None if that is not known.
        leaving: latents that are known to be of the minibatch alone.
        takes_size: whether the pair is made with `data_size=`, the number of all rows.

    Returns:
        A sentence; empty where there is no such latent, or a scale makes up for it.
    """
    data = [site for site in structure.observed if site.factor is None and not site.training_only]
    data = [site for site in data if site.argument is not None] or data
    if not data:
        return ""
    plates = frozenset.intersection(*(site.plates for site in data))
    sized = [plate for plate in plates if plate.full_size == rows]
    if not sized or any(plate.full_size != plate.size == rows for plate in plates):
        return ""
    others = [site for site in structure.latents if site.name not in leaving]
    outside = [site for site in others if not site.plates & plates]
    outside = [site for site in outside if same_scale_as(site, data[0])]
    if not outside:
        return ""
    plate, several = sized[0], len(outside) > 1
    named = f"the latent {outside[0].name!r} lies"
    if several:
        named = f"the latents {outside[0].name!r} and {len(outside) - 1} more lie"
    its = "their" if several else "its"
    meant = "N" if whole is None else str(whole)
    remedy = (
        f"Write plate({plate.name!r}, {meant}, subsample_size=len(x)) in model and guide, with "
        f"{meant} the number of all rows, or train on all rows at once."
    )
    if takes_size:
        of_rows = "" if whole is not None else ", the number of all rows"
        remedy = f"Make the pair with data_size={meant}{of_rows}, or train on all rows at once."
    beside = f"{named} outside of the data's plate {plate.name!r}, which has the size of the"
    if whole is None:
        return (
            f"{beside} batch, {rows}. That is right where a batch is all of the data; where it is "
            f"a part, {its} prior counts once in every minibatch, and {its} posterior is that of "
            f"{rows} rows. {remedy}"
        )
    return (
        f"{beside} minibatch, {rows} of {whole} rows: {its} prior would count once in every "
        f"minibatch, and {its} posterior would be that of {rows} rows. {remedy}"
    )


def same_scale_as(latent: Site, data: Site) -> bool:
    """Whether latent and data have one weight, as far as it is known."""
    scales: list[Any] = [latent.scale, data.scale]
    try:
        ours, theirs = (float(np.mean(np.asarray(scale, dtype=float))) for scale in scales)
    except (TypeError, ValueError):  # one that is being compiled
        return True
    return bool(np.isclose(ours, theirs))
