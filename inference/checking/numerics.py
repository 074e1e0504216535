"""Checks of numbers: finite, repeatable, and the same in float32 as in float64."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from inference.checking.context import Context
from inference.checking.definition import Mistake, Skip, check
from inference.checking.saturation import saturated
from inference.program.records import Recorded, RecordedSite

# Logarithms of a probability of zero in float32 and in float64, one less the other: with eps in its
# place, and with the smallest number, as NumPyro's `clamp_probs` has it.
_CLAMPS_APART = [
    float(np.log(getattr(np.finfo(np.float32), least)) - np.log(getattr(np.finfo(float), least)))
    for least in ("eps", "tiny")
]

_IMPOSSIBLE = "states that TraceEnum_ELBO sums over are drawn here, and may be impossible."


def _undefined(run: Recorded) -> bool:
    """Whether a log density is NaN, or infinite where nothing is impossible."""
    return any((~(site.log_prob < np.inf)).any() for site in run.sites.values())


def _infinite(run: Recorded, part: str, at: str) -> Iterator[Mistake]:
    for name, recorded in run.sites.items():
        if not np.isfinite(recorded.log_prob).all():
            bad = recorded.log_prob[~np.isfinite(recorded.log_prob)].flat[0]
            yield Mistake(
                f"the log density of {name!r} in the {part} is {bad} {at}; look for a logarithm of "
                "0, a scale of 0, exp of a large number, or a value outside of the support.",
                name,
                recorded.line,
            )


@check(needs=("guide-runs",))
def finite_log_q(context: Context) -> Iterator[Mistake]:
    """Log q is finite at the guide's draws."""
    yield from _infinite(context.guide, "guide", "at its own draw")


@check(needs=("runs-together",))
def finite_log_p(context: Context) -> Iterator[Mistake]:
    """Log p is finite at the guide's draws."""
    summed = {site.name for site in context.structure.latents} - set(context.structure.guide)
    if summed & context.structure.marked_for_enumeration and not _undefined(context.model):
        raise Skip(_IMPOSSIBLE)
    yield from _infinite(context.model, "model", "at the guide's draw")


@check(needs=("model-runs",))
def finite_at_prior_draws(context: Context) -> Iterator[Mistake]:
    """Log p is finite at draws from the prior."""
    for mistake in _infinite(context.prior, "model", "at a draw from the prior"):
        run = context.prior.sites[mistake.site or ""]
        # Data that are computed of the latents have no density at other latents' draws.
        if run.site.point:
            continue
        hard = run.distribution == "Unit" or run.distribution.startswith("Extended")
        marked = any(each.site.enumerated for each in context.prior.sites.values())
        if marked and not _undefined(context.prior):
            raise Skip(_IMPOSSIBLE)
        if hard and not _undefined(context.prior):
            yield Mistake(
                f"the log density of {mistake.site!r} in the model is -inf at a draw from the "
                "prior: a hard constraint, which a guide has to begin within.",
                mistake.site,
                run.line,
                level="note",
            )
            continue
        yield mistake


@check(needs=("guide-runs",))
def draws_are_finite(context: Context) -> Iterator[Mistake]:
    """The guide's draws are finite."""
    for name, value in context.latents.items():
        if not np.isfinite(value).all():
            yield Mistake(
                f"a draw of {name!r} is NaN or infinite; bound its scale, for example by softplus.",
                name,
                context.line(name),
            )


@check(needs=("runs-together", "finite-log-p", "finite-log-q", "guide-proposes-all"))
def float32_is_enough(context: Context) -> Iterator[Mistake]:
    """Log p and log q in float32 are those in float64."""
    if context.chooses_rows:
        raise Skip("a plate of the pair takes a part of the rows itself, and others in float64.")
    for part in ("model", "guide"):
        if part == "guide" and not context.holds_draws:
            continue
        single = context.model if part == "model" else context.proposed
        if single.noisy:  # other random numbers in float64
            raise Skip(context.bound_to_rows(part))
        try:
            double = context.probe.record(part, context.batch, context.latents, double=True)
        except Exception as error:
            raise Skip(f"the pair does not run in float64 ({type(error).__name__}).") from error
        if _compares_numbers(single, double):
            raise Skip("the program compares real numbers, which round to others in float64.")
        for name, run in single.sites.items():
            if name not in double.sites:
                continue
            was, now = run.total, double.sites[name].total + _clamped(run, double.sites[name])
            if not double.sites[name].supported.all():  # a float32 is no triangle in float64
                continue
            size = np.abs(run.log_prob).sum()
            if not np.isclose(was, now, rtol=1e-3, atol=1e-3 + 1e-4 * size):
                if _draws_besides(context, part, run, name):
                    raise Skip(f"the {part} draws noise besides its sample statements.")
                if saturated(run, double.sites[name]):
                    yield Mistake(
                        f"probabilities of {name!r} in the {part} come nearer to 0 or 1 than "
                        f"float32 tells apart: its log density is {was:.6g}, and {now:.6g} in "
                        "float64, and its gradient is cut there until training leads away. Give "
                        "the distribution logits= for probabilities, or begin nearer to the data.",
                        name,
                        run.line,
                        level="note",
                    )
                    continue
                yield Mistake(
                    f"log density of {name!r} in the {part} is {was:.6g} in float32 and {now:.6g} "
                    "in float64; look for differences of large numbers, for log(1 - p) and for "
                    "log of a sum of exp, which log1p, log_sigmoid and logsumexp do stably.",
                    name,
                    run.line,
                )


