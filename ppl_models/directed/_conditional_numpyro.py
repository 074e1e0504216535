"""What pairs of p(x | y) share: the condition y as their networks see it; NumPyro."""

from __future__ import annotations

import jax

from ppl_models._batches import Conditioned
from ppl_models.networks.arguments import check_choice, check_size
from ppl_models.networks.observations.condition import Condition
from ppl_models.networks.observations.labels_numpyro import condition_input
from ppl_models.networks.observations.likelihoods_numpyro import Classes, Likelihood


class ConditionalPair(Conditioned):
    """The base of `_conditional.py` on NumPyro."""

    engine = "numpyro"

    def __init__(
        self,
        data_dim: int,
        classes: int | None,
        condition_dim: int | None,
        likelihood: str,
        noise_scale: float,
        kinds: tuple[str, ...] = ("bernoulli", "gaussian"),
    ) -> None:
        self.data_dim = check_size("data_dim", data_dim)
        self.condition = Condition(classes, condition_dim)
        check_choice("likelihood", likelihood, kinds)
        self.likelihood = (
            Classes()
            if likelihood == "categorical"
            else Likelihood(likelihood, data_dim, noise_scale)
        )

    def _condition(self, x: jax.Array | None, y: jax.Array | None, size: int | None) -> jax.Array:
        """The condition as the networks see it, shape (N, width)."""
        self.condition.rows(x, y, size)
        assert y is not None
        return condition_input(y, self.condition.classes)
