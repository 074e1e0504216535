"""What comes of Pyro's own losses, and of functions in place of them."""

from __future__ import annotations

from typing import Any

from inference.errors import ObjectiveError


def check_gradient(objective: Any, loss: Any) -> None:
    """Refuse a function that returns a number: Pyro's own loop would go on and train nothing.

    Raises:
        ObjectiveError: naming the function.
    """
    if not getattr(loss, "requires_grad", False):
        raise ObjectiveError(
            f"objective={getattr(objective, '__qualname__', objective)} returns a "
            f"{type(loss).__name__} without a gradient, so that nothing would be trained. Pass the "
            "loss object itself, such as Trace_ELBO(), or its differentiable_loss."
        )


def number(loss: Any) -> float:
    """A loss as a number; of `ReweightedWakeSleep`'s two the model's, which is the bound."""
    return float(loss[0] if isinstance(loss, tuple) else loss)
