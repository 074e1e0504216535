"""Which class a fitted pair takes each datum to be of."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.arguments import check_count, check_one_of, check_seed
from inference.data.rows import cut
from inference.data.support import check_support
from inference.descriptions import shown
from inference.errors import ArgumentError, DataError
from inference.likelihood.conditions import check_scored
from inference.likelihood.importance_weights import LogSums, weigh
from inference.pairs import explaining, fitted_on
from inference.program.engine import Engine
from inference.program.per_datum import check_rows
from inference.program.structure import Structure


def classify(
    pair: Any,
    x: ArrayLike | tuple[ArrayLike],
    *,
    method: Literal["guide", "iw"] = "guide",
    num_particles: int = 100,
    site: str = "y",
    seed: int = 0,
    chunk_size: int = 10_000,
    engine: str | None = None,
) -> NDArray[np.float64]:
    """Probabilities of a fitted pair's classes, one categorical latent of it, given data.

    `"guide"` is q(y | x) as the guide has it. `"iw"` is the model's own p(y | x), by Bayes' rule
    from an importance-weighted estimate of p(x, y) for each class,

        p(y | x) ~ p(y) 1/K sum_k p(x, z_k | y) / q(z_k | x, y)  over its sum over the classes,

    which needs as many passes as there are classes. A run whose objective classifies, such as
    `SemiSupervisedAdversarial`, has its critic asked in place of a guide, whatever `num_particles`.

    Args:
        pair: a run, its pair, or a `(model, guide)` tuple of functions.
        x: data, shape (N, D), or a tuple of that alone: the classes are what is asked for.
        method: `"guide"` or `"iw"`.
        num_particles: K; not used by `"guide"`.
        site: name of the latent: one whole number for each datum.
        seed: seed of the draws.
        chunk_size: largest number of particles times data to be decoded at once.
        engine: `"pyro"` or `"numpyro"`, where it cannot be told from the pair.

    Returns:
        Shape (N, classes); rows sum to one.

    Raises:
        ArgumentError: if an argument is out of range, or the pair has no such latent, or `method`
            or `site` is given where a critic is asked.
        DataError: if the pair cannot take the data.
    """
    check_seed(seed)
    num_particles = check_count("num_particles", num_particles)
    chunk_size = check_count("chunk_size", chunk_size)
    check_one_of("method", method, ("guide", "iw"))
    if not isinstance(site, str):
        raise ArgumentError(f"site must be the name of a latent, such as 'y', got {shown(site)}.")
    given = fitted_on(pair, x, engine=engine)
    array, *labels = given.arrays
    if labels:
        raise DataError(
            f"classify finds the labels of x, so that x is one array; got {len(given.arrays)} "
            "arrays. Pass x without its labels."
        )
    objective = getattr(pair, "objective", None)
    if hasattr(objective, "class_logits"):
        _check_critic(type(objective).__name__, method, site)
        return _by_critic(given.backend, pair, array, chunk_size)
    backend, pair = given.backend, given.pair
    head = (array[:2],)
    structure = explaining(lambda rows: backend.structure(pair, rows), head)
    classes = _classes(structure, site)
    check_support(structure, (array,), "x", strict=None)
    rows = max(1, chunk_size // (num_particles if method == "iw" else 1))
    if method == "guide":
        chunks = cut((array,), rows)
        log_probs = [backend.guide_log_probs(pair, chunk, site) for chunk in chunks]
        return np.exp(np.concatenate(log_probs).astype(np.float64))
    check_rows(structure, len(head[0]), "classify")
    check = check_scored("classify", (array,), weighed=True)
    weights = backend.log_weights(pair, check, head, int(seed))
    scores = []
    for y in range(classes):
        sums, held = LogSums(), {site: np.full(len(array), y)}
        weigh(sums, weights, (array,), num_particles, rows=rows, chunk_size=chunk_size, held=held)
        scores.append(sums.log_means())
    return _softmax(np.stack(scores, -1))


def _check_critic(objective: str, method: str, site: str) -> None:
    """Check that nothing is asked of a critic that only a guide or a model could answer."""
    if method != "guide" or site != "y":
        given = f"method={method!r}" if method != "guide" else f"site={site!r}"
        raise ArgumentError(
            f"a run under {objective} has its critic tell the classes, which knows no {given}: "
            "leave it out, or pass run.pair to ask the pair itself."
        )


def _by_critic(backend: Engine, run: Any, array: NDArray[Any], rows: int) -> NDArray[np.float64]:
    """The softmax of the logits of the critic that a run's objective owns."""
    chunks = [
        backend.critic_scores(run.pair, run.objective, run.owned, chunk, "class_logits")
        for chunk in cut((array,), rows)
    ]
    return _softmax(np.concatenate(chunks).astype(np.float64))


def _softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.exp(logits - np.logaddexp.reduce(logits, axis=1, keepdims=True))


def _classes(structure: Structure, name: str) -> int:
    """How many values a latent has.

    Raises:
        ArgumentError: if it is not one categorical draw for each datum in model and guide.
    """
    fits = [
        site.name
        for site in structure.proposals
        if site.family == "categorical"
        and site.name in structure.model
        and not site.event_shape
        and site.plates == frozenset(structure.shared_plates)
    ]
    if name not in fits:
        found = f"it has {', '.join(map(repr, fits))}" if fits else "it has none"
        raise ArgumentError(
            f"classify needs a latent {name!r} that is categorical in model and guide, one for "
            f"each datum; {found}. Pass site= of such a latent."
        )
    return structure.guide[name].cardinality
