"""What comes of Pyro's own losses, and of functions in place of them."""

from __future__ import annotations

import copy
from typing import Any

import pyro
from pyro.infer import TraceTailAdaptive_ELBO
from pyro.infer.elbo import ELBO

from inference.engines.pyro.isolation import random_states, untouched
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

    One that compiles itself keeps the first pair that it saw. It is copied without what it has
    compiled, and where a run is resumed it compiles before the first step: see `_Compiled`.

    Args:
        objective: that is trained with.
        judged: whether it is also asked for a bound on validation data, which it has not.

    Raises:
        ObjectiveError: if it is.
    """
    if isinstance(objective, ELBO) and type(objective).__name__.startswith("Jit"):
        twin = copy.copy(objective)
        for name in _COMPILED:
            vars(twin).pop(name, None)
        twin.__class__ = type(type(objective).__name__, (_Compiled, type(objective)), {})
        return twin
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


_COMPILED = ("_loss_and_surrogate_loss", "_differentiable_loss", "_jit_loss_and_surrogate_loss")


class _Compiled:
    """What a loss that compiles itself does besides, in the first step of a run.

    To compile it runs the pair, which draws random numbers. In a run that is resumed they were
    drawn by its very first step, and are not drawn again.

    Attributes:
        resumed: whether steps were taken before.
    """

    resumed = False

    def loss_and_grads(self, model: Any, guide: Any, *args: Any, **kwargs: Any) -> Any:
        step: Any = super()
        if self.resumed:
            self.resumed = False
            with random_states(), untouched(model, guide):
                step.loss_and_grads(model, guide, *args, **kwargs)
            for leaf in pyro.get_param_store()._params.values():
                leaf.grad = None
        return step.loss_and_grads(model, guide, *args, **kwargs)


class _TailAdaptive(TraceTailAdaptive_ELBO):
    def _differentiable_loss_particle(self, model_trace: Any, guide_trace: Any) -> tuple[Any, Any]:
        _, surrogate = super()._differentiable_loss_particle(model_trace, guide_trace)
        return surrogate.item(), surrogate
