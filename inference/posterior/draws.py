"""Draws of a fitted pair's latents, what they say about data, and how to hand them to ArviZ."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.arguments import check_count, check_seed
from inference.data.arrays import array_id
from inference.data.support import check_support
from inference.descriptions import describe_pair, shown, versions
from inference.errors import ArgumentError, PairError
from inference.likelihood.left_out import left_to_sums
from inference.pairs import explaining, fitted_on
from inference.posterior.arviz import inference_data
from inference.posterior.summed import with_left_out
from inference.program.posterior_scores import check_whole, propose_nothing
from inference.program.structure import Structure

if TYPE_CHECKING:
    from arviz import InferenceData


def to_arviz(
    pair: Any,
    x: ArrayLike | tuple[ArrayLike, ...],
    *,
    num_draws: int = 500,
    seed: int = 0,
    engine: str | None = None,
    attrs: Mapping[str, Any] | None = None,
) -> InferenceData:
    """What a fitted pair says about data, as an `arviz.InferenceData`.

    With S draws z ~ q(z | x) of the guide's, as one chain, and of discrete latents that it leaves
    out, as `Enumerated` lets it, from their posterior given z:

        posterior               the latents, (1, S, *plates, *event), and what the model computes
                                from them in `deterministic` statements
        log_likelihood          log p(x_n | z) in nats by observed site, (1, S, N)
        posterior_predictive    data drawn from the model at those latents
        prior, prior_predictive latents and data drawn from the model
        observed_data           the data, by observed site
        sample_stats            lp = log p(x, z), (1, S); log_weight = log p(x, z) - log q(z | x),
                                (1, S, N) where every latent belongs to one datum, else (1, S)

    Dimensions are named after the plates (`data`, in the zoo), events `<site>_dim_0` and on. A
    datum is a cell of the plates that all sites share, or that all observed sites share where a
    latent is outside of them; within it the log-likelihood is summed. Sites with
    `infer={"training_only": True}` are left out.

    `arviz.loo` estimates how well the posterior predicts data that it has not seen. Where each
    datum has latents of its own, leaving it out leaves their posterior to the prior, so that the
    Pareto k of most data is large and ArviZ warns that the estimate cannot be relied on: use
    `log_likelihood` there. The draws are the guide's: with `log_weight` one can tell how far they
    are from the posterior's.

    All groups are held in memory, S times the size of the data each for the predictive ones.

    Args:
        pair: a run, its pair, or a `(model, guide)` tuple of functions.
        x: data, shape (N, D); a tuple where the pair takes more than one array.
        num_draws: S.
        seed: seed of the draws.
        engine: `"pyro"` or `"numpyro"`, where it cannot be told from the pair.
        attrs: what to note on every group besides engine, pair, data id, seed and versions.

    Raises:
        ArgumentError: if an argument is out of range.
        DataError: if the pair cannot score the data.
        ObjectiveError: if the model observes nothing, or a plate takes a part of its rows.
        PairError: if model and guide do not match.
    """
    check_seed(seed)
    num_draws = check_count("num_draws", num_draws)
    if attrs is not None and not isinstance(attrs, Mapping):
        raise ArgumentError(f"attrs must be a mapping of names to notes, got {shown(attrs)}.")
    given = fitted_on(pair, x, engine=engine)
    name, backend, pair, arrays = given.engine, given.backend, given.pair, given.arrays
    seeds = [int(s) for s in np.random.SeedSequence(seed).generate_state(3)]

    def check(structure: Structure) -> None:
        structure.check_match(summed=[site.name for site in left_to_sums(structure)])
        structure.check_observed()
        check_whole(structure, "to_arviz")
        check_support(structure, arrays, "x")

    drawn = explaining(
        lambda rows: backend.guide_draws(pair, check, rows, num_draws, seeds[0]), arrays
    )
    structure = backend.structure(pair, arrays)
    drawn = with_left_out(backend, pair, arrays, structure, drawn, num_draws, seeds[0])
    try:
        scored = backend.score_draws(pair, arrays, drawn.latents, num_draws, seeds[1])
        prior, prior_predictive = backend.prior_draws(pair, arrays, num_draws, seeds[2])
    except (AssertionError, NotImplementedError) as error:
        raise PairError(
            f"to_arviz draws data from the model, which fails: {type(error).__name__}"
            f"{f': {error}' if str(error) else ''}. A distribution may score what it cannot draw, "
            "such as a series without its duration=; give it that, or a sample()."
        ) from error
    return inference_data(
        structure,
        {site: value[None] for site, value in drawn.latents.items()},
        scored,
        log_weight=scored.log_p - drawn.log_q,
        prior=(prior, prior_predictive),
        attrs={**description(pair, name, arrays, seed), **(attrs or {})},
    )


def description(
    pair: Any, engine: str, arrays: tuple[NDArray[Any], ...], seed: int
) -> dict[str, Any]:
    """Engine, pair, data id, seed and versions, as attributes that a file can hold."""
    told = describe_pair(pair, engine)
    functions = [name for name in told.get("functions", ()) if name != propose_nothing.__name__]
    library = {"pyro": "pyro-ppl", "numpyro": "numpyro"}[engine]
    return {
        "engine": engine,
        "pair": told.get("class") or ", ".join(functions),
        "data": array_id(arrays),
        "seed": int(seed),
        "inference_library": library,
        "inference_library_version": versions()[library],
        "versions": ", ".join(f"{name} {number}" for name, number in versions().items()),
    }
