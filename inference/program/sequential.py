"""A site that is drawn entry by entry, as an objective sees it on either engine."""

from __future__ import annotations

from typing import Any, Protocol


class SequentialSite(Protocol):
    """The law of the site that observes the data, with a gradient to the model's parameters."""

    @property
    def ranks(self) -> Any:
        """The rank of each entry in the order of drawing, of the event's shape."""
        ...

    def log_prob(self, inputs: Any, values: Any) -> Any:
        """sum_i log p(value i | the inputs before i), per datum, (N,)."""
        ...

    def log_probs_given(self, inputs: Any, held: Any, values: Any) -> Any:
        """log p(value i | the inputs that are held), by entry, (N, *event)."""
        ...

    def draw_given(self, inputs: Any) -> Any:
        """A draw of every entry given the inputs before it, (N, *event); without a gradient."""
        ...

    def complete(self, values: Any, held: Any) -> Any:
        """Rows drawn entry by entry, of which some are held at values; without a gradient."""
        ...

    def features(self, inputs: Any) -> Any:
        """The hidden states from which the entries are drawn."""
        ...
