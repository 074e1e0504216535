"""Rows of which some entries are given: what is missing is drawn."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.arguments import check_count, check_positive, check_seed
from inference.data.arrays import observed_entries
from inference.data.rows import first_rows
from inference.data.support import check_support
from inference.errors import ArgumentError, ObjectiveError, warn_user
from inference.pairs import Fitted, explaining, fitted_on, tempering


def complete(
    pair: Any,
    x: ArrayLike | tuple[ArrayLike, ...],
    observed: ArrayLike,
    *,
    steps: int = 1000,
    temperature: float = 1.0,
    num_particles: int = 1,
    seed: int = 0,
    engine: str | None = None,
) -> NDArray[Any]:
    """Draw the entries of data that are not observed given those that are.

    Where the density of x has a kernel, as undirected models have, a chain for each row begins at x
    and takes steps in which the observed entries keep their values: Gibbs or Langevin steps of
    p(x_rest | x_observed), whose draws are exact once the chain has forgotten where it began.
    Where it is a latent h whose density has a kernel, as in a deep belief net or a deep Boltzmann
    machine, the chain is of p(x_rest, h | x_observed) and begins at x and a draw of the guide: the
    deep Boltzmann machine draws its even layers and then its odd one; in a belief net, whose hidden
    units depend on each other given the data, a step draws one unit after another given all
    others, and so costs as many passes of the model as it has units. Few steps, such as 20, are
    many draws there.

    A model that draws entry by entry takes one compiled pass in its own order,

        v_i = x_i where it is observed,   v_i ~ p(v_i | v_1 .. v_{i-1}) elsewhere.

    Where the observed entries come first in that order this is p(missing | observed). Anywhere else
    a draw knows of no observed entry after it: of `num_particles` such draws one is taken with the
    chances of p(observed i | v_1 .. v_{i-1}) multiplied over them, which tends to
    p(missing | observed) as there are more.

    Args:
        pair: a run, its pair, or a `(model, guide)` tuple of functions.
        x: rows, (N, *event); a tuple where the model takes more, such as lengths. What is not
            observed may have any value of the support; it is where chains begin.
        observed: which entries are observed, of booleans, of the shape of x or of one row.
        steps: of chains, steps of each.
        temperature: of models that draw entry by entry, what the log odds of each conditional are
            divided by (and variances multiplied with): 1 draws from the model, less than 1 what is
            likelier.
        num_particles: of these, how many draws one is taken of; it warns where one is too few.
        seed: seed of the draws.
        engine: `"pyro"` or `"numpyro"`, where it cannot be told from the pair.

    Returns:
        x with the other entries drawn, (N, *event).

    Raises:
        ArgumentError: if an argument is out of range, or `observed` has another shape.
        DataError: if the pair cannot take the data.
        ObjectiveError: if the model has latents and no kernel, or latents without finitely many
            states, or draws its data neither entry by entry nor by a kernel in which entries can
            be held.
    """
    steps = check_count("steps", steps)
    temperature = check_positive("temperature", temperature)
    num_particles = check_count("num_particles", num_particles)
    check_seed(seed)
    found = fitted_on(pair, x, engine=engine)
    held = observed_entries(observed, found.arrays[0].shape)
    few = first_rows(found.arrays)
    structure = explaining(lambda rows: found.backend.structure(found.pair, rows), few)
    check_support(structure, found.arrays, "x")
    if any(site.kernel for site in structure.model.values()):
        plain, latent = temperature == num_particles == 1, bool(structure.latents)
        return _by_chains(found, held, steps, int(seed), plain=plain, latent=latent)
    given = found.arrays, held, float(temperature), num_particles, int(seed)
    drawn = found.backend.complete(found.pair, *given)
    if num_particles == 1 and not drawn.knows_all(held):
        warn_user(
            "complete() drew entries given the observed ones before them in the model's order, and "
            "not given those after: pass num_particles=, such as 100, of which one is chosen by "
            "these."
        )
    return drawn.chosen(int(seed))


def _by_chains(
    found: Fitted, held: NDArray[np.bool_], steps: int, seed: int, *, plain: bool, latent: bool
) -> NDArray[Any]:
    if not plain:
        raise ArgumentError(
            "temperature= and num_particles= are for models that draw entry by entry; this one's "
            "chains take steps=. Leave them out."
        )
    if latent:
        return found.backend.complete_with_latents(found.pair, found.arrays, held, steps, seed)
    chains = tempering(found)
    if not chains.holds:
        raise ObjectiveError(
            "complete() holds entries of the data while a kernel draws the others, which that of "
            f"{chains.name!r} does not say it can. Give its class factorial = True, if a step "
            "draws entries independently of each other given what else it draws; else let its "
            "transition(value, key, held=None) take the entries that stay, and draw the others "
            "given them."
        )
    return chains.complete(found.arrays[0], held, steps, seed)
