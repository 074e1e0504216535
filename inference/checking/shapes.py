"""Checks of shapes, plates and silent broadcasting."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from inference.checking.context import Context
from inference.checking.definition import Mistake, Skip, check
from inference.program.densities import (
    fills_plates,
    miscounted,
    outside_plates,
    repeated_factor,
    repeated_value,
)
from inference.program.obs_masks import drawn_in_part
from inference.program.records import RecordedSite
from inference.program.sites import Plate, without_ones


@check(needs=("guide-runs", "model-runs"))
def same_event_shapes(context: Context) -> Iterator[Mistake]:
    """Latents have the same event shape in model and guide."""
    for name, run in context.prior.sites.items():
        other = context.guide.sites.get(name)
        if other is not None and run.site.event_shape != other.site.event_shape:
            yield Mistake(
                f"{name!r} has event shape {run.site.event_shape} in the model and "
                f"{other.site.event_shape} in the guide; make them equal with .to_event().",
                name,
                other.line,
            )


@check(needs=("guide-runs", "model-runs"))
def same_batch_shapes(context: Context) -> Iterator[Mistake]:
    """Latents have the same batch shape in model and guide."""
    for name, run in context.prior.sites.items():
        other = context.guide.sites.get(name)
        if other is not None and run.site.batch_shape != other.site.batch_shape:
            yield Mistake(
                f"{name!r} has batch shape {run.site.batch_shape} in the model and "
                f"{other.site.batch_shape} in the guide, which broadcasts without a word; "
                f"give both "
                "as many rows.",
                name,
                other.line,
            )


@check(needs=("guide-runs", "model-runs"))
def same_plates(context: Context) -> Iterator[Mistake]:
    """Latents lie in the same plates in model and guide."""
    for name, run in context.prior.sites.items():
        other = context.guide.sites.get(name)
        if other is None:
            continue
        ours, theirs = (
            sorted((plate.dim, plate.size) for plate in each.site.plates) for each in (run, other)
        )
        if ours == theirs:
            continue
        if context.packs(name):
            yield Mistake(
                f"{name!r} lies in plates of (dim, size) {ours} in the model and {theirs} in the "
                f"guide, which draws all of its entries at once. It trains under "
                f"{context.trains_under}; what weighs each datum needs both in the same plates.",
                name,
                other.line,
                level="limit",
            )
            continue
        yield Mistake(
            f"{name!r} lies in plates of (dim, size) {ours} in the model and {theirs} in the "
            "guide; put both in the same plates.",
            name,
            other.line,
        )


@check(needs=("runs-together",))
def same_scale(context: Context) -> Iterator[Mistake]:
    """Latents have the same scale in model and guide."""
    for name, run in context.model.sites.items():
        other = context.guide.sites.get(name)
        if other is None or other.distribution == "Delta":  # whose log q is 0, however scaled
            continue
        if not np.isclose(run.scale, other.scale):
            yield Mistake(
                f"log p of {name!r} is scaled by {run.scale:.4g} and log q by "
                f"{other.scale:.4g}, so that their difference is no divergence; use the same "
                "scale= and the same subsample_size= in both.",
                name,
                other.line,
            )


@check(needs=("runs-together",))
def same_mask(context: Context) -> Iterator[Mistake]:
    """Latents are masked in model and guide alike."""
    in_part = set(drawn_in_part(context.model.sites))
    for name, run in context.model.sites.items():
        other = context.guide.sites.get(name)
        if other is None or name in in_part or other.distribution == "Delta":
            continue
        try:
            model, guide = np.broadcast_arrays(run.counted, other.counted)
        except ValueError:  # shapes that differ have checks of their own
            continue
        for part, rest, wrong, alone in (
            (
                "model",
                "guide",
                "log q counts alone, and no prior limits the",
                guide & ~model,
            ),
            ("guide", "model", "log p counts alone, and nothing rewards the", model & ~guide),
        ):
            if alone.any():
                yield Mistake(
                    f"{name!r} is masked in the {part} and not in the {rest} for {alone.sum()} of "
                    f"{alone.size} entries: there {wrong} guide's spread. Put the statement under "
                    "the same mask in both.",
                    name,
                    (run if part == "guide" else other).line,
                    level="note",
                )


@check(needs=("runs-together",))
def batch_dimensions_in_plates(context: Context) -> Iterator[Mistake]:
    """Every batch dimension lies in a plate."""
    data = [site.plates for site in context.structure.observed]
    observed = frozenset.intersection(*data) if data else frozenset[Plate]()
    for part, run in (("model", context.prior), ("guide", context.guide)):
        for name, recorded in run.sites.items():
            site = recorded.site
            covered = {plate.dim for plate in site.plates}
            outside = [
                dim
                for dim in range(recorded.stepped - len(site.batch_shape), 0)
                if site.batch_shape[dim] > 1 and dim not in covered
            ]
            if not outside:
                continue
            said = outside_plates(name, part, site.batch_shape, outside[0])
            seen = context.structure_site(part, name)
            wrong = seen is not None and miscounted(seen, part, observed)
            if not wrong:
                said += (
                    " As it is its entries are summed, which is right under objectives of one draw "
                    f"a datum; {context.trains_under} take it. Losses that put draws on a "
                    "dimension of their own, or enumerate, do not."
                )
            yield Mistake(said, name, recorded.line, level="error" if wrong else "limit")


@check(needs=("guide-runs", "model-runs"))
def plate_dimensions_agree(context: Context) -> Iterator[Mistake]:
    """The plates around a site have the sizes of its batch shape."""
    for run in (context.prior, context.guide):
        for name, recorded in run.sites.items():
            shape = recorded.site.batch_shape
            if _fills_plates(recorded):
                continue
            for plate in recorded.site.plates:
                if -plate.dim > len(shape) or shape[plate.dim] not in (plate.size,):
                    yield Mistake(
                        f"{name!r} has batch shape {shape}, but its plate {plate.name!r} is "
                        f"of size "
                        f"{plate.size} at dim {plate.dim}; give the plate the data's size.",
                        name,
                        recorded.line,
                    )


@check(needs=("model-runs",))
def values_fill_their_sites(context: Context) -> Iterator[Mistake]:
    """Observed values have the shape of their distribution."""
    for name, recorded in context.prior.sites.items():
        came, expected = recorded.value.shape, recorded.shape
        if came in (expected, recorded.shape_of_any_length) or recorded.value.size == 1:
            continue
        if not recorded.site.observed and _stripped(came) == _stripped(expected):
            continue
        # A plate of one adds none.
        if without_ones(came) == without_ones(expected) or _fills_plates(recorded):
            continue
        if recorded.distribution == "Unit":
            said = repeated_factor(name, came[:-1], recorded.site.batch_shape)
            yield Mistake(said, name, recorded.line, level="note")
            continue
        yield Mistake(
            repeated_value(
                name,
                came,
                recorded.site.batch_shape,
                recorded.site.event_shape,
                recorded.log_prob.shape + recorded.site.event_shape,
            ),
            name,
            recorded.line,
        )


def _fills_plates(recorded: RecordedSite) -> bool:
    return fills_plates(recorded.site, recorded.value.shape, recorded.log_prob.shape)


def _few(names: Iterable[str]) -> str:
    first, *more = names
    return f"{first!r}{f' and {len(more)} more' if more else ''}"


def _stripped(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(size for size in shape if size != 1)


@check(needs=("runs-together",))
def densities_fill_their_sites(context: Context) -> Iterator[Mistake]:
    """Log densities have the batch shape of their distribution."""
    for _, run in context.runs:
        for name, recorded in run.sites.items():
            shape = recorded.log_prob.shape
            fits = _stripped(shape) == _stripped(recorded.site.batch_shape)
            if not (fits or _fills_plates(recorded)):
                yield Mistake(
                    f"log_prob of {name!r} has shape {shape}, but its batch shape is "
                    f"{recorded.site.batch_shape}: value and parameters broadcast against each "
                    "other. Give the value the distribution's shape, or sum in log_prob.",
                    name,
                    recorded.line,
                )


@check(needs=("runs-together", "model-observes"))
def data_in_plate(context: Context) -> Iterator[Mistake]:
    """The rows of the batch lie in a plate around all observed sites."""
    if context.rows < 2:
        raise Skip("it takes a batch of two rows or more.")
    if context.ragged:
        raise Skip("the arrays are of unequal lengths, each with rows of its own.")
    data = {
        name: run
        for name, run in context.prior.sites.items()
        # A factor is no datum.
        if run.site.observed and not run.site.training_only and run.distribution != "Unit"
    }
    if data and not any(run.site.plates for run in data.values()):
        yield Mistake(
            f"the data, {_few(data)}, lie in no plate: all rows are one event, and bounds are of "
            f"all of them as one datum. It trains under {context.trains_under}. If rows are "
            "independent, open a plate('data', len(x)) around the sites of one datum: minibatches, "
            "and objectives and evaluations per datum, need it. If they are one datum, such as a "
            "series, plate('data', 1) says so.",
            next(iter(data)),
            next(iter(data.values())).line,
            level="limit",
        )
        return
    for name, recorded in data.items():
        site = recorded.site
        sizes = {plate.size for plate in site.plates}
        full = {plate.full_size for plate in site.plates if plate.full_size != plate.size}
        if full:
            raise Skip("a plate of the pair takes a part of the rows itself.")
        if sizes == {1}:
            raise Skip("a plate of one says that all rows are one datum.")
        if context.rows not in sizes:
            yield Mistake(
                f"the batch has {context.rows} rows, but {name!r} lies in no plate of that size "
                f"(its plates: {sorted(sizes) or 'none'}). It trains under "
                f"{context.trains_under}; for objectives and evaluations per datum open a "
                "plate('data', len(x)) around the sites of one datum, so that they count as "
                "independent rows.",
                name,
                recorded.line,
                level="limit",
            )


@check(needs=("runs-together", "data-in-plate"))
def local_latents_per_row(context: Context) -> Iterator[Mistake]:
    """A latent of the data's plate has one density per row."""
    for part, run in context.runs:
        for name, recorded in run.sites.items():
            if recorded.axis(context.data_plates) is None:
                continue
            axis = recorded.axis(context.data_plates)
            assert axis is not None
            shape = recorded.log_prob.shape
            if len(shape) < -axis or shape[axis] != context.rows:
                yield Mistake(
                    f"log density of {name!r} in the {part} has shape {shape}, not one entry per "
                    f"row ({context.rows}); do not average or sum over rows inside of log_prob.",
                    name,
                    recorded.line,
                )
