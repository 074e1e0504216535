"""Semi-supervised variational auto-encoder, NumPyro (Kingma et al. 2014, arXiv:1406.5298, M2)."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from flax import nnx
from numpy.typing import ArrayLike
from numpyro.contrib.module import nnx_module

from ppl_models._batches import PartlyLabelled
from ppl_models.networks.arguments import (
    check_choice,
    check_network,
    check_not_negative,
    check_positive,
    check_seed,
    check_size,
)
from ppl_models.networks.latent_variables.latents_numpyro import normal
from ppl_models.networks.mlp_numpyro import MLP, TwoInputMLP
from ppl_models.networks.observations.labels_numpyro import check_given, label_logits, one_hot
from ppl_models.networks.observations.training_term_numpyro import training_term
from ppl_models.networks.start_values import start_at_mean

__all__ = ["SemiSupervisedVAE"]


class SemiSupervisedVAE(PartlyLabelled):
    """The pair of `semi_supervised_vae.py` on NumPyro."""

    engine = "numpyro"

    def __init__(
        self,
        *,
        data_dim: int = 784,
        classes: int = 10,
        latent_dim: int = 50,
        hidden: Sequence[int] = (500,),
        activation: str = "softplus",
        likelihood: str = "bernoulli",
        noise_scale: float = 1.0,
        alpha: float = 1.0,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        self.data_dim = check_size("data_dim", data_dim)
        self.classes = check_size("classes", classes)
        self.latent_dim = check_size("latent_dim", latent_dim)
        hidden = check_network(hidden, activation)
        self.likelihood = check_choice("likelihood", likelihood, ("bernoulli", "gaussian"))
        self.alpha = check_not_negative("alpha", alpha)
        scale = check_positive("noise_scale", noise_scale)
        random = nnx.Rngs(check_seed(seed))
        gaussian, decoded = [*hidden, 2 * latent_dim], [*reversed(hidden), data_dim]
        self.classifier = MLP([data_dim, *hidden, classes], activation, random)
        self.encoder = TwoInputMLP((data_dim, classes), gaussian, activation, random)
        self.decoder = TwoInputMLP((latent_dim, classes), decoded, activation, random)
        self.log_scale = jnp.full(data_dim, jnp.log(scale))
        start_at_mean(self.decoder, data_mean, data_dim, likelihood)

    def _likelihood(self, output: jax.Array) -> dist.Distribution:
        if self.likelihood == "bernoulli":
            return dist.Bernoulli(logits=output).to_event(1)
        log_scale = jnp.asarray(numpyro.param("log_scale", self.log_scale))
        return dist.Normal(output, jnp.exp(log_scale)).to_event(1)

    def model(
        self, x: jax.Array | None = None, y: jax.Array | None = None, *, size: int = 1
    ) -> jax.Array:
        """Score x, shape (N, data_dim), or draw rows: of the classes y, or `size` of any class."""
        check_given(y, self.classes, None if x is None else len(x))
        decoder = nnx_module("decoder", self.decoder)
        size = size if y is None else len(y)
        with numpyro.plate("data", size if x is None else len(x)):
            logits = jnp.zeros(self.classes)
            if x is None and y is not None:
                logits = label_logits(y, logits)
            label = jnp.asarray(numpyro.sample("y", dist.CategoricalLogits(logits)))
            prior = jnp.zeros(self.latent_dim)
            z = numpyro.sample("z", dist.Normal(prior, 1.0).to_event(1))
            output = decoder(z, one_hot(label, logits))
            numpyro.sample("x", self._likelihood(output), obs=x)
            if x is not None and y is not None:
                right = one_hot(y, logits) * self.class_logits(x)  # zero for a missing label
                training_term("classification", self.alpha * right.sum(-1))
        return nnx.sigmoid(output) if self.likelihood == "bernoulli" else output

    def guide(self, x: jax.Array, y: jax.Array | None = None) -> None:
        """Propose the class where y does not say it, and z, shape (N, latent_dim)."""
        check_given(y, self.classes, len(x))
        encoder = nnx_module("encoder", self.encoder)
        logits = self.class_logits(x)
        with numpyro.plate("data", len(x)):
            given = logits if y is None else label_logits(y, logits)
            label = jnp.asarray(numpyro.sample("y", dist.CategoricalLogits(given)))
            numpyro.sample("z", normal(encoder(x, one_hot(label, logits))))

    def class_logits(self, x: jax.Array) -> jax.Array:
        """log q(y | x) for every class, shape (N, classes)."""
        return nnx.log_softmax(nnx_module("classifier", self.classifier)(x))
