"""What comes of Pyro's own losses, and of functions in place of them."""

from __future__ import annotations

import copy
from typing import Any

from pyro.infer import TraceTailAdaptive_ELBO

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


def stated(objective: Any, *, judged: bool) -> Any:
    """The objective, or a copy of one of Pyro's that gives infinity in place of its loss.

    `TraceTailAdaptive_ELBO` works out its gradient alone. The copy's loss is what has that
    gradient, the mean of -log w under the weights of the order; its steps are the same.

    Args:
        objective: that is trained with.
        judged: whether it is also asked for a bound on validation data, which it has not.

    Raises:
        ObjectiveError: if it is.
    """
    if type(objective) is not TraceTailAdaptive_ELBO:
        return objective
    if judged:
        raise ObjectiveError(
            "TraceTailAdaptive_ELBO has a gradient and no loss, so that it cannot judge validation "
            "data; pass valid_objective='elbo' beside valid=."
        )
    twin = copy.copy(objective)
    twin.__class__ = _TailAdaptive
    return twin


class _TailAdaptive(TraceTailAdaptive_ELBO):
    def _differentiable_loss_particle(self, model_trace: Any, guide_trace: Any) -> tuple[Any, Any]:
        _, surrogate = super()._differentiable_loss_particle(model_trace, guide_trace)
        return surrogate.item(), surrogate
