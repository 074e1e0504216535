"""Deep belief net, Pyro (Hinton, Osindero & Teh 2006)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pyro
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from ppl_models._pair import Pair
from ppl_models._pyro_pair import PyroPair
from ppl_models.networks.arguments import check_count, check_seed, check_size
from ppl_models.networks.energies.centring import Centre
from ppl_models.networks.energies.energy_arguments import (
    check_hidden_dims,
    check_normaliser,
    rbm_start,
)
from ppl_models.networks.energies.top_machine import TopMachine
from ppl_models.networks.latent_variables.binary_layer import BinaryLayer
from ppl_models.networks.latent_variables.latent_structure import belief_net
from ppl_models.networks.start_values import output_bias
from ppl_models.undirected._fine_tuning import classifier
from ppl_models.undirected._stacking import upward_of_nets

__all__ = ["DBN"]


class DBN(PyroPair):
    """A belief net of binary units whose prior is a restricted Boltzmann machine.

    Story, for each datum n, with L hidden layers of which the topmost is summed out:

        h(L-1)_n ~ p(h) = sum_g exp(a . h + c . g + h' W g) / Z    (hidden_dims[-2],)
        hl_n     ~ Bernoulli(logits = W_l h(l+1)_n + c_l)          (hidden_dims[l - 1],)
        x_n      ~ Bernoulli(logits = W_0 h1_n + c_0)              (data_dim,)
        guide: h1_n ~ Bernoulli(logits = V_1 x_n + d_1), hl_n ~ Bernoulli(V_l h(l-1)_n + d_l)

    The machine at the top is `rbm`, its energy centred in the same way. Its constant Z is not known
    but for `normaliser="exact"`; so `UpDown` and `CD` learn the net, `log_partition` estimates Z,
    and `log_likelihood(pair, x, num_particles=K, method="ais")` is the bound of K draws with that Z
    (of the variational bound at K = 1). `stack` makes such a pair of machines that were trained one
    upon the other.

    Args:
        data_dim: columns of x, which must be in {0, 1}.
        hidden_dims: units of each hidden layer, the one next to the data first; two or more.
        centred: whether the energy of the top machine is centred.
        normaliser: `"none"`, or `"exact"`, for at most 20 units on the smaller side of the top
            machine; then ELBO() is a bound.
        burn_in: steps of the chains at the top whose ends `model(None, size=...)` decodes.
        data_mean: mean of the training data, shape (data_dim,). When given, c_0 starts at its
            logit.
        top_mean: mean of the top machine's visible units, shape (hidden_dims[-2],). When given, a
            starts at its logit, and the machine's chains begin there.
        seed: seed of the initial weights.
    """

    def __init__(
        self,
        *,
        data_dim: int = 784,
        hidden_dims: Sequence[int] = (500, 2000),
        centred: bool = True,
        normaliser: str = "none",
        burn_in: int = 1000,
        data_mean: ArrayLike | None = None,
        top_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.data_dim = check_size("data_dim", data_dim)
        self.hidden_dims = check_hidden_dims(hidden_dims)
        below, above = self.hidden_dims[-2:]
        self.exact = check_normaliser(normaliser, above, below)
        self.burn_in = check_count("burn_in", burn_in)
        centre = Centre(top_mean, subtracted=centred, name="top_mean")
        random = torch.Generator().manual_seed(check_seed(seed))
        sizes = data_dim, *self.hidden_dims[:-1]
        down, up = belief_net(sizes, signed=False, autoregressive=(False, False))
        self.decoder = nn.ModuleList(BinaryLayer(layer, random) for layer in down[:-1])
        self.encoder = nn.ModuleList(BinaryLayer(layer, random) for layer in up)
        start = rbm_start(below, above, "bernoulli", top_mean, seed, name="top_mean")
        self.top = TopMachine(start, centre)
        if data_mean is not None:
            cast(BinaryLayer, self.decoder[0]).set_bias(
                output_bias(data_mean, data_dim, "bernoulli")
            )

    @staticmethod
    def classifier(machines: Sequence[Any], **more: Any) -> Pair:
        """A network to classes that begins with the guide and the top; see `to_classifier`."""
        return classifier("pyro", upward_of_nets(machines), **more)

    def model(self, x: Tensor | None = None, *, size: int = 1) -> Tensor:
        """Score x, shape (N, data_dim), or draw `size` rows; returns the likelihood's mean."""
        self.register("decoder", "top")
        prior, likelihood = self.top(normalised=self.exact, burn_in=self.burn_in), None
        with pyro.plate("data", size if x is None else len(x)):
            h = pyro.sample(f"h{len(self.decoder)}", prior)
            for depth, layer in reversed(list(enumerate(self.decoder))):
                likelihood = layer(h)
                h = pyro.sample(f"h{depth}" if depth else "x", likelihood, obs=None if depth else x)
        assert likelihood is not None, "there is a layer below the top"
        return likelihood.mean

    def guide(self, x: Tensor) -> None:
        """Propose h1, h2 ... from the data upwards."""
        self.register("encoder")
        with pyro.plate("data", len(x)):
            h = x
            for depth, layer in enumerate(self.encoder, start=1):
                h = pyro.sample(f"h{depth}", layer(h))
