"""Checks of the contract: both run, on the same sites, and say something about the data."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

import numpy as np

from inference.checking.context import Context
from inference.checking.definition import Mistake, Skip, check
from inference.data.call import no_batch
from inference.data.pair_arrays import is_empty, is_of_the_zoo
from inference.errors import ArgumentError
from inference.pairs import check_pair_type
from inference.program.structure import can_draw


@check()
def pair_type(context: Context) -> Iterator[Mistake]:
    """The pair has a model and a guide, both callable."""
    pair = context.pair
    if not (isinstance(pair, tuple) and len(pair) == 2):
        try:
            check_pair_type(pair)
        except ArgumentError as error:
            yield Mistake(str(error))
            return
    parts = pair if isinstance(pair, tuple) else (pair.model, pair.guide)
    for name, part in zip(("model", "guide"), parts, strict=True):
        if not callable(part):
            yield Mistake(
                f"the {name} should be a function, got {type(part).__name__}; write it as "
                f"def {name}(x) or as a method."
            )


@check(needs=("pair-type",))
def engine(context: Context) -> Iterator[Mistake]:
    """The pair is written in Pyro or in NumPyro."""
    _ = context.engine
    yield from ()


@check()
def batch(context: Context) -> Iterator[Mistake]:
    """The batch has rows, as many in each array, and finite numbers."""
    arrays = [a for a in context.batch if isinstance(a, np.ndarray)]
    for given in context.batch:
        if remedy := no_batch(given):
            yield Mistake(
                f"the batch is a {type(given).__name__}{remedy}, some rows of each array."
            )
            return
    if not arrays:
        raise Skip("model and guide are called without arrays.")
    rows = {len(a) for a in arrays if a.ndim}
    if len(rows) > 1 and not context.nested and not _runs(context):
        yield Mistake(
            f"the arrays of the batch have {sorted(rows)} rows; they should have equally many. "
            "Pass the same rows of each."
        )
    for position, array in enumerate(arrays):
        if array.dtype.kind not in "biuf":
            yield Mistake(
                f"array {position} of the batch holds {array.dtype}, not numbers; convert it."
            )
        elif is_empty(array, first=array is arrays[0] or is_of_the_zoo(context.pair)):
            yield Mistake(
                f"array {position} of the batch is empty, shape {array.shape}; pass rows."
            )
        elif array.dtype.kind == "f" and not np.isfinite(array).all() and not _filled_in(context):
            bad = int(np.argwhere(~np.isfinite(array))[0][0])
            yield Mistake(
                f"array {position} of the batch is NaN or infinite in row {bad}; remove or impute "
                "such rows, or leave the entries out with a mask."
            )


def _filled_in(context: Context) -> bool:
    """Whether the program itself leaves missing values out, or puts others in their place."""
    arrays = [a for a in context.batch if isinstance(a, np.ndarray)]
    if any(a.dtype.kind == "f" and np.isinf(a).any() for a in arrays) or not _runs(context):
        return False
    runs = context.guide, context.model
    return all(np.isfinite(site.log_prob).all() for run in runs for site in run.sites.values())


def _runs(context: Context) -> bool:
    """Whether both run on the batch; what stands against it the check of the program says."""
    try:
        _ = context.guide, context.model
    except Exception:
        return False
    return True


@check(needs=("pair-type",))
def same_arguments(context: Context) -> Iterator[Mistake]:
    """Model and guide take the batch."""
    pair = context.pair
    parts = pair if isinstance(pair, tuple) else (pair.model, pair.guide)
    for name, part in zip(("model", "guide"), parts, strict=True):
        try:
            signature = inspect.signature(part)
        except (TypeError, ValueError):
            continue
        try:
            signature.bind(*context.batch)
        except TypeError as error:
            yield Mistake(
                f"{name}{signature} cannot be called with {len(context.batch)} arguments "
                f"({error}); "
                "model and guide are called alike, so give both the same arguments."
            )


@check(needs=("engine", "batch", "same-arguments"))
def guide_runs(context: Context) -> Iterator[Mistake]:
    """The guide runs on the batch."""
    _ = context.guide
    yield from ()


@check(needs=("engine", "batch", "same-arguments"))
def model_runs(context: Context) -> Iterator[Mistake]:
    """The model runs on the batch."""
    _ = context.prior
    yield from ()


@check(needs=("guide-runs", "model-runs"))
def runs_together(context: Context) -> Iterator[Mistake]:
    """The model runs on the guide's draws, and every site has a log density."""
    _ = context.model, context.structure
    yield from ()


