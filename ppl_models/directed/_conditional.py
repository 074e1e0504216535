"""What pairs of p(x | y) share: the condition y as their networks see it; Pyro."""

from __future__ import annotations

from torch import Tensor

from ppl_models._batches import Conditioned
from ppl_models._pyro_pair import PyroPair
from ppl_models.networks.arguments import check_choice, check_size
from ppl_models.networks.observations.condition import Condition
from ppl_models.networks.observations.labels import condition_input
from ppl_models.networks.observations.likelihoods import Classes, Likelihood


class ConditionalPair(Conditioned, PyroPair):
    """A pair that takes y beside x: one class for each row, or one vector.

    Args:
        data_dim: columns of x.
        classes: number of classes, where y is one whole number for each row.
        condition_dim: columns of y, where y is a vector. One of the two is given.
        likelihood: `"bernoulli"` or `"gaussian"`.
        noise_scale: standard deviation of the Gaussian likelihood.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        data_dim: int,
        classes: int | None,
        condition_dim: int | None,
        likelihood: str,
        noise_scale: float,
        kinds: tuple[str, ...] = ("bernoulli", "gaussian"),
    ) -> None:
        super().__init__()
        self.data_dim = check_size("data_dim", data_dim)
        self.condition = Condition(classes, condition_dim)
        check_choice("likelihood", likelihood, kinds)
        self.likelihood = (
            Classes()
            if likelihood == "categorical"
            else Likelihood(likelihood, data_dim, noise_scale)
        )

    def _condition(self, x: Tensor | None, y: Tensor | None, size: int | None) -> Tensor:
        """The condition as the networks see it, shape (N, width)."""
        self.condition.rows(x, y, size)
        assert y is not None
        return condition_input(y, self.condition.classes, next(self.parameters()))
