"""What an engine offers to objectives: the same names on both engines."""

from __future__ import annotations

from typing import Any, Protocol

from inference.engines.draws import Draws
from inference.engines.structure import Structure


class Program(Protocol):
    """A model, a guide and a batch, ready to be drawn from."""

    @property
    def structure(self) -> Structure:
        """The sites and plates of the last draw."""
        ...

    def draw(self, num_particles: int, *, divergences: bool = False) -> Draws:
        """Draw K times from the guide and score the draws under both, in one pass.

        Args:
            num_particles: K.
            divergences: whether to work out KL(q || p) where it is valid and known.
        """
        ...

    def total(self, per_datum: Any) -> Any:
        """Sum (N,) over the data, times the scale of subsampled shared plates."""
        ...

    def logmeanexp(self, values: Any) -> Any:
        """log of the mean of exp over the first axis: (K, N) to (N,)."""
        ...

    def score(self, signal: Any, log_q_scored: Any | None) -> Any:
        """A score-function term: zero in value, signal * grad log q in gradient; (K, N).

        The gradient is zero too where every draw is reparameterised (`log_q_scored` is None).
        """
        ...

    def diagonal(self, values: Any) -> Any:
        """A (K, K, N) array with (K, N) values on its diagonal and zeros elsewhere."""
        ...
