"""Energy network over real vectors, Pyro (Teh et al. 2003; LeCun et al. 2006)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pyro
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from ppl_models._pyro_pair import PyroPair
from ppl_models.networks.arguments import (
    check_count,
    check_network,
    check_positive,
    check_seed,
    check_size,
)
from ppl_models.networks.energies.langevin import LangevinEnergy
from ppl_models.networks.mlp import mlp_or_given
from ppl_models.networks.start_values import output_bias

__all__ = ["EnergyNetwork"]


class EnergyNetwork(PyroPair):
    """Real x whose energy is whatever a network says.

    With m = data_mean and s = base_scale, for each datum n:

        log f(x) = -E(x) - |x - m|^2 / (2 s^2),      x_n ~ f(x) / Z       (data_dim,)
        guide: nothing, as there is no latent

    The Gaussian makes Z finite whatever the network is, as long as -E grows more slowly, and is
    where chains and annealing begin. With `hidden=()` the energy is linear, and x is Gaussian with
    mean m - s^2 w.

    The site's distribution says `normalised = False`. Its `transition` is a Langevin step with a
    Metropolis decision, so that it leaves f invariant at any `step_size`; a good one moves about
    half of the time. It is learnt by `ScoreMatching`, `NCE`, or `CD`, best with persistent chains,
    and scored by `log_partition` and `log_likelihood(method="ais")`. CD's reported
    pseudo-likelihood is a quadrature of 129 points along an entry, as many passes of the network
    as that.

    Args:
        data_dim: columns of x, which should be standardised.
        hidden: hidden sizes of the network.
        activation: its activation; smooth ones have smooth slopes, which the chains follow.
        energy: a network of one's own from (..., data_dim) to (..., 1), in place of that.
        base_scale: s, in the units of x.
        step_size: of the Langevin steps, in the units of x.
        burn_in: steps of the chains whose ends `model(None, size=...)` draws.
        data_mean: mean of the training data, shape (data_dim,); zero when not given.
        seed: seed of the initial weights.
    """

    centre: Tensor

    def __init__(
        self,
        *,
        data_dim: int = 2,
        hidden: Sequence[int] = (100, 100),
        activation: str = "silu",
        energy: nn.Module | None = None,
        base_scale: float = 2.0,
        step_size: float = 0.2,
        burn_in: int = 100,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.data_dim = check_size("data_dim", data_dim)
        sizes = [data_dim, *check_network(hidden, activation), 1]
        random = torch.Generator().manual_seed(check_seed(seed))
        self.energy: Any = mlp_or_given("energy", energy, sizes, activation, random)
        if energy is None:  # of its own last layer the bias would be a part of the constant
            self.energy.layers[-1].register_parameter("bias", None)
        self.base_scale = check_positive("base_scale", base_scale)
        self.step_size = check_positive("step_size", step_size)
        self.burn_in = check_count("burn_in", burn_in)
        self.middle = output_bias(data_mean, data_dim, "gaussian")

    def law(self) -> LangevinEnergy:
        """The distribution of a row."""
        first = next(self.energy.parameters(), None)
        mean = torch.as_tensor(self.middle)
        return LangevinEnergy(
            self.energy,
            mean if first is None else mean.to(first),
            self.base_scale,
            step_size=self.step_size,
            burn_in=self.burn_in,
        )

    def model(self, x: Tensor | None = None, *, size: int = 1) -> Tensor:
        """Score x, shape (N, data_dim), or draw `size` rows by chains; returns x.

        Its mean is known from chains alone.
        """
        self.register()
        with pyro.plate("data", size if x is None else len(x)):
            return pyro.sample("x", self.law(), obs=x)

    def guide(self, x: Tensor) -> None:
        """Propose nothing: there is no latent."""
