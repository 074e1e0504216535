"""How large latents and flows are, and which entries see which; it imports no framework."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ppl_models.networks.arguments import check_choice, check_size
from ppl_models.networks.autoregression.connections import spread_degrees

FLOWS = ("none", "planar", "iaf")
LATENTS = ("gaussian", "categorical", "mixed", "log-normal", "exponential")


def latent_sizes(
    latent: str, latent_dim: int, codes: tuple[int, int], flow: str, flow_length: int
) -> tuple[int, int]:
    """How many numbers a VAE's decoder is given, and how many its encoder gives.

    Args:
        latent: one of `LATENTS`.
        latent_dim: size of z.
        codes: number of one-hot variables in c, and of their values.
        flow: one of `FLOWS`, of z in the guide.
        flow_length: number of its transforms.

    Raises:
        ValueError: if an argument is out of range, or the flow has no z to transform.
    """
    check_choice("latent", latent, LATENTS)
    if check_choice("flow", flow, FLOWS) != "none" and latent not in ("gaussian", "mixed"):
        raise ValueError(
            f"flow={flow!r} transforms the Gaussian z, which latent={latent!r} does not have; "
            "use latent='gaussian', latent='mixed' or flow='none'."
        )
    check_size("flow_length", flow_length)
    if latent in ("log-normal", "exponential"):
        return latent_dim, latent_dim * (2 if latent == "log-normal" else 1)
    z = 0 if latent == "categorical" else latent_dim
    c = 0 if latent == "gaussian" else codes[0] * codes[1]
    return z + c, 2 * z + flow_inputs(flow, flow_length, z) + c


def flow_inputs(kind: str, length: int, dim: int) -> int:
    """How many numbers the encoder has to give for the flow of a datum."""
    return {"none": 0, "planar": length * (2 * dim + 1), "iaf": dim}[kind]


@dataclass(frozen=True)
class UnitLayer:
    """A layer of binary units, given the layer next to it.

    Attributes:
        fan_in: size of the layer next to it; None for none, as at the top of a belief net.
        fan_out: number of units.
        autoregressive: whether each unit also sees those before it in the layer.
        neighbour_signed: whether the layer next to it is seen as {-1, 1}.
        units_signed: whether its own units are, by those after them.
    """

    fan_in: int | None
    fan_out: int
    autoregressive: bool
    neighbour_signed: bool
    units_signed: bool


def belief_net(
    sizes: Sequence[int], *, signed: bool, autoregressive: tuple[bool, bool]
) -> tuple[list[UnitLayer], list[UnitLayer]]:
    """The layers of a belief net and of its guide, those next to the data first.

    Args:
        sizes: of the data and of the layers above it.
        signed: whether layers above the data are seen as {-1, 1}; data are seen as they are.
        autoregressive: whether the model's layers, and the guide's, have connections within.
    """
    own, guides = autoregressive
    down = [
        UnitLayer(above, size, own, signed, signed and depth > 0)
        for depth, (size, above) in enumerate(zip(sizes, (*sizes[1:], None), strict=True))
    ]
    up = [
        UnitLayer(below, size, guides, signed and depth > 0, signed)
        for depth, (below, size) in enumerate(pairwise(sizes))
    ]
    return down, up


def order(dim: int, *, reverse: bool) -> list[int]:
    """The entries in the order in which each may see those before it."""
    return list(range(dim))[:: -1 if reverse else 1]


def masks(order: list[int], width: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Input to hidden, (width, dim), and hidden to output, (dim, width), as 0 and 1.

    A hidden unit of degree d sees the d first entries of the order, and an output those units that
    see none but entries before it (Germain et al. 2015, arXiv:1502.03509). Degrees are spread over
    all entries; degree 0 is among them, for what else goes into the hidden layer.
    """
    dim = len(order)
    rank = np.argsort(order)  # position of each entry in the order
    degree = spread_degrees(width, 0, dim - 1)
    first = rank[None, :] < degree[:, None]
    last = degree[None, :] <= rank[:, None]
    return first.astype(np.float32), last.astype(np.float32)


def layer_sizes(
    data_dim: int,
    latent_dims: Sequence[int],
    hidden: Sequence[Sequence[int]],
    *,
    mean_only: bool,
    ladder: bool,
) -> list[tuple[list[int], list[int]]]:
    """Sizes of the networks between layers of Gaussian latents, from the data upwards.

    Args:
        data_dim: columns of x.
        latent_dims: sizes of z1, z2, ...
        hidden: hidden sizes of the encoder from x to z1, from z1 to z2, ...
        mean_only: whether a decoder gives the mean of the latent below, and not its scale, too.
        ladder: whether an encoder is shown the features of the one below, its last hidden layer,
            in place of the latent.

    Returns:
        Of each encoder, which gives mean and scale, and of the decoder back.
    """
    found = []
    shown, below = data_dim, data_dim
    for level, (size, sizes) in enumerate(zip(latent_dims, hidden, strict=True)):
        outputs = below if mean_only or level == 0 else 2 * below
        found.append(([shown, *sizes, 2 * size], [size, *reversed(sizes), outputs]))
        shown, below = (shown, *sizes)[-1] if ladder else size, size
    return found
