"""Mean gradients of every objective on every kind of latent, against exact ones."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import norm
from scipy.stats import t as student

from inference.engines import ENGINES, load_engine
from inference.errors import ObjectiveError
from inference.estimators.certificate.cases import CASES
from inference.estimators.certificate.expectations import Expected
from inference.estimators.certificate.libraries import enumerated
from inference.estimators.certificate.programs import ENERGIES, PROGRAMS, Program
from inference.estimators.certificate.programs.energies import OBJECTIVES as OF_ENERGIES
from inference.estimators.certificate.programs.program import OfCase
from inference.estimators.certificate.sites import Array, Arrays
from inference.objectives import Enumerated, Objective
from inference.objectives.registry import own_kinds

LIMIT = 4.5  # the largest |z| that passes, after Bonferroni
PARTICLES = (1, 2, 5, 20)
UNSTATED = "no exact statement"
_FULL, _PART = 12, 4  # data and rows at a time of a plate that is subsampled inside the pair
_MIDDLE = 5
_FEWEST = 200  # gradients, for an error bar
_RESOLUTION = 1e-5  # of a float32 gradient, relative to its largest entry


@dataclass(frozen=True)
class Family:
    """A row of the certificate.

    Attributes:
        label: its name.
        build: the objective of K particles.
        least: smallest K.
        counted: whether K means anything.
    """

    label: str
    build: Callable[[int], Objective]
    least: int = 1
    counted: bool = True


def _families() -> Iterator[Family]:
    """A row for each variant of the objectives that say what they estimate."""
    for kind in own_kinds():
        counted = "num_particles" in inspect.signature(kind).parameters
        for variant, fixed in kind.certified.items() if kind.estimates is not None else ():
            label = f"{kind.__name__}, {variant}" if variant else kind.__name__
            make = _of_particles if counted else _of_itself
            build = functools.partial(make, kind, fixed)
            yield Family(label, build, kind.least_particles, counted)


def _of_particles(
    kind: Callable[..., Objective], fixed: Mapping[str, Any], count: int
) -> Objective:
    return kind(**fixed, num_particles=count)


def _of_itself(kind: Callable[..., Objective], fixed: Mapping[str, Any], count: int) -> Objective:
    del count
    return kind(**fixed)


FAMILIES = tuple(_families())


@dataclass(frozen=True)
class Setting:
    """One entry of the certificate.

    Attributes:
        label: the row.
        objective: the objective, or a loss of the engine's own.
        num_particles: K.
        case: name of the case or program.
        engine: `"pyro"` or `"numpyro"`.
        rows: size of the batch.
        subsampled: whether the batch is taken by a plate inside of the pair.
        stands_for: for a loss of the engine's own, the objective that it is compared with.
        guide_only: whether that comparison leaves the model's parameters out.
        enumerated: whether the pair's discrete sites are marked for enumeration first.
    """

    label: str
    objective: Any
    num_particles: int
    case: str
    engine: str
    rows: int
    subsampled: bool
    stands_for: Objective | None = None
    guide_only: bool = False
    enumerated: bool = False


def settings(
    *,
    labels: Iterable[str] | None = None,
    cases: Iterable[str] = tuple(CASES),
    engines: Iterable[str] = ENGINES,
    particles: Iterable[int] = PARTICLES,
    rows: Iterable[int] = (1, 20),
    subsampled: bool = True,
) -> Iterator[Setting]:
    """The entries of the certificate, those included that will be refused.

    Every K is measured on the largest batch; smaller batches and the subsampled plate, where
    weights, scales and rows meet, with one K: 5, or the next larger.
    """
    chosen = None if labels is None else set(labels)
    particles, rows = sorted(particles), sorted(rows)
    middle = next((k for k in particles if k >= _MIDDLE), particles[-1])
    for engine in engines:
        for case in cases:
            for family in FAMILIES:
                if chosen is not None and family.label not in chosen:
                    continue
                counts = [k for k in particles if k >= family.least] if family.counted else [1]
                corner = middle if family.counted else 1
                plates = [(k, rows[-1], False) for k in counts]
                plates += [(corner, count, False) for count in rows[:-1]]
                plates += [(corner, _PART, True)] if subsampled else []
                for k, count, part in plates:
                    yield Setting(family.label, family.build(k), k, case, engine, count, part)


def program_settings(
    *,
    labels: Iterable[str] | None = None,
    programs: Iterable[str] = tuple(PROGRAMS),
    engines: Iterable[str] = ENGINES,
    num_particles: int = _MIDDLE,
) -> Iterator[Setting]:
    """One entry for each objective and program, those included that will be refused."""
    chosen = None if labels is None else set(labels)
    for engine in engines:
        for name in programs:
            for family in FAMILIES:
                if chosen is None or family.label in chosen:
                    k = max(num_particles, family.least) if family.counted else 1
                    rows = PROGRAMS[name].rows
                    objective = family.build(k)
                    yield Setting(family.label, objective, k, name, engine, rows, subsampled=False)


def energy_settings(
    *,
    labels: Iterable[str] | None = None,
    programs: Iterable[str] = tuple(ENERGIES),
    engines: Iterable[str] = ENGINES,
) -> Iterator[Setting]:
    """One entry for each density that is known up to a constant and what learns one."""
    chosen = None if labels is None else set(labels)
    for engine in engines:
        for name in programs:
            for label, objective in OF_ENERGIES.items():
                if chosen is None or label in chosen:
                    rows = ENERGIES[name].rows
                    yield Setting(label, objective, 1, name, engine, rows, subsampled=False)


@dataclass(frozen=True)
class Outcome:
    """What was found for one setting.

    Attributes:
        z: by parameter entry, |mean gradient - exact| over its standard error, as a normal
            deviate; empty if the objective was refused.
        error: size of the mean guide gradient minus the exact one, relative to the latter.
        bias: see `Expected`.
        refusal: why the objective was refused; empty if it was not.
    """

    z: Array
    error: float = np.nan
    bias: float | None = None
    refusal: str = ""

    @property
    def largest(self) -> float:
        """The largest |z|; NaN if the objective was refused."""
        return float(self.z.max()) if self.z.size else np.nan


def measure(setting: Setting, draws: int) -> Outcome:
    """Compare an objective's mean gradient over so many draws with the exact one.

    Args:
        setting: what to measure.
        draws: draws of the latents in all: gradients times rows times particles.
    """
    program = program_of(setting)
    repeats = max(_FEWEST, -(-draws // (setting.rows * setting.num_particles)))
    if isinstance(setting.objective, Enumerated) and not setting.subsampled:
        repeats = _FEWEST if setting.case in CASES else repeats  # there is little to draw
    gradients = load_engine(setting.engine).gradients
    pair = program.pair(setting.engine)
    if setting.enumerated:
        pair.guide = enumerated(setting.engine, pair.guide)
    try:
        grads, _ = gradients(
            pair,
            setting.objective,
            program.batch,
            repeats,
            values=_owned(setting.objective, program.latents),
        )
    except ObjectiveError as error:
        return Outcome(np.zeros(0), refusal=str(error))
    except (NotImplementedError, RuntimeError, ValueError) as error:
        if setting.stands_for is None:
            raise
        return Outcome(np.zeros(0), refusal=f"{type(error).__name__}: {error}")
    objective = setting.stands_for or setting.objective
    want = _expected(repr(objective), objective, program)
    if want is None:
        return Outcome(np.zeros(0), refusal=UNSTATED)
    names = program.guide_names if setting.guide_only else set(want.gradient)
    exact = {name: want.gradient[name] for name in sorted(names)}
    grads = program.compared(setting.engine, grads)
    error = _relative_error(grads, exact, program.guide_names)
    return Outcome(deviations(grads, exact), error, want.bias)


def program_of(setting: Setting) -> Program:
    """The setting's program; a case's is made once for each batch, as its gradients are kept."""
    if setting.case in (known := {**PROGRAMS, **ENERGIES}):
        return known[setting.case]
    return _of_case(setting.case, setting.rows, _FULL if setting.subsampled else None)


@functools.lru_cache(maxsize=256)
def _of_case(case: str, rows: int, full: int | None) -> Program:
    return OfCase(CASES[case], rows, full)


@functools.lru_cache(maxsize=256)
def _expected(_: str, objective: Any, program: Program) -> Expected | None:
    return program.expected(objective)


def deviations(grads: Arrays, exact: Arrays) -> Array:
    """|z| of each entry of the mean of -grads, (repeats, ...), against the exact gradient."""
    deviates = []
    for name, slope in exact.items():
        sampled = -grads[name]
        error = sampled.std(axis=0, ddof=1) / np.sqrt(len(sampled))
        error = np.sqrt(error**2 + (_RESOLUTION * np.abs(slope).max()) ** 2)
        t = np.abs(sampled.mean(axis=0) - slope) / error
        deviate = norm.isf(student.sf(t, len(sampled) - 1))
        deviates.append(np.ravel(np.where(np.isfinite(deviate), deviate, t)))
    return np.concatenate(deviates)


def _relative_error(grads: Arrays, exact: Arrays, guide_names: Iterable[str]) -> float:
    names = sorted(guide_names)
    if not names:
        return np.nan
    wrong = [np.ravel(-grads[name].mean(axis=0) - exact[name]) for name in names]
    right = [np.ravel(exact[name]) for name in names]
    return float(np.linalg.norm(np.concatenate(wrong)) / np.linalg.norm(np.concatenate(right)))


def limit(comparisons: int) -> float:
    """The |z| that one of so many comparisons may reach, if `LIMIT` holds after Bonferroni."""
    return float(norm.isf(norm.sf(LIMIT) / max(1, comparisons)))


def _owned(objective: Any, latents: Sequence[str]) -> Arrays:
    """Values for what an objective owns, so that a baseline of zero hides nothing."""
    if not isinstance(objective, Objective):
        return {}
    values = objective.perturbation(latents, np.random.default_rng(0))
    return {name: value.astype(np.float32) for name, value in values.items()}
