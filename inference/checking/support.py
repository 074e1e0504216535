"""Checks of supports: the data under the likelihood, the guide's draws under the prior."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from inference.checking.context import Context
from inference.checking.definition import Mistake, Skip, check
from inference.program.records import RecordedSite


def _range(run: RecordedSite) -> str:
    return f"from {np.nanmin(run.value):.4g} to {np.nanmax(run.value):.4g}"


@check(needs=("model-observes",))
def data_in_support(context: Context) -> Iterator[Mistake]:
    """The data lie in the support of the likelihood."""
    for name, run in context.prior.sites.items():
        if run.site.family == "bernoulli" and run.value.min() >= 0 and run.value.max() <= 1:
            continue  # fractions have a check of their own
        if run.site.observed and not run.supported.all():
            yield Mistake(
                f"{name!r} is {run.distribution} with support {run.site.support!r}, but observes "
                f"values {_range(run)}; transform the data (for bytes: divide by 255 and "
                "binarise), or choose a likelihood that has them.",
                name,
                run.line,
            )


@check(needs=("model-observes",))
def whole_numbers_where_counted(context: Context) -> Iterator[Mistake]:
    """Discrete likelihoods observe whole numbers."""
    for name, run in context.prior.sites.items():
        discrete = run.site.family in ("bernoulli", "categorical") or run.distribution in _COUNTS
        if (
            run.site.observed
            and discrete
            and not np.array_equal(run.value, np.rint(run.value), equal_nan=True)
        ):
            grey = run.site.family == "bernoulli" and 0 <= run.value.min() <= run.value.max() <= 1
            said = f"{name!r} is {run.distribution} but observes fractions, {_range(run)}; "
            yield Mistake(
                said + "its score of them is a cross-entropy, by which the pair trains, and no "
                "log-likelihood, so that bounds and log_likelihood are no nats of the data. "
                "Binarise the data where these are to be compared."
                if grey
                else said + "its score of them is no log-likelihood. Binarise or round the data.",
                name,
                run.line,
                level="limit" if grey else "error",
            )


_COUNTS = ("Poisson", "Binomial", "NegativeBinomial", "Geometric", "BinomialLogits")


@check(needs=("runs-together",))
def draws_in_support(context: Context) -> Iterator[Mistake]:
    """The guide's draws lie in the support of the model's distribution."""
    wider = []
    for name, run in context.model.sites.items():
        other = context.guide.sites.get(name)
        if other is None or run.site.observed:
            continue
        if not run.supported.all():
            yield _drawn_outside(name, run, other)
        elif _is_wider(run, other):
            wider.append(name)
    for rng_seed in range(1, _MORE_DRAWS if wider else 1):
        guide = context.probe.record("guide", context.batch, rng_seed=rng_seed)
        held = {**context.latents, **guide.drawn}
        model = context.probe.record("model", context.batch, held).sites
        for name in [n for n in wider if n in model and not model[n].supported.all()]:
            wider.remove(name)
            yield _drawn_outside(name, model[name], guide.sites[name])
    for name in wider:
        run, other = context.model.sites[name], context.guide.sites[name]
        yield Mistake(
            f"the guide ({other.distribution}) may draw any real number for {name!r}, but its "
            f"support in the model ({run.distribution}) is {run.site.support!r}: a draw outside, "
            "where log p is -inf, is but unlikely yet. A guide with the same support, such as a "
            "LogNormal for positive latents, has none.",
            name,
            other.line,
            level="note",
        )


_MORE_DRAWS = 9
_REAL = ("real", "realvector")


def _is_wider(run: RecordedSite, other: RecordedSite) -> bool:
    """Whether a guide draws any real number, and the model has a part of them."""
    unknown = ("", "nonetype", "dependent")
    narrow = run.site.support not in (*_REAL, *unknown) and not run.site.family
    return narrow and not run.site.point and not other.site.point and other.site.support in _REAL


def _drawn_outside(name: str, run: RecordedSite, other: RecordedSite) -> Mistake:
    same, support = "such as a LogNormal or Gamma for positive latents", repr(run.site.support)
    if run.site.angle:
        same = "such as a VonMises: on the line z and z + 2 pi count as different values"
        support = "[-pi, pi]"
    return Mistake(
        f"the guide ({other.distribution}) draws values {_range(other)} of {name!r}, but its "
        f"support in the model ({run.distribution}) is {support}; choose a guide with the same "
        f"support, {same}.",
        name,
        other.line,
    )


@check(needs=("runs-together",))
def guide_covers_support(context: Context) -> Iterator[Mistake]:
    """The guide can draw whatever the model can."""
    if any(run.site.observed and run.site.point for run in context.model.sites.values()):
        raise Skip("the data are computed of the latents, which may then lie in a part of all.")
    for name, run in context.model.sites.items():
        other = context.guide.sites.get(name)
        if other is None or run.site.observed or other.distribution == "Delta":
            continue
        ours, theirs = run.site.support, other.site.support
        narrow = theirs not in _REAL and not other.site.family
        if ours in _REAL and narrow:
            yield Mistake(
                f"{name!r} is {run.distribution} in the model and may be any real number, but the "
                f"guide ({other.distribution}) only draws from {theirs!r}; its posterior cannot be "
                "met. Use a guide over the real numbers.",
                name,
                other.line,
            )


@check(needs=("guide-runs", "model-runs"))
def same_values(context: Context) -> Iterator[Mistake]:
    """Discrete latents have as many values in the guide as in the model."""
    for name, run in context.prior.sites.items():
        other = context.guide.sites.get(name)
        if other is None or run.site.observed:
            continue
        ours = run.site.family, run.site.cardinality
        theirs = other.site.family, other.site.cardinality
        if ours != theirs and ours[0] and theirs[0]:
            yield Mistake(
                f"{name!r} is {run.distribution} of {ours[1]} values in the model and "
                f"{other.distribution} of {theirs[1]} in the guide; give both the same "
                "kind and number of values.",
                name,
                other.line,
            )


@check(needs=("guide-runs", "model-runs"))
def arguments_in_range(context: Context) -> Iterator[Mistake]:
    """The distributions' arguments meet their constraints."""
    seen = set[tuple[str, str]]()
    for part, run in (("model", context.prior), ("guide", context.guide)):
        for name, recorded in run.sites.items():
            for argument in recorded.invalid:
                if (part, name) in seen:
                    continue
                seen.add((part, name))
                yield Mistake(
                    f"{recorded.distribution} of {name!r} in the {part} has {argument} outside of "
                    "its constraint; pass a network's output through exp or softplus for a scale, "
                    "through sigmoid or softmax for probabilities, or give logits=.",
                    name,
                    recorded.line,
                )
            if recorded.scale < 0:
                yield Mistake(
                    f"the log density of {name!r} in the {part} is scaled by {recorded.scale:.4g}, "
                    "which turns it round, so that training would make it unlikely; pass a scale "
                    "above 0, or leave entries out with mask=.",
                    name,
                    recorded.line,
                )


@check(needs=("runs-together", "data-in-support"))
def finite_edges(context: Context) -> Iterator[Mistake]:
    """Rows of zeros and rows of ones have finite densities under a Bernoulli likelihood."""
    sites = [r for r in context.model.sites.values() if r.site.observed]
    if not any(r.site.family == "bernoulli" and r.site.argument == 0 for r in sites):
        raise Skip("the first array is not observed by a Bernoulli likelihood.")
    for value in (0, 1):
        edge = (np.full_like(context.batch[0], value), *context.batch[1:])
        run = context.probe.record("model", edge, context.latents)
        for name, recorded in run.sites.items():
            if recorded.site.observed and not np.isfinite(recorded.log_prob).all():
                yield Mistake(
                    f"{name!r} has no finite log density of a row of {value}s: some probability is "
                    "exactly 0 or 1. Give Bernoulli logits= in place of probs=.",
                    name,
                    recorded.line,
                )