def _compares_numbers(single: Recorded, double: Recorded) -> bool:
    """Whether what is observed depends on the precision: `obs=(x == MISSING)` does."""
    pairs = ((run, double.sites[n]) for n, run in single.sites.items() if n in double.sites)
    return any(
        run.site.observed
        and np.shape(run.value) == np.shape(other.value)
        and np.array_equal(run.value, np.round(run.value))
        and not np.array_equal(run.value, np.round(other.value))
        for run, other in pairs
    )


def _draws_besides(context: Context, part: str, run: RecordedSite, name: str) -> bool:
    """Whether a site's log density changes with the seed at the same latents, as beside noise."""
    other = context.probe.record(part, context.batch, context.latents, rng_seed=1).sites.get(name)
    return other is None or not np.isclose(other.total, run.total, rtol=1e-5)


def _clamped(single: RecordedSite, double: RecordedSite) -> float:
    """What probabilities of zero cost less in float32: a small number is put in their place.

    A count of what a latent makes impossible, such as an animal that is seen after its death, is
    meant so by the program.
    """
    if np.shape(single.log_prob) != np.shape(double.log_prob):
        return 0.0
    value = np.asarray(single.value)
    if not (value == np.round(value)).all():
        return 0.0
    less = 0.0
    for apart in _CLAMPS_APART:
        number = (single.log_prob - double.log_prob) / apart
        whole = np.round(number)
        less += float(apart * whole[(whole >= 1) & (abs(number - whole) < 1e-3)].sum())
    return less


@check(needs=("guide-runs", "model-runs"))
def repeatable(context: Context) -> Iterator[Mistake]:
    """Two runs from one seed are the same."""
    given = context.instead_of_the_prior
    for part, run, at in (("guide", context.guide, None), ("model", context.prior, given)):
        again = context.probe.record(part, context.batch, at, fresh=True)
        for name, recorded in run.sites.items():
            other = again.sites.get(name)
            same = other is not None and np.allclose(
                recorded.value, other.value, 1e-4, 1e-5, equal_nan=True
            )
            close = other is not None and np.allclose(
                recorded.log_prob, other.log_prob, 1e-4, 1e-4, equal_nan=True
            )
            if not (same and close):
                yield Mistake(
                    f"{name!r} in the {part} is not the same in a second run from the same seed: "
                    "something is drawn outside of the framework (numpy.random, random), or kept "
                    "from call to call. Draw with sample statements and keep no state.",
                    name,
                    recorded.line,
                )
                return


@check(needs=("runs-together", "repeatable"))
def calls_leave_no_trace(context: Context) -> Iterator[Mistake]:
    """A call on other rows changes nothing for these."""
    if context.rows < 2:
        raise Skip("it takes a batch of two rows or more.")
    other, drawn = context.taken(np.arange(context.rows)[::-1])
    given = None if context.instead_of_the_prior is None else drawn
    for part, at in (("guide", None), ("model", given)):
        context.probe.record(part, other, at, rng_seed=3, fresh=True)
    after = context.probe.record("model", context.batch, context.latents, fresh=True)
    if not np.isclose(after.total, context.model.total, rtol=1e-5, atol=1e-4, equal_nan=True):
        yield Mistake(
            f"log p of the batch was {context.model.total:.6g} and is {after.total:.6g} after a "
            "call on other rows; let model and guide keep nothing from call to call."
        )


@check(needs=("runs-together", "repeatable"))
def pairs_share_nothing(context: Context) -> Iterator[Mistake]:
    """A fresh copy of the pair gives the same densities."""
    again = context.probe.anew().record("guide", context.batch, fresh=True)
    if not np.isclose(again.total, context.guide.total, rtol=1e-5, atol=1e-4, equal_nan=True):
        yield Mistake(
            f"log q was {context.guide.total:.6g} at first and is {again.total:.6g} from a fresh "
            "start; parameters or state live outside of the pair. Make them attributes of "
            "the pair, "
            "param sites or registered modules."
        )


@check(needs=("runs-together",))
def no_warnings(context: Context) -> Iterator[Mistake]:
    """The libraries warn of nothing."""
    for part, run in context.runs:
        for text in run.warnings:
            if "circular sample site" in text:  # NumPyro's advice where a guide takes angles
                said = f"running the {part} makes the library advise: {text.splitlines()[0]}"
                yield Mistake(said, level="note")
            elif "deprecat" not in text.lower():  # what is old works as before
                yield Mistake(f"running the {part} warns: {text.splitlines()[0]} Mend the cause.")
        for text in run.asides:
            if "deprecat" not in text.lower():
                said = f"running the {part} makes the array library warn: {text.splitlines()[0]}"
                yield Mistake(said, level="note")
