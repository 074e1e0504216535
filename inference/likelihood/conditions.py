"""What is asked of a pair whose draws are weighed against its data."""

from __future__ import annotations

from collections.abc import Callable

from inference.data.rows import Arrays
from inference.data.support import check_support
from inference.errors import ObjectiveError
from inference.likelihood.left_out import left_to_sums
from inference.program.structure import Structure


def check_scored(
    what: str,
    arrays: Arrays,
    num_particles: int = 1,
    *,
    weighed: bool = False,
    sums: bool = False,
) -> Callable[[Structure], None]:
    """Refuses a structure without weights per datum, and data outside of its supports.

    Args:
        what: wants the weights; named in errors.
        arrays: all of the data.
        num_particles: how many draws are weighed against each other.
        weighed: whether a weight is taken for one of log p(x), and not for a term of the bound.
        sums: whether the discrete latents of a datum that the guide leaves out are summed over.
    """

    def check(structure: Structure) -> None:
        structure.check_match(summed=[s.name for s in left_to_sums(structure)] if sums else [])
        structure.check_observed()
        structure.check_takes_all(what)
        structure.check_likelihood(what)
        check_spread(structure, what, num_particles)
        if weighed:
            check_points(structure, what)
        check_support(structure, arrays, "x")

    return check


def check_spread(structure: Structure, what: str, num_particles: int) -> None:
    """Refuse several draws of a guide that is certain of a latent of finitely many values.

    One alone is that of the bound.

    Raises:
        ObjectiveError: naming the latent.
    """
    for site in structure.proposals if num_particles > 1 else ():
        own = structure.model.get(site.name)
        if site.point and own is not None and own.normalised and own.discrete:
            raise ObjectiveError(
                f"{what} weighs draws of the guide, but the guide's {site.name!r} is one value of "
                "a discrete latent: all draws are alike, and their mean weight is log p(x, z) at "
                "it, however many there are. Use bound_parts(pair, x), which says that it is a "
                "bound."
            )


def check_points(structure: Structure, what: str) -> None:
    """Refuse a guide that is certain of a real latent, as AutoDelta is.

    The prior's density at a point is no weight: it grows with the unit in which the latent is
    measured, and log p(x, z) may lie above log p(x).

    Raises:
        ObjectiveError: naming the latent.
    """
    for name in points_of_density(structure):
        raise ObjectiveError(
            f"{what} weighs draws of the guide, but the guide's {name!r} is one value (Delta) "
            "of a latent that has a density: log p(x, z) at a point is neither log p(x) nor a "
            "bound on it, and may be above. Give the latent a distribution in the guide, such "
            "as AutoNormal's, or use annealed_importance_sampling(pair, x), which needs no "
            "guide."
        )


def points_of_density(structure: Structure) -> list[str]:
    """The latents with a density of which the guide is certain, in the order of the alphabet."""
    owned = ((name, structure.model.get(name)) for name in sorted(structure.fixed))
    return [
        name
        for name, own in owned
        if own is not None and own.normalised and not (own.point or own.discrete)
    ]
