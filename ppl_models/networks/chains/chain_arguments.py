"""What a chain of corruption and reconstruction needs to know, checked, on both engines."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ppl_models._shown import shown
from ppl_models.networks.arguments import as_numbers, check_choice, check_count, check_positive
from ppl_models.networks.start_values import output_bias


@dataclass(frozen=True)
class Chain:
    """A chain of corruption and reconstruction.

    Attributes:
        binary: whether x is in {0, 1}, or else real.
        amount: of corruption: the chance that an entry becomes a fair coin, or the standard
            deviation of the noise.
        burn_in: steps of the chains whose ends are draws.
        middle: where chains begin: chances, or means, (D,).
    """

    binary: bool
    amount: float
    burn_in: int
    middle: NDArray[np.float32]

    @classmethod
    def checked(
        cls,
        likelihood: str,
        corruption: float,
        burn_in: int,
        data_mean: ArrayLike | None,
        data_dim: int,
    ) -> Chain:
        """The same from a pair's arguments.

        Raises:
            ValueError: if an argument is out of range.
        """
        binary = check_choice("likelihood", likelihood, ("bernoulli", "gaussian")) == "bernoulli"
        amount = check_positive("corruption", corruption)
        if binary and amount > 1:
            raise ValueError(
                "corruption must be at most 1 for likelihood='bernoulli', the chance that an entry "
                f"becomes a fair coin; got {shown(corruption)}."
            )
        middle = np.full(data_dim, 0.5 if binary else 0.0, np.float32)
        if data_mean is not None:
            output_bias(data_mean, data_dim, likelihood)  # checks it
            middle = as_numbers("data_mean", data_mean, np.float32)
        return cls(binary, amount, check_count("burn_in", burn_in), middle)
