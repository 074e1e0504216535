"""What the generators share: noise, an observation of the generated point, a guide; Pyro."""

from __future__ import annotations

import pyro
from torch import Tensor, nn

from ppl_models._batches import Conditioned
from ppl_models._pyro_pair import PyroPair
from ppl_models.networks.arguments import PRIORS, check_choice, check_output, check_size
from ppl_models.networks.latent_variables.latents import noise, noise_proposal, side_by_side
from ppl_models.networks.observations.condition import OptionalClasses
from ppl_models.networks.observations.labels import condition_input
from ppl_models.networks.observations.likelihoods import Likelihood


class Generator(Conditioned, PyroPair):
    """Noise z through `decoder` to a point of data space; `encoder` proposes the noise behind x.

    A pair of this base makes the two networks: the encoder from x, the class beside it as one-hot,
    to 2 latent_dim numbers, and the decoder from z and the class to data_dim numbers.

    Args:
        data_dim: columns of x.
        latent_dim: size of z.
        prior: `"normal"` or `"uniform"`.
        likelihood: `"bernoulli"` or `"gaussian"`.
        noise_scale: standard deviation of the Gaussian likelihood.
        output: how the decoder's output becomes the mean, None for what goes with the likelihood.
        classes: number of classes; 0 for a pair that takes x alone.

    Raises:
        ValueError: if an argument is out of range.
    """

    encoder: nn.Module
    decoder: nn.Module

    def __init__(
        self,
        *,
        data_dim: int,
        latent_dim: int,
        prior: str,
        likelihood: str,
        noise_scale: float,
        output: str | None,
        classes: int,
    ) -> None:
        super().__init__()
        self.data_dim = check_size("data_dim", data_dim)
        self.latent_dim = check_size("latent_dim", latent_dim)
        self.prior = check_choice("prior", prior, PRIORS)
        check_choice("likelihood", likelihood, ("bernoulli", "gaussian"))
        self.output = check_output(output, likelihood)
        self.likelihood = Likelihood(likelihood, data_dim, noise_scale)
        self.condition = OptionalClasses(classes)

    def model(
        self, x: Tensor | None = None, y: Tensor | None = None, *, size: int | None = None
    ) -> Tensor:
        """Score x, shape (N, data_dim), or draw `size` rows, or one for each y; the mean g.

        Where there are classes, y has shape (N,), and `size` need not be given.
        """
        rows, given = self.condition.rows(x, y, size), self._given(y)
        self.register("decoder")
        like = next(self.parameters()).new_zeros(self.latent_dim)
        with pyro.plate("data", rows):
            z = pyro.sample("z", noise(self.prior, like))
            output = self.decoder(side_by_side([z, *given]))
            if self.output == "sigmoid" and self.likelihood.kind == "gaussian":
                output = output.sigmoid()
            fn = self.likelihood(output)
            pyro.sample("x", fn, obs=x)
        return fn.mean

    def guide(self, x: Tensor, y: Tensor | None = None) -> None:
        """Propose z, shape (N, latent_dim)."""
        rows, given = self.condition.rows(x, y, None), self._given(y)
        self.register("encoder")
        with pyro.plate("data", rows):
            pyro.sample("z", noise_proposal(self.prior, self.encoder(side_by_side([x, *given]))))

    def _given(self, y: Tensor | None) -> list[Tensor]:
        """What stands beside an input: the class as one-hot, or nothing."""
        if y is None:
            return []
        return [condition_input(y, self.condition.classes, next(self.parameters()))]
