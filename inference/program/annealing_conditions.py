"""What a model must be like for its latents to be moved by Hamiltonian Monte Carlo."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from numpy.typing import NDArray

from inference.errors import DataError, ObjectiveError, PairError
from inference.program.per_datum import check_rows
from inference.program.structure import Structure

WHAT = "annealed importance sampling"


def check_annealable(structure: Structure, rows: int, noise_scale: float | None) -> None:
    """Check that every latent is a density's draw, one for each datum.

    Args:
        structure: sites and plates.
        rows: number of data.
        noise_scale: of the noise around what the model returns; with it a model need not observe.

    Raises:
        ObjectiveError: naming the first site that is not.
    """
    if structure.observed or noise_scale is None:
        structure.check_observed()
    structure.check_densities()
    structure.check_likelihood(WHAT)
    check_rows(structure, rows, WHAT)
    if not structure.latents:
        raise ObjectiveError(
            f"{WHAT} moves latents, and this model draws none: its likelihood is what it scores. "
            "Use log_likelihood(pair, x)."
        )
    for site in structure.latents:
        if not site.scorable:
            raise ObjectiveError(
                f"{WHAT} needs the density of any value of latent {site.name!r}, but its prior is "
                "a flow whose inverse is not known. Use a flow with an inverse."
            )
        if site.batch_shape != (rows,):
            raise ObjectiveError(
                f"{WHAT} moves the latents of one datum together, but latent {site.name!r} has "
                f"batch shape {site.batch_shape} for {rows} data. Draw all that belongs to a datum "
                "as one event, with .to_event(), in one plate of the data."
            )


def likelihood_sites(structure: Structure, noise_scale: float | None) -> list[str]:
    """The observed sites that count; with noise of their own, the data are scored by that.

    Raises:
        ObjectiveError: if that noise has no mean to lie around.
    """
    counted = [site for site in structure.observed if not site.training_only]
    if noise_scale is None:
        return [site.name for site in counted]
    # Where none observes the data as they are, it is one that observes what is made of them.
    first = 0 if any(site.argument == 0 for site in counted) else None
    for site in counted:
        if site.argument == first and site.sequential:
            raise ObjectiveError(
                f"{WHAT} with noise_scale= puts noise around the mean that the model returns, but "
                f"{site.name!r} is drawn entry by entry and its mean depends on its own draw. "
                "Leave out noise_scale=, so that the site's own density counts."
            )
    return [site.name for site in counted if site.argument != first]


def refused_support(name: str, support: Any) -> ObjectiveError:
    """The error for a latent without a density on an interval or beyond."""
    while (base := getattr(support, "base_constraint", None)) is not None:
        support = base
    kind = type(support).__name__.strip("_").lower() if support is not None else "not known"
    return ObjectiveError(
        f"{WHAT} moves latents along the gradient of their density, but the support of latent "
        f"{name!r} is discrete or not known ({kind}). Use log_likelihood(pair, x), or "
        "Enumerated() with few joint states."
    )


def check_fixed_supports(pairs: Mapping[str, Iterable[tuple[Any, Any]]]) -> None:
    """Check that bounded latents have the same bounds in two runs of the model.

    Args:
        pairs: latent to what its bounds were in the one run and in the other.

    Raises:
        ObjectiveError: naming the first latent whose bounds depend on another draw.
    """
    for name, both in pairs.items():
        if any(abs(one - other).max() > 1e-6 for one, other in both):
            raise ObjectiveError(
                f"{WHAT} maps latent {name!r} to an unbounded one, but its bounds depend on "
                "another draw. Draw it between fixed bounds and scale it afterwards."
            )


def check_mean(mean: Any, x: Any) -> None:
    """Check what the model returns, if it is to be the mean of x.

    Raises:
        PairError: naming the shapes.
    """
    shape = getattr(mean, "shape", None)
    if shape is None or tuple(shape) != tuple(x.shape):
        came = type(mean).__name__ if shape is None else f"shape {tuple(shape)}"
        raise PairError(
            "noise_scale puts Gaussian noise around what model(x) returns, which must be the mean "
            f"of x, shape {tuple(x.shape)}; got {came}. Return it, or leave noise_scale out."
        )


def check_start(log_prior: NDArray[Any], log_likelihood: NDArray[Any], rows: int) -> None:
    """Check that every chain starts somewhere.

    Args:
        log_prior: log p(z) at the start, (chains * rows,).
        log_likelihood: log p(x | z) at the start.
        rows: number of data.

    Raises:
        DataError: naming the first datum whose density is not finite.
    """
    for name, values in (("log p(z)", log_prior), ("log p(x | z)", log_likelihood)):
        bad = [i for i, value in enumerate(values) if not abs(value) < float("inf")]
        if bad:
            raise DataError(
                f"{name} is {values[bad[0]]} for row {bad[0] % rows} of a chunk of x at the start "
                f"of {len(bad)} of {len(values)} chains. Check x against the likelihood's support, "
                "and the pair's parameters for values that are not finite."
            )
