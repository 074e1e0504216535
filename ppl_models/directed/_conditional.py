"""What pairs of p(x | y) share: the condition y as their networks see it; Pyro."""

from __future__ import annotations

from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from ppl_models._pyro_pair import PyroPair
from ppl_models.networks.arguments import check_choice, check_size
from ppl_models.networks.condition import Condition
from ppl_models.networks.likelihoods import Classes, Likelihood


class ConditionalPair(PyroPair):
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

    def check_batch(self, *arrays: Any) -> None:
        """Refuse a missing condition, and one that is not the pair's."""
        x, *given = arrays
        self.condition.check(given[0] if given else None, len(x))

    def example(self) -> tuple[NDArray[Any], ...]:
        """A row of data and a condition."""
        return (*super().example(), self.condition.example())

    def _condition(self, x: Tensor | None, y: Tensor | None, size: int | None) -> Tensor:
        """The condition as the networks see it, shape (N, width)."""
        rows = size if x is None else len(x)
        self.condition.check(None if y is None else y.detach().cpu().numpy(), rows)
        y = torch.as_tensor(y)
        if self.condition.classes is None:
            return y.float()
        return torch.nn.functional.one_hot(y.long(), self.condition.classes).float()
