"""Which entries each unit of a masked network sees; it imports no framework."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ppl_models.networks.arguments import check_choice, check_size, check_sizes

ORDERS = ("raster", "random")
START = (
    0.1  # of Glorot's weights, between entries: those of a pixel that is rarely on stay as drawn
)
Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Connections:
    """Orders of the entries, and degrees of the hidden units, of masked networks.

    The entry of rank r is the r-th to be drawn, from 0. A unit of degree d sees the d entries of
    the lowest ranks, and is seen by units of at least its degree and by outputs of at least that
    rank (Germain et al. 2015, arXiv:1502.03509). There are `orders` orders, the first of them as
    named, the others random, and for each `masks` sets of degrees. One set is spread evenly over
    all entries; where there are several, each is drawn at random.

    Attributes:
        dim: number of entries.
        hidden: sizes of the hidden layers.
        order: `"raster"`, as the entries come, or `"random"`.
        orders: number of orders.
        masks: number of sets of degrees for each.
        seed: seed of what is random.

    Raises:
        ValueError: if an argument is out of range.
    """

    dim: int
    hidden: tuple[int, ...] = ()
    order: str = "raster"
    orders: int = 1
    masks: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        check_size("data_dim", self.dim)
        check_sizes("hidden", self.hidden)
        check_choice("order", self.order, ORDERS)
        check_size("orders", self.orders)
        check_size("masks", self.masks)
        if self.masks > 1 and not self.hidden:
            raise ValueError(
                "masks are those of hidden units, and hidden=() has none; use masks=1."
            )

    @property
    def count(self) -> int:
        """How many masked networks there are."""
        return self.orders * self.masks

    def check_one_order(self) -> None:
        """Refuse several orders, where one is asked for.

        Raises:
            ValueError: if there are several.
        """
        if self.orders > 1:
            raise ValueError(
                f"a mean over {self.orders} orders has no conditionals of its own: what comes "
                "before an entry differs between them. Look at each of `components`, or build the "
                "pair with orders=1."
            )

    def ranks(self) -> Ints:
        """The rank of each entry in each network, (count, dim)."""
        found = []
        for number in range(self.orders):
            raster = number == 0 and self.order == "raster"
            random = np.random.default_rng([self.seed, 0, number])
            found.append(np.arange(self.dim) if raster else random.permutation(self.dim))
        return np.repeat(found, self.masks, axis=0)

    def degrees(self) -> list[Ints]:
        """The degrees of each hidden layer's units in each network, (count, size)."""
        most, least = self.dim - 1, min(1, self.dim - 1)
        if self.masks == 1:
            spread = [spread_degrees(size, least, most) for size in self.hidden]
            return [np.repeat(layer[None], self.count, axis=0) for layer in spread]
        networks = []
        for number in range(self.count):
            random = np.random.default_rng([self.seed, 1, number])
            lowest, layers = least, []
            for size in self.hidden:
                layers.append(random.integers(lowest, most, size, endpoint=True))
                lowest = int(layers[-1].min())
            networks.append(layers)
        return [np.stack(layer) for layer in zip(*networks, strict=True)]


def spread_degrees(width: int, least: int, most: int) -> Ints:
    """Degrees from `least` to `most` of a layer: over and over, or spread where units are fewer.

    Degrees that were counted from `least` up would leave out all entries after the first `width`.
    """
    levels = most - least + 1
    if width < levels:
        return np.linspace(least, most, width).round().astype(np.int64)
    return least + np.arange(width) % levels


def units_by_degree(degrees: Ints, dim: int) -> Ints:
    """The units of each degree from 0 to dim - 1, (..., dim, most of one degree).

    Rows are filled up with the number of units, which is the index of none.
    """
    if degrees.ndim > 1:
        rows = [units_by_degree(each, dim) for each in degrees]
        most = max(row.shape[-1] for row in rows)
        fill = degrees.shape[-1]
        return np.stack([_widened(row, most, fill) for row in rows])
    members = [np.flatnonzero(degrees == degree) for degree in range(dim)]
    most = max(1, *map(len, members)) if members else 1
    return np.stack([_widened(row, most, len(degrees)) for row in members])


def _widened(row: Ints, width: int, fill: int) -> Ints:
    missing = width - row.shape[-1]
    return np.pad(row, [(0, 0)] * (row.ndim - 1) + [(0, missing)], constant_values=fill)
