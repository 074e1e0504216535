"""Generator of fully connected layers, NumPyro (Goodfellow et al. 2014; Li et al. 2015)."""

from __future__ import annotations

from collections.abc import Sequence

from flax import nnx
from numpy.typing import ArrayLike

from ppl_models.implicit._generator_numpyro import Generator
from ppl_models.networks.arguments import check_network, check_normalise, check_seed
from ppl_models.networks.mlp_numpyro import MLP
from ppl_models.networks.normalisation_numpyro import BatchNormMLP
from ppl_models.networks.start_values import start_at_mean

__all__ = ["MLPGenerator"]


class MLPGenerator(Generator):
    """The pair of `mlp_generator.py` on NumPyro."""

    def __init__(
        self,
        *,
        data_dim: int = 784,
        latent_dim: int = 50,
        hidden: Sequence[int] = (200, 200),
        activation: str = "relu",
        prior: str = "normal",
        normalise: str = "none",
        likelihood: str = "bernoulli",
        noise_scale: float = 0.1,
        output: str | None = None,
        classes: int = 0,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(
            data_dim=data_dim,
            latent_dim=latent_dim,
            prior=prior,
            likelihood=likelihood,
            noise_scale=noise_scale,
            output=output,
            classes=classes,
        )
        hidden = check_network(hidden, activation)
        check_normalise(normalise, hidden)
        random = nnx.Rngs(check_seed(seed))
        widths = [data_dim + classes, *reversed(hidden), 2 * latent_dim]
        self.encoder = MLP(widths, activation, random)
        network = BatchNormMLP if normalise == "batch" else MLP
        widths = [latent_dim + classes, *hidden, data_dim]
        self.decoder = network(widths, activation, random)
        kind = "bernoulli" if self.output == "sigmoid" else "gaussian"
        start_at_mean(self.decoder, data_mean, data_dim, kind)
