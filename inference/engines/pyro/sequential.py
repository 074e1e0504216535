"""A site that is drawn entry by entry, on Pyro."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from inference.program.distributions import entries, ranks_of


class SequentialSite:
    """See `inference.program.sequential.SequentialSite`.

    Args:
        law: the site's, without what is around it.
    """

    def __init__(self, law: Any) -> None:
        self.law = law

    @property
    def ranks(self) -> Tensor:
        """The rank of each entry, of the event's shape."""
        return torch.as_tensor(ranks_of(self.law))

    def log_prob(self, inputs: Tensor, values: Tensor) -> Tensor:
        """sum_i log p(value i | the inputs before i), per datum, (N,)."""
        return self.law.conditionals(inputs).log_prob(values)

    def log_probs_given(self, inputs: Tensor, held: Tensor, values: Tensor) -> Tensor:
        """log p(value i | the inputs that are held), by entry, (N, *event)."""
        return entries(self.law.conditionals_given(inputs, held)).log_prob(values)

    def draw_given(self, inputs: Tensor) -> Tensor:
        """A draw of every entry given the inputs before it, (N, *event)."""
        with torch.no_grad():
            return self.law.conditionals(inputs).sample().to(inputs.dtype)

    def complete(self, values: Tensor, held: Tensor) -> Tensor:
        """Rows drawn entry by entry, of which some are held at values."""
        with torch.no_grad():
            return self.law.complete(values, held)[0]

    def features(self, inputs: Tensor) -> Tensor:
        """The hidden states from which the entries are drawn."""
        return self.law.features(inputs)
