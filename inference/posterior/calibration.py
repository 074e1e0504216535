"""Are the guide's posteriors as wide as they should be? Ranks of what the model itself drew."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.arguments import called, check_count, check_seed
from inference.data.arrays import as_arrays
from inference.data.pair_arrays import as_scored, check_arrays
from inference.data.rows import Arrays
from inference.descriptions import shown
from inference.errors import ArgumentError, ObjectiveError
from inference.pairs import as_given, explaining, fitted
from inference.posterior.chunks import passed
from inference.posterior.ranks import Calibration
from inference.posterior.uniformity import rank_tests
from inference.program.engine import Engine
from inference.program.structure import Structure, can_draw

Latents = Mapping[str, NDArray[Any]]
Statistic = Callable[[Latents, NDArray[Any]], ArrayLike]
Posterior = Callable[..., Mapping[str, ArrayLike]]
JOINT = "log p(x, z)"


def simulation_based_calibration(
    pair: Any,
    posterior: Posterior | None = None,
    *,
    given: ArrayLike | tuple[ArrayLike, ...] = (),
    num_simulations: int = 2000,
    num_draws: int = 99,
    statistics: Mapping[str, Statistic] | None = None,
    false_alarm_rate: float = 1e-3,
    seed: int = 0,
    engine: str | None = None,
) -> Calibration:
    """Simulation-based calibration (Talts et al. 2018, arXiv:1804.06788).

        z ~ p(z),  x ~ p(x | z),  z_1, ..., z_L ~ q(z | x),  rank = #{l: f(z_l) < f(z)}

    If q is the posterior, ranks of any statistic f are uniform on 0, ..., L, and independent from
    one simulation to the next. Ties, which discrete latents have, are broken at random.

    The statistics are every entry of every latent, which alone do not tell the posterior from the
    prior, and therefore log p(x, z) as well (Modrak et al. 2023, arXiv:2211.02383). Three tests of
    each share the false-alarm rate (Bonferroni). `Calibration.detectable_scale` says what error
    of scale would have been seen; with 2,000 simulations and a rate of .001 it is about a tenth.

    Args:
        pair: a run, its pair, or a `(model, guide)` tuple of functions, whose model draws data:
            `model(None, size=n)`.
        posterior: what to examine in place of the guide: a function (x, ..., num_draws=, seed=) to
            draws by latent, (num_draws, N, *event), given x and what is `given`.
        given: what the model takes besides x, `num_simulations` rows each.
        num_simulations: how many (z, x) are drawn, at least 100.
        num_draws: L, at least 9.
        statistics: by name, functions of (latents by site, each (N, *event); x) to (N,) numbers,
            in place of the usual ones.
        false_alarm_rate: how often the exact posterior may be found fault with.
        seed: seed of the draws.
        engine: `"pyro"` or `"numpyro"`, where it cannot be told from the pair.

    Returns:
        Ranks, p-values, and what would have been seen.

    Raises:
        ArgumentError: if an argument is out of range, or draws or statistics have a wrong shape.
        ObjectiveError: if the model does not draw data, or a latent belongs to no one datum.
        PairError: if the pair fails on what its model draws.
    """
    num_simulations = check_count("num_simulations", num_simulations, least=100)
    num_draws = check_count("num_draws", num_draws, least=9)
    check_seed(seed)
    if not isinstance(false_alarm_rate, float) or not 0 < false_alarm_rate < 1:
        raise ArgumentError(
            f"false_alarm_rate must be a number between 0 and 1, got {shown(false_alarm_rate)}."
        )
    _check_functions(posterior, statistics)
    understood = fitted(pair, engine=engine)
    backend, pair = understood.backend, understood.pair
    seeds = [int(one) for one in np.random.SeedSequence(int(seed)).generate_state(4)]
    arrays, structure, truth = _simulated(backend, pair, given, num_simulations, seeds[0])
    sites = [site.name for site in structure.latents]
    if posterior is None:
        draws: Any = backend.guide_draws(pair, passed, arrays, num_draws, seeds[1]).latents
    else:
        draws = called("posterior", posterior, *arrays, num_draws=num_draws, seed=seeds[1])
    draws = _checked_draws(draws, truth, num_draws)
    if statistics is None:
        densities = backend.site_densities(pair, passed, arrays, seeds[2])

        def joint(latents: Latents, x: NDArray[Any]) -> NDArray[Any]:
            del x
            held = densities(arrays, 1, (0, 0), dict(latents))
            log_p = [v for n, v in held.log_p_sites.items() if n not in structure.training_only]
            return np.asarray(sum(log_p))[0]

        statistics = {**{site: _entries(site) for site in sites}, JOINT: joint}
    random = np.random.default_rng(seeds[3])
    names: list[str] = []
    columns: list[NDArray[np.int64]] = []
    for name, statistic in statistics.items():
        true = _values(name, statistic, truth, arrays[0])
        below, ties = np.zeros(true.shape, int), np.zeros(true.shape, int)
        for index in range(num_draws):
            one = _values(name, statistic, {s: draws[s][index] for s in sites}, arrays[0])
            below += one < true
            ties += one == true
        ranks = (below + random.integers(0, ties + 1)).reshape(num_simulations, -1)
        columns += list(ranks.T)
        inner = [",".join(map(str, index)) for index in np.ndindex(true.shape[1:])]
        names += [f"{name}[{index}]" if index else name for index in inner]
    p_values = np.stack([rank_tests(column, num_draws) for column in columns])
    return Calibration(tuple(names), np.stack(columns, 1), p_values, num_draws, false_alarm_rate)


def _check_functions(posterior: Any, statistics: Any) -> None:
    """Check that a posterior is a function and statistics are functions by name, where given.

    Raises:
        ArgumentError: if they are not.
    """
    if posterior is not None and not callable(posterior):
        raise ArgumentError(
            "posterior must be a function posterior(x, num_draws=, seed=) that returns draws by "
            f"latent, got {shown(posterior)}."
        )
    if statistics is None:
        return
    named = isinstance(statistics, Mapping) and statistics
    if not named or not all(map(callable, statistics.values())):
        raise ArgumentError(
            "statistics must map names to functions of (latents, x), such as {'square': lambda "
            f"latents, x: latents['z'] ** 2}}; got {shown(statistics)}."
        )


def _simulated(
    backend: Engine, pair: Any, given: ArrayLike | tuple[ArrayLike, ...], count: int, seed: int
) -> tuple[Arrays, Structure, Latents]:
    """Data that the model drew, the pair's sites on them, and the latents that made them."""
    if not can_draw(pair[0] if isinstance(pair, tuple) else pair.model):
        raise ObjectiveError(
            "simulation_based_calibration draws data from the model, but its signature has no "
            "size=; write model(x=None, *, size=1), drawing `size` rows where x is None."
        )
    others = () if isinstance(given, tuple) and not given else as_arrays(as_given(given, "given"))
    x, values = explaining(lambda rows: backend.simulate(pair, count, seed, None, *rows), others)
    arrays = as_scored(pair, (x, *others))
    check_arrays(pair, arrays, "what the model drew")
    structure = explaining(lambda rows: backend.structure(pair, rows), arrays)
    structure.check_match()
    structure.check_observed()
    structure.check_likelihood("simulation_based_calibration")
    for site in structure.latents:
        if site.batch_shape != (count,):
            raise ObjectiveError(
                f"simulation_based_calibration ranks the latents of one datum, but latent "
                f"{site.name!r} has batch shape {site.batch_shape} for {count} data. Draw all that "
                "belongs to a datum as one event, with .to_event(), in one plate of the data."
            )
    if not structure.latents:
        raise ObjectiveError(
            "simulation_based_calibration examines posteriors, and this model draws no latents."
        )
    return arrays, structure, {site.name: values[site.name] for site in structure.latents}


