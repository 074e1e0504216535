"""VQ-VAE: latents from a learnt codebook, Pyro (van den Oord et al. 2017, arXiv:1711.00937)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from numpy.typing import ArrayLike
from torch import Tensor, nn

from ppl_models._pyro_pair import PyroPair
from ppl_models.networks.arguments import check_network, check_not_negative, check_seed, check_size
from ppl_models.networks.latent_variables.codebook import Codes, nearest, straight_through
from ppl_models.networks.mlp import MLP
from ppl_models.networks.observations.likelihoods import Likelihood
from ppl_models.networks.observations.training_term import training_term
from ppl_models.networks.start_values import start_at_mean

__all__ = ["VQVAE"]


class VQVAE(PyroPair):
    """Vectors of a codebook decoded by a network; the guide takes those nearest to its own.

    Story, for each datum n, with K codes e_1 .. e_K of `code_dim` numbers and P positions:

        z_np is one of e_1 .. e_K, each with probability 1 / K       (positions, code_dim)
        x_n ~ Bernoulli(logits = decoder(z_n))                       (data_dim,)
           or another likelihood of `ppl_models.networks.observations.likelihoods`
        guide: z_np = e_k with the least |place_np - e_k|, place_n = encoder(x_n), with certainty

    so that the ELBO is log p(x, z) at that z, at most log p(x), and its divergence is P log K
    whatever is learnt. As the choice has no gradient, three estimates stand in its place:

    - The encoder gets the slope of log p(x | z) at the code as if it were that of its own place
      (straight through). The bound's own gradient is zero, but where a code changes: the estimate
      is biased. It is a first-order guess at what another code would give, d . slope for a code
      that lies d away, which for a linear decoder and Gaussian x leaves out the curvature.
    - The codes get none of log p(x | z), but that of a term `codebook_term` of the model,
      -|stopped place - e|^2, which moves them to the mean of the places they serve.
    - The encoder gets that of -commitment |place - stopped e|^2 as well.

    Both terms are part of what is trained and of no likelihood (`training_only`). The prior stays
    uniform, as in the paper while these networks are trained.

    Args:
        data_dim: columns of x.
        positions: P.
        codes: K.
        code_dim: numbers of a code.
        commitment: weight of the third.
        hidden: hidden sizes of the encoder; the decoder has them in reverse.
        activation: one of `"tanh", "relu", "softplus", "elu", "silu", "leaky-relu", "sigmoid"`.
        likelihood: as of `vae`.
        noise_scale: as of `vae`.
        levels: as of `vae`.
        data_mean: mean of the training data, shape (data_dim,), at which the decoder begins.
        seed: seed of the initial weights.
    """

    def __init__(
        self,
        *,
        data_dim: int = 784,
        positions: int = 16,
        codes: int = 32,
        code_dim: int = 4,
        commitment: float = 0.25,
        hidden: Sequence[int] = (200, 200),
        activation: str = "relu",
        likelihood: str = "bernoulli",
        noise_scale: float = 0.1,
        levels: int = 256,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.data_dim = check_size("data_dim", data_dim)
        self.positions, self.codes = check_size("positions", positions), check_size("codes", codes)
        self.code_dim = check_size("code_dim", code_dim)
        self.commitment = check_not_negative("commitment", commitment)
        hidden = check_network(hidden, activation)
        random = torch.Generator().manual_seed(check_seed(seed))
        self.likelihood = Likelihood(likelihood, data_dim, noise_scale, levels)
        inside = positions * code_dim
        self.encoder = MLP([data_dim, *hidden, inside], activation, random)
        up = [inside, *reversed(hidden), self.likelihood.outputs]
        self.decoder = MLP(up, activation, random)
        start_at_mean(self.decoder, data_mean, data_dim, likelihood)
        start = np.random.default_rng(seed).normal(size=(codes, code_dim))
        self.codebook = nn.Parameter(torch.as_tensor(start, dtype=torch.float32))

    def _chosen(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """What the encoder gives, and the codes nearest to it; (N, positions, code_dim) each."""
        place = self.encoder(x).unflatten(-1, (self.positions, self.code_dim))
        return place, self.codebook[nearest(self.codebook, place)]

    def model(self, x: Tensor | None = None, *, size: int = 1) -> Tensor:
        """Score x, shape (N, data_dim), or draw `size` rows; returns the likelihood's mean."""
        self.register()
        with pyro.plate("data", size if x is None else len(x)):
            z = pyro.sample("z", Codes(self.codebook, self.positions))
            fn = self.likelihood(self.decoder(z.flatten(-2)))
            pyro.sample("x", fn, obs=x)
            if x is not None:
                place, code = self._chosen(x)
                moved = (place.detach() - code) ** 2
                kept = self.commitment * (place - code.detach()) ** 2
                training_term("codebook_term", -(moved + kept).sum((-2, -1)))
        return fn.mean

    def guide(self, x: Tensor) -> None:
        """Propose z, shape (N, positions, code_dim): the nearest codes."""
        self.register()
        place, code = self._chosen(x)
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Delta(straight_through(code, place), event_dim=2))
