"""What a guide that is refined for each datum needs to know; it imports no framework."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import hadamard

from ppl_models._shown import shown
from ppl_models.networks.arguments import check_count, check_positive


def sign_points(dim: int) -> NDArray[np.float32]:
    """Rows of signs with mean 0 and covariance I exactly, (S, dim); S is a power of 2 above dim.

    For any quadratic f, the mean of f(m + s point) over the rows is that of f under Normal(m, s^2).
    """
    count = 1 << dim.bit_length()
    return hadamard(count)[:, 1 : dim + 1].astype(np.float32)


def check_refine(refine: int, rate: float, *, latent: str, flow: str, decoder: Any) -> int:
    """Return the number of steps, if there is a Gaussian alone to refine.

    Raises:
        ValueError: if an argument is out of range, or the latent, its flow or a network of the
            user's own does not go with it.
    """
    if check_positive("refine_rate", rate) > 1:
        raise ValueError(f"refine_rate must be at most 1, a whole step; got {shown(rate)}.")
    if not check_count("refine", refine):
        return refine
    for name, found, wanted in (("latent", latent, "gaussian"), ("flow", flow, "none")):
        if found != wanted:
            raise ValueError(
                f"refine={refine} moves mean and scale of a Gaussian: it needs {name}={wanted!r}, "
                f"got {shown(found)}; use refine=0 with it."
            )
    if decoder is not None:
        raise ValueError(
            f"refine={refine} runs the decoder within the guide, at points of its own, which would "
            "move the averages of a network of yours; leave decoder out, or use refine=0."
        )
    return refine