def _checked_draws(
    draws: Mapping[str, ArrayLike], truth: Latents, num_draws: int
) -> dict[str, NDArray[Any]]:
    if not isinstance(draws, Mapping):
        raise ArgumentError(
            f"posterior must return a mapping of latents to draws, got {type(draws).__name__}."
        )
    checked = {}
    for name, true in truth.items():
        if name not in draws:
            raise ArgumentError(
                f"posterior must return draws of every latent; {name!r} is missing, got "
                f"{', '.join(map(repr, draws)) or 'nothing'}."
            )
        found, shape = np.asarray(draws[name]), (num_draws, *true.shape)
        if found.shape != shape or not np.isfinite(found).all():
            raise ArgumentError(
                f"posterior must return finite draws of {name!r} in the shape {shape} (draws, "
                f"simulations, event), got shape {found.shape}."
            )
        checked[name] = found.astype(true.dtype, copy=False)
    return checked


def _entries(site: str) -> Statistic:
    return lambda latents, x: latents[site]


def _values(
    name: str, statistic: Statistic, latents: Latents, x: NDArray[Any]
) -> NDArray[np.float64]:
    answer = called(f"statistic {name!r}", statistic, latents, x)
    try:
        found = np.asarray(answer, np.float64)
    except (TypeError, ValueError) as error:
        raise ArgumentError(
            f"statistic {name!r} must return numbers, got {shown(answer)}."
        ) from error
    if found.shape[:1] != (len(x),) or math.prod(found.shape) == 0 or np.isnan(found).any():
        raise ArgumentError(
            f"statistic {name!r} must return one number for each of {len(x)} simulations, not NaN; "
            f"got shape {found.shape}."
        )
    return found
