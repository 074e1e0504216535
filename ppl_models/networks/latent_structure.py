"""How large latents and flows are, and which entries see which; it imports no framework."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ppl_models.networks.arguments import check_choice, check_size

FLOWS = ("none", "planar", "iaf")


def latent_sizes(
    latent: str, latent_dim: int, codes: tuple[int, int], flow: str, flow_length: int
) -> tuple[int, int]:
    """How many numbers a VAE's decoder is given, and how many its encoder gives.

    Args:
        latent: `"gaussian"` (z), `"categorical"` (c) or `"mixed"` (both).
        latent_dim: size of z.
        codes: number of one-hot variables in c, and of their values.
        flow: one of `FLOWS`, of z in the guide.
        flow_length: number of its transforms.

    Raises:
        ValueError: if an argument is out of range, or the flow has no z to transform.
    """
    check_choice("latent", latent, ("gaussian", "categorical", "mixed"))
    if check_choice("flow", flow, FLOWS) != "none" and latent == "categorical":
        raise ValueError(
            f"flow={flow!r} transforms the Gaussian z, which latent='categorical' does not have; "
            "use latent='mixed' or flow='none'."
        )
    check_size("flow_length", flow_length)
    z = 0 if latent == "categorical" else latent_dim
    c = 0 if latent == "gaussian" else codes[0] * codes[1]
    return z + c, 2 * z + flow_inputs(flow, flow_length, z) + c


def flow_inputs(kind: str, length: int, dim: int) -> int:
    """How many numbers the encoder has to give for the flow of a datum."""
    return {"none": 0, "planar": length * (2 * dim + 1), "iaf": dim}[kind]


def order(dim: int, *, reverse: bool) -> list[int]:
    """The entries in the order in which each may see those before it."""
    return list(range(dim))[:: -1 if reverse else 1]


def masks(order: list[int], width: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Input to hidden, (width, dim), and hidden to output, (dim, width), as 0 and 1.

    A hidden unit of degree d sees the d first entries of the order, and an output those units that
    see none but entries before it (Germain et al. 2015, arXiv:1502.03509). Degree 0 is among them,
    for what else goes into the hidden layer.
    """
    dim = len(order)
    rank = np.argsort(order)  # position of each entry in the order
    degree = np.arange(width) % dim  # 0 to dim - 1
    first = rank[None, :] < degree[:, None]
    last = degree[None, :] <= rank[:, None]
    return first.astype(np.float32), last.astype(np.float32)
