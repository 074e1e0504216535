"""What a normalising flow is made of, as numbers and words; it imports no framework."""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ppl_models._shown import shown
from ppl_models.networks.arguments import (
    check_choice,
    check_flag,
    check_network,
    check_positive,
    check_seed,
    check_size,
)

KINDS = ("nice", "realnvp", "maf", "iaf", "spline", "spline-autoregressive")
PERMUTATIONS = ("reverse", "random", "none")
BASES = ("normal", "mixture")
PREPROCESS = ("none", "logit")
DEQUANTISATIONS = ("none", "uniform", "variational")
LIMIT = 5.0  # of what a network adds to a log scale
UNIFORM_SCALE = 1.7  # a Gaussian so wide has a nearly uniform sigmoid
SMALLEST = 1e-3  # width and height of a bin, as a share of all, and slope of a spline


@dataclass(frozen=True)
class Plan:
    """The steps of a flow from data x to noise u, and what their networks are.

    Attributes:
        kind: one of `KINDS`.
        dim: columns of x.
        length: number of coupling or autoregressive steps.
        hidden: hidden sizes of each step's network.
        activation: its activation.
        batch_norm: whether each step is followed by batch normalisation.
        permutations: one of `PERMUTATIONS`, what is between two steps.
        rescale: whether the columns of x are shifted and scaled first, each by a learnt number.
        bins: of a spline.
        bound: a spline is the identity outside of [-bound, bound].
        context: columns of what every network is given beside x; 0 for none.
        seed: seed of random permutations.
    """

    kind: str
    dim: int
    length: int
    hidden: tuple[int, ...]
    activation: str
    batch_norm: bool
    permutations: str
    rescale: bool
    bins: int
    bound: float
    context: int
    seed: int

    @property
    def autoregressive(self) -> bool:
        """Whether a column's map is given by all columns before it, or by half of them."""
        return self.kind in ("maf", "iaf", "spline-autoregressive")

    @property
    def from_noise(self) -> bool:
        """Whether a step's networks see u, so that draws take one pass, rather than x."""
        return self.kind == "iaf"

    @property
    def numbers(self) -> int:
        """How many numbers give the map of a column."""
        if self.kind == "nice":
            return 1
        return 3 * self.bins - 1 if self.kind.startswith("spline") else 2

    def permutation(self, number: int) -> tuple[int, ...] | None:
        """The order of columns after a step; None where it stays as it is."""
        if number == self.length - 1 or self.permutations == "none":
            return None
        if self.permutations == "reverse":
            return tuple(range(self.dim))[::-1]
        return tuple(np.random.default_rng((self.seed, number)).permutation(self.dim).tolist())


def check_plan(
    *,
    kind: str,
    data_dim: int,
    length: int,
    hidden: Iterable[int],
    activation: str,
    batch_norm: bool,
    permutations: str,
    rescale: bool,
    bins: int,
    bound: float,
    context: int,
    seed: int,
) -> Plan:
    """The plan, if it is one.

    Raises:
        ValueError: if an argument is out of range; the message names it.
    """
    check_choice("kind", kind, KINDS)
    check_choice("permutations", permutations, PERMUTATIONS)
    if check_size("bins", bins) * SMALLEST >= 1:
        raise ValueError(f"bins must be below {round(1 / SMALLEST)}, got {bins}.")
    plan = Plan(
        kind=kind,
        dim=check_size("data_dim", data_dim),
        length=check_size("length", length),
        hidden=check_network(hidden, activation),
        activation=activation,
        batch_norm=check_flag("batch_norm", batch_norm),
        permutations=permutations,
        rescale=check_flag("rescale", rescale),
        bins=bins,
        bound=check_positive("bound", bound),
        context=context,
        seed=check_seed(seed),
    )
    if not plan.autoregressive and data_dim < 2:
        raise ValueError(
            f"kind={kind!r} couples one half of the columns to the other and needs data_dim of at "
            "least 2, got 1; use kind='maf'."
        )
    return plan


def noise_plan(plan: Plan, length: int, width: int) -> Plan:
    """The steps of a guide's flow of the noise within grey levels, given those.

    Args:
        plan: that of the model's flow.
        length: number of steps.
        width: columns of what it is given beside the levels.
    """
    return dataclasses.replace(
        plan,
        kind="maf" if plan.dim == 1 else "realnvp",
        length=length,
        batch_norm=False,
        permutations="reverse",
        rescale=True,
        context=plan.dim + width,
    )


@functools.cache
def masks(
    dim: int, hidden: tuple[int, ...], numbers: int, *, context: bool
) -> tuple[NDArray[np.float32], ...]:
    """Which weights of an autoregressive network are there: (outputs, inputs) of each layer.

    A hidden unit of degree d sees the d first columns, and the numbers of column i those units
    that see none but columns before it (Germain et al. 2015, arXiv:1502.03509). Degrees are spread
    evenly over the columns; with a context there are units that see it alone.

    Args:
        dim: columns.
        hidden: hidden sizes.
        numbers: outputs of each column: number k of column i is output k dim + i.
        context: whether there is one.
    """
    least = 0 if context or dim == 1 else 1
    degrees = [np.arange(1, dim + 1)]
    degrees += [least + np.arange(width) * (dim - least) // width for width in hidden]
    inner = [above[:, None] >= below[None, :] for below, above in itertools.pairwise(degrees)]
    last = np.tile(np.arange(1, dim + 1), numbers)[:, None] > degrees[-1][None, :]
    return tuple(mask.astype(np.float32) for mask in (*inner, last))


def check_margin(margin: float) -> float:
    """How far draws reach beyond [0, 1] where logit(margin + (1 - 2 margin) x) comes first.

    Raises:
        ValueError: if the margin is out of range.
    """
    if check_positive("margin", margin) >= 0.5:
        raise ValueError(f"margin must be below 0.5, such as 0.05, got {shown(margin)}.")
    return margin / (1 - 2 * margin)
