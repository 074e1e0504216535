"""A site that is drawn entry by entry, on Pyro."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from inference.program.completion import check_entry_by_entry
from inference.program.distributions import entries, ranks_of


def completed(
    law: Any, values: Tensor, held: Tensor, temperature: float = 1.0
) -> tuple[Tensor, Tensor]:
    """Draw what is not held, by the law's own `complete`, or by its conditionals rank by rank.

    Args:
        law: a sequential law.
        values: what the held entries are, (..., *event).
        held: which these are, of the same shape.
        temperature: of each conditional.

    Returns:
        The rows, and sum of log p(held entry | entries before it), (...).

    Raises:
        ObjectiveError: if the law's conditionals do not tell what is asked for.
    """
    if hasattr(law, "complete"):
        return law.complete(values, held, temperature)
    check_entry_by_entry(law, temperature)
    ranks = torch.as_tensor(ranks_of(law), device=values.device)
    given: Any = law.conditionals(torch.where(held, values, 0))
    inner = len(entries(given).event_shape)
    ranks = ranks[(..., *(0,) * inner)]
    kept = held[(..., *(0,) * inner)]
    rows = torch.where(held, values, 0)
    log_weight: Any = 0.0
    for rank in ranks.unique():
        given = law.conditionals(rows)
        here = (ranks == rank).expand(kept.shape)
        drawn = given.sample().to(values.dtype)
        rows = torch.where(here.reshape(here.shape + (1,) * inner) & ~held, drawn, rows)
        scores = entries(given).log_prob(torch.where(held, values, drawn))
        found = torch.where(here & kept, scores, 0)
        log_weight = log_weight + found.flatten(found.ndim - ranks.ndim).sum(-1)
    return rows, log_weight


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
            return completed(self.law, values, held)[0]

    def features(self, inputs: Tensor) -> Tensor:
        """The hidden states from which the entries are drawn."""
        return self.law.features(inputs)
