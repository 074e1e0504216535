"""Densities that are known up to a constant: what a program offers of them, and how it is run."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from inference.descriptions import first_line
from inference.errors import ObjectiveError, ZooError
from inference.program.distributions import innermost, says, support_of
from inference.program.signatures import signature_of
from inference.program.structure import Structure

T = TypeVar("T")
Step = Callable[[Any, Any], Any]


class OfEnergies(Protocol):
    """A program's model at values of its sites, and the chains that its kernels make."""

    def log_joint(self, values: Mapping[str, Any]) -> Any:
        """log f of the model's sites at given values, by row: (N',).

        The sites that have no value are left out: of a prior alone log p(z). Where the data are
        among the values, the model runs on them, otherwise it draws as many rows as there are. What
        is known up to a constant is that here. Gradients go to the model and to the values.

        Args:
            values: observed sites and latents, N' rows each.
        """
        ...

    def transition(
        self, values: Mapping[str, Any], steps: int, *, beta: float = 1.0
    ) -> Mapping[str, Any]:
        """Where chains are after some steps of the model's kernel, without a gradient.

        The kernel is that of the sites whose distribution has one; the other sites among the values
        are drawn anew given these, so that the joint density is left invariant.

        Args:
            values: where the chains are, by site, N' rows each.
            steps: how many steps.
            beta: inverse temperature; below 1 the chain's law is nearer to its `base()`.
        """
        ...

    def site(self, name: str, values: Mapping[str, Any] | None = None) -> Any:
        """A model site's distribution, below what expands it over plates, or what it computes.

        A deterministic statement has a value alone, which has a gradient to the model.

        Args:
            name: the site.
            values: as in `log_joint`; those of the batch without it.
        """
        ...

    def other(self, pair: Any, rows: int) -> tuple[Any, Callable[[Any], Any]]:
        """Draws of another pair's model, and its log density of any rows, without a gradient.

        Args:
            pair: a fitted pair without latents.
            rows: how many draws.
        """
        ...


def check_named(name: str, sites: Collection[str], computed: Collection[str]) -> None:
    """Check that a model has a site or a deterministic statement of a name.

    Raises:
        ObjectiveError: naming those that it has.
    """
    if name not in sites and name not in computed:
        known = ", ".join(map(repr, (*sites, *computed))) or "none"
        raise ObjectiveError(
            f"the model has no site {name!r}; it has {known}. Name what it computes by "
            f"deterministic({name!r}, ...), inside of the plate of the data."
        )


def check_one_kernel(laws: Mapping[str, Any]) -> str:
    """The site whose distribution is known up to a constant and has a kernel.

    Args:
        laws: the model's distributions by site, below what expands them.

    Raises:
        ObjectiveError: if there is not one.
    """
    names = [name for name, law in laws.items() if hasattr(law, "transition")]
    if len(names) != 1:
        found = ", ".join(map(repr, names)) or "none"
        raise ObjectiveError(
            "the constant of a density is estimated for models with one site whose distribution "
            f"has a kernel, transition(value, key); this one has {found}. Where every density "
            "integrates to one there is none to estimate: use log_likelihood(pair, x), or, with "
            "latents, annealed_importance_sampling(pair, x)."
        )
    return names[0]


def check_tempered(name: str, law: Any) -> None:
    """Check that a law can be annealed.

    Raises:
        ObjectiveError: naming what its class lacks.
    """
    for ability in ("tempered", "base"):
        if not hasattr(law, ability):
            raise ObjectiveError(
                f"the distribution of site {name!r} has no {ability}(), between whose laws "
                "chains are annealed. Give its class tempered(beta, base) and base(kind), a law "
                "of the same class that is drawn from at once, with log_partition()."
            )


def log_constant(name: str, law: Any) -> Any:
    """The exact log of a law's constant.

    Raises:
        ValueError: if it cannot be summed.
    """
    if not hasattr(law, "log_partition"):
        raise ValueError(
            f"the distribution of site {name!r} has no log_partition(), the log of its constant. "
            "Give its class one, a sum over its states, or use method='ais'."
        )
    return law.log_partition()


def can_hold(law: Any) -> bool:
    """Whether entries of a law's values can stay while its kernel draws the others."""
    return bool(getattr(law, "factorial", False)) or _takes_held(law)


def step_around(law: Any, held: Any, where: Callable[[Any, Any, Any], Any]) -> Step:
    """A step of a law's kernel, (value, key) to a value, in which the entries that are held stay.

    Args:
        law: one that can; see `can_hold`.
        held: which entries.
        where: the library's choice by entry.
    """
    if _takes_held(law):
        return lambda value, key: law.transition(value, key, held=held)
    return lambda value, key: where(held, value, law.transition(value, key))


def _takes_held(law: Any) -> bool:
    found = signature_of(getattr(law, "transition", None))
    return found is not None and "held" in found.parameters


