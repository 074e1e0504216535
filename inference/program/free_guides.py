"""What a guide must be like for its distributions to be freed from its network, datum by datum."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from inference.errors import ObjectiveError
from inference.program.structure import Structure

WHAT = "gap_decomposition"
PREFIX = "of each datum."  # how the parameter sites of free distributions begin
_FAMILIES = "Normal, MultivariateNormal, LowRankMultivariateNormal, Bernoulli, Categorical, one-hot"


@dataclass(frozen=True)
class Freed:
    """One latent's distribution, with unconstrained parameters for each datum.

    Attributes:
        family: `"normal"`, `"multivariate-normal"`, `"low-rank-normal"`, `"bernoulli"`,
            `"categorical"` or `"one-hot"`.
        event_dims: how many dimensions of independent entries belong to the event.
        parameters: by name, each (N, ...): `loc` with `log_scale`, or `tril` (lower triangle, with
            the logarithm of the diagonal), or `factor` and `log_diagonal`; or `logits`.
    """

    family: str
    event_dims: int
    parameters: Mapping[str, Any] = field(repr=False)


def check_freeable(structure: Structure, rows: int) -> None:
    """Check that every latent is one event for each datum, in one plate of the data.

    Raises:
        ObjectiveError: naming the first site that is not.
        PairError: if model and guide differ in their latents.
    """
    structure.check_match()
    structure.check_observed()
    structure.check_likelihood(WHAT)
    if not structure.latents:
        raise ObjectiveError(
            f"{WHAT} compares guides, and this model draws no latents: its likelihood is what it "
            "scores, so that there is no gap. Use log_likelihood(pair, x)."
        )
    for site in structure.proposals:
        if site.auxiliary:
            raise ObjectiveError(
                f"{WHAT} frees the distributions of the model's latents, but the guide also draws "
                f"the auxiliary {site.name!r}. Use a guide without it."
            )
        if site.batch_shape != (rows,) or len(structure.shared_plates) != 1:
            raise ObjectiveError(
                f"{WHAT} frees one distribution for each datum, but the guide's {site.name!r} has "
                f"batch shape {site.batch_shape} for {rows} data. Draw all that belongs to a datum "
                "as one event, with .to_event(), in one plate of the data."
            )
    if structure.scale != 1:
        raise ObjectiveError(
            f"{WHAT} is about all rows that it is given, but plate "
            f"{structure.shared_plates[0].name!r} takes a part of them. Open it without "
            "subsampling."
        )


def refused_family(name: str, fn: Any) -> ObjectiveError:
    """The error for a distribution that has no free parameters here."""
    return ObjectiveError(
        f"{WHAT} frees distributions of the families {_FAMILIES}, without a mask or scale; the "
        f"guide's {name!r} is {type(fn).__name__}. Use a guide of one of these families, or "
        "compare log_likelihood(pair, x) with bound_parts(pair, x).elbo, which gives the total gap "
        "for any guide."
    )


def check_independent(first: Mapping[str, Freed], second: Mapping[str, Freed]) -> None:
    """Check that two runs of the guide came to the same distributions.

    Raises:
        ObjectiveError: naming the first latent whose distribution depends on what was drawn.
    """
    for name, one in first.items():
        if any(
            not np.array_equal(np.asarray(value), np.asarray(second[name].parameters[key]))
            for key, value in one.parameters.items()
        ):
            raise ObjectiveError(
                f"{WHAT} frees latents that are independent given x, but the guide's distribution "
                f"of {name!r} differs from run to run: it depends on a latent drawn before, or has "
                "noise of its own. Use a guide whose latents depend on x alone, or compare "
                "log_likelihood(pair, x) with bound_parts(pair, x).elbo, which gives the total gap."
            )
