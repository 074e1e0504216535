"""What models of binary entries, one after another, share: the one site, and no latents; Pyro."""

from __future__ import annotations

from typing import Any

import pyro
from numpy.typing import ArrayLike
from torch import Tensor

from ppl_models._pyro_pair import PyroPair
from ppl_models.networks.autoregression.autoregressive import Autoregressive
from ppl_models.networks.start_values import output_bias


class EntriesPair(PyroPair):
    """A pair with one site, x, whose law is sequential, and an empty guide.

    Attributes:
        network: gives the logits.
    """

    network: Any

    def law(self, rows: int) -> Autoregressive:
        """The law of x, for so many rows."""
        raise NotImplementedError

    def _start_at(self, data_mean: ArrayLike | None) -> None:
        if data_mean is not None:
            bias = output_bias(data_mean, self.data_dim, "bernoulli")
            self.network.set_output_bias(bias)

    def model(self, x: Tensor | None = None, *, size: int = 1) -> Tensor:
        """Score x, shape (N, data_dim), or draw `size` rows; each entry's mean given those before.

        That mean depends on the draw, and is no datum.
        """
        self.register("network")
        rows = size if x is None else len(x)
        with pyro.plate("data", rows):
            law = self.law(rows)
            value = pyro.sample("x", law, obs=x)
        return law.mean_given(value)

    def guide(self, x: Tensor) -> None:
        """Nothing: there are no latents, so that the ELBO is log p(x)."""