def shape_of_bits(law: Any) -> tuple[int, ...] | None:
    """The event's shape where every entry of a law is 0 or 1; None where it is not so."""
    return tuple(law.event_shape) if _of_bits(law) else None


def _of_bits(law: Any) -> bool:
    support = support_of(law)
    while (base := getattr(support, "base_constraint", None)) is not None:
        support = base
    return type(support).__name__.strip("_").lower() == "boolean"


def drawn_noise(pair: Any, engine: str, draw: Callable[[], T]) -> T:
    """A run of the model of a pair that makes noise.

    Args:
        pair: the pair.
        engine: that of the pair which learns from the noise.
        draw: runs the model.

    Raises:
        ObjectiveError: if it is of the other library, or cannot be drawn from.
    """
    said = getattr(getattr(pair, "wrapped", pair), "engine", engine)
    if said != engine:
        raise ObjectiveError(
            f"noise is a pair on {said} and the pair that learns from it one on {engine}; make "
            f"the noise with engine={engine!r}, too."
        )
    try:
        return draw()
    except ZooError:
        raise
    except Exception as error:
        said = first_line(error)
        raise ObjectiveError(
            "noise must be a pair whose model draws rows when it is called as model(None), but "
            f"this one fails: {type(error).__name__}: {said}. Fit a model of the data alone, such "
            "as create('nade') of bits or create('flow') of real numbers, and pass its run.pair."
        ) from error


def check_noise(structure: Structure, data: Any, sites: Mapping[str, Any]) -> None:
    """Check that a pair's draws can be the noise beside data: of a known density on their space.

    Args:
        structure: of the pair that learns from the noise.
        data: its data, (N, ...).
        sites: of a run of the pair that makes noise.

    Raises:
        ObjectiveError: naming its latents, or what else is wrong.
    """
    check_plain(sites)
    ((law, drawn),) = ((site["fn"], site["value"]) for site in sites.values())
    if not says(law, "normalised", usual=True):
        raise ObjectiveError(
            "noise must come from a pair whose density integrates to one, but that of "
            f"{type(innermost(law)).__name__} is known up to a constant; leave noise= out, or fit "
            "a model such as create('nade') or create('flow')."
        )
    if drawn.shape[1:] != data.shape[1:]:
        raise ObjectiveError(
            f"noise must be of the data's shape {tuple(data.shape[1:])} for each row, got draws of "
            f"{tuple(drawn.shape[1:])}; make its pair for these data."
        )
    (own,) = (site for site in structure.observed if site.argument == 0)
    bits = _of_bits(law)
    if bits != (own.support == "boolean"):
        kinds = ("bits", "real numbers") if bits else ("real numbers", "bits")
        raise ObjectiveError(
            f"noise is of {kinds[0]} where {own.name!r} is of {kinds[1]}, so that no row could be "
            "either; fit a pair to these data, or leave noise= out."
        )


def check_plain(sites: Collection[str]) -> None:
    """Check that a pair that makes noise has no latent.

    Raises:
        ObjectiveError: naming its sites.
    """
    if len(sites) != 1:
        raise ObjectiveError(
            "noise must come from a pair whose only site is that of the data, so that its density "
            f"is known; this one has {', '.join(map(repr, sorted(sites))) or 'none'}."
        )


@dataclass(frozen=True)
class Given:
    """A call of a model.

    Attributes:
        args: what it takes by position.
        size: how many rows it draws, in place of its first argument; None where that is given.
        latents: sites at values.
    """

    args: tuple[Any, ...]
    size: int | None
    latents: Mapping[str, Any]


def given_by(
    structure: Structure,
    batch: tuple[Any, ...],
    values: Mapping[str, Any],
    resize: Callable[[Any, tuple[int, ...]], Any],
) -> Given:
    """The call of a model that has its sites at some values.

    What the pair is given besides x is repeated from its beginning where there are more rows.

    Args:
        structure: sites and plates.
        batch: what model and guide take.
        values: by site, N' rows each; by the empty name what the first argument is.
        resize: an array to another shape, its rows repeated.
    """
    rows = len(next(iter(values.values())))
    observed = {site.name: site.argument for site in structure.observed}
    args, first = list(batch), values.get("")
    for name, value in values.items():
        place = observed.get(name)
        if place is not None:
            args[place] = value
            first = value if place == 0 else first
    for place, arg in enumerate(args[1:], start=1):
        if place not in {observed.get(name) for name in values} and len(arg) != rows:
            args[place] = resize(arg, (rows, *arg.shape[1:]))
    latents = {n: v for n, v in values.items() if n and n not in observed}
    if first is None:
        return Given(tuple(args), rows, {n: v for n, v in values.items() if n})
    args[0] = first
    return Given(tuple(args), None, latents)
