"""Gradient estimators at fixed parameters: bias, variance, signal-to-noise ratio, cost."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.arguments import check_count, check_seed
from inference.data.support import check_support
from inference.errors import ArgumentError, DivergenceError, ObjectiveError, PairError
from inference.estimators.groups import group_statistics
from inference.estimators.references import References
from inference.estimators.report import GROUPS, EstimatorReport, Measurement
from inference.estimators.request import Request, check_comparable, particle_counts, requests
from inference.estimators.weights import effective_sample_sizes
from inference.objectives import Objective
from inference.pairs import explaining, fitted_on
from inference.program.engine import Engine
from inference.program.moments import GradientMoments
from inference.program.program import OWNED
from inference.training.run import Run

_BLOCKS = 20  # of independent draws, for error bars
_FEWEST = 2 * _BLOCKS


def estimator_report(
    pair: Any,
    objectives: Mapping[str, Objective | str | Callable[[int], Objective]],
    batch: ArrayLike | tuple[ArrayLike, ...],
    *,
    num_draws: int = 1000,
    num_particles: int | Sequence[int] = (1, 5, 20),
    reference: Mapping[str, ArrayLike] | Objective | None = None,
    reference_draws: int | None = None,
    seed: int = 0,
    engine: str | None = None,
) -> EstimatorReport:
    """Compare gradient estimators on one batch, at the pair's present parameters.

    Nothing is trained. For each objective and K, n = `num_draws` independent gradients g of the
    bound, summed over the batch, are drawn as an optimiser would see them (with respect to
    unconstrained values), and for the parameters of the model, of the guide, and of what the
    objective owns (`"baseline"`) these are estimated, with standard errors:

        variance    sum_i Var g_i
        SNR         1/P sum_i |E g_i| / std g_i     over the P entries (Rainforth et al. 2018)
        bias        |E g - reference|, with the largest |z| of an entry and its p-value

    Where there is no bias, `bias_p` is below 0.001 at most once in a thousand times; gradients with
    heavy tails need more draws before that holds.

    The reference is the gradient of the bound that an objective sets out to estimate: the ELBO's,
    or L_K for `IWAE`, `DReG`, `VIMCO` and their kin. Where all latents are discrete and few,
    the ELBO's is summed exactly (`Enumerated`); otherwise it is the mean of other draws of a good
    estimator, and its error is part of that of the bias. Where there is no such bound (the guide
    under `RWS` or `TailAdaptive`) or it is another one (`Renyi`, `CIWAE`, a beta), the columns of
    the bias are NaN unless a reference is given.

    Args:
        pair: a run, its pair, or a `(model, guide)` tuple of functions. Of a run, what its
            objective has learnt beside the pair, such as a baseline, is used where an objective of
            that class is asked for; elsewhere it is at its initial value.
        objectives: label to an objective; or to a function of K such as `IWAE` or
            `lambda k: MIWAE(2, k)`; or to a string form, which stands for every K if it leaves out
            `num_particles`.
        batch: data, shape (N, D); a tuple where the pair takes several arrays.
        num_draws: n, at least 40; rounded up to a multiple of 20.
        num_particles: the values of K.
        reference: one for all objectives: by parameter the gradient of the bound (not of the
            loss), summed over the batch, for all parameters of a group; or an objective whose
            gradient is meant, such as `Enumerated()` or `DReG(1000)`.
        reference_draws: gradients behind a reference that is not exact; by default `num_draws`, 0
            for none.
        seed: seed of all draws.
        engine: `"pyro"` or `"numpyro"`, where it cannot be told from the pair.

    Raises:
        ArgumentError: if an argument is out of range.
        DataError: if the pair cannot score the batch.
        PairError: if the pair fails on the batch.
        ObjectiveError: if an objective is no bound's estimator (`Adversarial`, `MMD`), or none is
            valid for the pair; the report says which are not if only some are.
        DivergenceError: if a gradient or a value is not finite.

    References:
        Rainforth et al. 2018, arXiv:1802.04537; Tucker et al. 2019, arXiv:1810.04152.
    """
    run = pair if isinstance(pair, Run) else None
    check_seed(seed)
    check_count("num_draws", num_draws, optional=True)
    if num_draws is None or num_draws < _FEWEST:
        raise ArgumentError(f"num_draws must be at least {_FEWEST}, for errors; got {num_draws}.")
    num_draws = int(num_draws)
    if reference_draws is not None:
        reference_draws = check_count("reference_draws", reference_draws, least=0)
    if isinstance(reference, Objective):
        check_comparable("reference", reference)
    wanted = requests(objectives, particle_counts(num_particles))
    given = fitted_on(pair, batch, engine=engine, name="batch")
    backend, arrays = given.backend, given.arrays
    fixed = explaining(lambda rows: backend.snapshot(given.pair, rows, seed), arrays)
    structure = backend.structure(fixed, arrays)
    check_support(structure, arrays, "batch")
    bench = _Bench(backend, fixed, arrays, run, seed)
    if not bench.shapes:
        raise ArgumentError("the pair has no parameters, so there are no gradients to look at.")
    references = References(
        bench.moments,
        structure,
        num_draws if reference_draws is None else reference_draws,
        reference,
        bench.shapes,
    )
    refused = {(r.label, r.num_particles): r.refusal for r in wanted if r.objective is None}
    valid = []
    for request in wanted:
        try:
            if request.objective is not None:
                request.objective.require(structure)
                valid.append(request)
        except (ObjectiveError, PairError) as error:
            refused[request.label, request.num_particles] = str(error)
    if not valid:
        (label, k), why = next(iter(refused.items()))
        raise ObjectiveError(f"no objective here can be used; {label!r} with K={k}: {why}")
    sizes = effective_sample_sizes(
        backend, fixed, arrays, sorted({r.num_particles for r in valid}), bench.next_seed()
    )
    found = [
        measurement
        for request in valid
        for measurement in _measured(request, bench, references, num_draws, sizes)
    ]
    draws = -(-num_draws // _BLOCKS) * _BLOCKS
    return EstimatorReport(tuple(found), refused, draws, len(arrays[0]), given.engine)


class _Bench:
    """A pair at fixed parameters with a batch; every sample of gradients has its own seed."""

    def __init__(
        self,
        backend: Engine,
        pair: Any,
        batch: tuple[NDArray[Any], ...],
        run: Run | None,
        seed: int,
    ) -> None:
        self.backend, self.pair, self.batch, self.run = backend, pair, batch, run
        self.seeds = np.random.SeedSequence(seed)
        groups = backend.parameter_groups(pair, batch)
        values = backend.parameters(pair)
        self.shapes: dict[str, dict[str, tuple[int, ...]]] = {}
        for name, group in groups.items():
            self.shapes.setdefault(group, {})[name] = values[name].shape

    def next_seed(self) -> int:
        return int(self.seeds.spawn(1)[0].generate_state(1)[0])

    def moments(self, objective: Objective, draws: int) -> GradientMoments:
        """Of at least so many gradients; of a single one for `draws` = 1."""
        blocks = min(_BLOCKS, draws)
        own = self.run is not None and type(objective) is type(self.run.objective)
        found = explaining(
            lambda rows: self.backend.gradient_moments(
                self.pair,
                objective,
                rows,
                blocks=blocks,
                block_size=-(-draws // blocks),
                owned=self.run.owned if self.run is not None and own else None,
                seed=self.next_seed(),
            ),
            self.batch,
        )
        for name, mean in found.means.items():
            if not np.isfinite(mean).all():
                raise DivergenceError(
                    f"the gradient of {name!r} under {objective!r} is not finite at these "
                    "parameters; look at the pair's log densities on this batch."
                )
        if not np.isfinite(found.losses).all():
            raise DivergenceError(
                f"the value of {objective!r} is not finite at these parameters, so that its "
                "gradient means nothing: every draw of some datum has the density zero. Look at "
                "the pair's log densities on this batch."
            )
        return found


def _measured(
    request: Request,
    bench: _Bench,
    references: References,
    draws: int,
    sizes: Mapping[int, float],
) -> list[Measurement]:
    """One measurement for each group of parameters that has a gradient."""
    objective = request.objective
    assert objective is not None, "refused ones are left out"
    moments = bench.moments(objective, draws)
    names = {group: list(shapes) for group, shapes in bench.shapes.items()}
    names["baseline"] = [name for name in moments.means if name.startswith(OWNED)]
    values = -moments.losses / len(bench.batch[0])
    found = []
    for group in GROUPS:
        if not names.get(group):
            continue
        reference = references.of(objective, group)
        statistics = group_statistics(moments, names[group], reference)
        if statistics is not None:
            measurement = Measurement(
                label=request.label,
                objective=repr(objective),
                num_particles=request.num_particles,
                group=group,
                bound=float(values.mean()),
                bound_error=float(values.std(ddof=1) / len(values) ** 0.5),
                statistics=statistics,
                reference="" if reference is None else reference.source,
                effective_sample_size=sizes[request.num_particles],
                seconds=float(np.median(moments.seconds)),
            )
            found.append(measurement)
    return found