@check(needs=("guide-runs", "model-runs"))
def guide_proposes_all(context: Context) -> Iterator[Mistake]:
    """The guide has a site for every latent of the model."""
    if context.generates and not any(run.site.observed for run in context.prior.sites.values()):
        raise Skip("the model observes nothing, and what compares its draws asks no guide.")
    missing = {
        name: run
        for name, run in context.prior.sites.items()
        if not run.site.observed and name not in context.guide.sites
    }
    if missing and all(run.site.family for run in missing.values()):
        raise Skip(
            f"the guide leaves the discrete {', '.join(map(repr, missing))} to exact summation, "
            "which Enumerated() and the library's own TraceEnum_ELBO do, and others do not."
        )
    for name, run in missing.items():
        yield Mistake(
            f"the model draws {name!r}, which the guide does not propose; it would stay at its "
            f"prior. Add a sample statement {name!r} to the guide, or observe it.",
            name,
            run.line,
        )


@check(needs=("guide-runs", "model-runs"))
def guide_proposes_no_more(context: Context) -> Iterator[Mistake]:
    """The guide draws nothing that the model does not draw."""
    for name, run in context.guide.sites.items():
        if name in context.prior.sites or run.site.auxiliary or run.site.observed:
            continue
        yield Mistake(
            f"the guide draws {name!r}, which the model does not; correct the name, remove the "
            "statement, or mark it with infer={'is_auxiliary': True}.",
            name,
            run.line,
        )


@check(needs=("guide-runs", "model-runs"))
def guide_observes_nothing(context: Context) -> Iterator[Mistake]:
    """The guide observes nothing that counts."""
    if context.guide_class("GuideMessenger"):
        raise Skip("the guide is a messenger, which runs the model: what that observes is no draw.")
    for name, run in context.guide.sites.items():
        # Autoguides write Jacobians as factors; what is marked is no part of the bound.
        if not run.site.observed or run.site.auxiliary or run.distribution == "Unit":
            continue
        model = context.prior.sites.get(name)
        if model is not None and model.site.observed:
            yield Mistake(
                f"guide and model observe {name!r}. If the guide learns to predict it, mark it in "
                "the guide with infer={'is_auxiliary': True}: the library's Trace_ELBO subtracts "
                "its density from the bound otherwise, so that the likelihood is lost; losses that "
                "leave out what a guide observes, such as TraceCausalEffect_ELBO, do not. If it "
                "does not, remove obs= there.",
                name,
                run.line,
                level="limit",
            )
            continue
        yield Mistake(
            f"the guide observes {name!r}: its density would be subtracted from the bound. "
            "Remove obs= there; only the model observes.",
            name,
            run.line,
        )


@check(needs=("guide-runs", "model-runs"))
def latent_is_not_observed(context: Context) -> Iterator[Mistake]:
    """No site is observed in the model and proposed by the guide."""
    for name, run in context.prior.sites.items():
        proposed = context.guide.sites.get(name)
        if run.site.observed and proposed is not None and not proposed.site.observed:
            yield Mistake(
                f"the guide draws {name!r}, which the model observes; remove it from the guide.",
                name,
                proposed.line,
            )


@check(needs=("model-runs",))
def model_observes(context: Context) -> Iterator[Mistake]:
    """The model observes data."""
    if any(run.site.observed for run in context.prior.sites.values()):
        return
    if context.does_nothing:
        yield Mistake(
            "on this batch neither model nor guide has a site, so that it trains nothing. That is "
            "right where a term has its say on other batches, such as those with labels: pass one "
            "of these.",
            level="limit",
        )
    elif forgotten := _left_to_the_data(context):
        name = forgotten[0]
        yield Mistake(
            f"no site of the model is observed: {name!r} is drawn, although arrays are given. If "
            f"they are data of {name!r}, give it obs=, or condition() its very name. A model that "
            "only draws, for objectives that compare draws, is model(x=None, *, size=1).",
            name,
            context.line(name),
        )
    elif context.generates:
        yield Mistake(
            "no site of the model is observed, so that there is no likelihood. It draws data, "
            "which objectives that compare draws take, MMD and Adversarial or a loss of your own; "
            "bounds on the likelihood are refused.",
            level="limit",
        )
    elif set(context.prior.sites) <= set(context.guide.sites) and not _has_arrays(context):
        yield Mistake(
            "no site of the model is observed, and it is given no arrays: what the guide comes "
            "near to is the model's own density. The library's own losses, such as Trace_ELBO, "
            "train it; bounds on the likelihood are refused.",
            level="limit",
        )
    else:
        yield Mistake(
            "no site of the model is observed, so that there is no likelihood; pass the data to a "
            "sample statement with obs=."
        )


def _left_to_the_data(context: Context) -> list[str]:
    """What a model of given arrays draws and the guide does not propose, or the model returns.

    None of a model that takes size=, which may be there to draw, or that returns what a network
    makes of its draws.
    """
    pair = context.pair
    model = pair[0] if isinstance(pair, tuple) else pair.model
    if not context.generates or can_draw(model) or not _has_arrays(context):
        return []
    shown = context.prior.returned
    return [
        name
        for name, run in context.prior.sites.items()
        if name not in context.guide.sites
        or (shown is not None and np.array_equal(run.value, shown))
    ]


def _has_arrays(context: Context) -> bool:
    return any(isinstance(array, np.ndarray) and array.ndim for array in context.batch)
