"""What comes of Pyro's own losses, and of functions in place of them."""

from __future__ import annotations

import copy
from typing import Any

import pyro
from pyro.infer import TraceTailAdaptive_ELBO
from pyro.infer.elbo import ELBO

from inference.arguments import called
from inference.engines.pyro.isolation import random_states, untouched
from inference.errors import ObjectiveError
from inference.program.batches import Form
from inference.program.signatures import names_taken, signature_of


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


def loss_and_grads(objective: Any, model: Any, guide: Any, *args: Any, **kwargs: Any) -> float:
    """A loss of Pyro's, or a function in place of one, with the parameters' gradients."""
    if isinstance(objective, ELBO):
        of_pyro: Any = objective
        return number(of_pyro.loss_and_grads(model, guide, *args, **kwargs))
    loss = called("objective", objective, model, guide, *args, **kwargs)
    check_gradient(objective, loss)
    loss.backward()
    return loss.item()


def without_own_arguments(form: Form, model: Any, guide: Any) -> Form:
    """A call without the arguments by name that are for a loss function alone.

    `svi.step(x, approximation=q)` hands q to the loss, and the loss may keep it from the pair.
    """
    taken = set[str]()
    for function in (model, guide):
        signature = signature_of(function)
        names = None if signature is None else names_taken(signature)
        if names is None:
            return form
        taken |= names
    return Form(form.args, {n: v for n, v in form.kwargs.items() if n in taken})


def number(loss: Any) -> float:
    """A loss as a number; of `ReweightedWakeSleep`'s two the model's, which is the bound."""
    return float(loss[0] if isinstance(loss, tuple) else loss)


def stated(objective: Any, *, judged: bool) -> Any:
    """The objective, or a copy of one of Pyro's that gives infinity in place of its loss.

    `TraceTailAdaptive_ELBO` works out its gradient alone. The copy's loss is what has that
    gradient, the mean of -log w under the weights of the order; its steps are the same.

    One that compiles itself, or finds out how many plates there are, keeps what it found of the
    first pair that it saw. It is copied without what it has compiled, and where a run is resumed it
    finds out before the first step: see `_FindsOut`.

    Args:
        objective: that is trained with.
        judged: whether it is also asked for a bound on validation data, which it has not.

    Raises:
        ObjectiveError: if it is.
    """
    if type(objective) is not TraceTailAdaptive_ELBO:
        if not isinstance(objective, ELBO):
            return objective
        twin = copy.copy(objective)
        for name in _COMPILED:
            vars(twin).pop(name, None)
        twin.__class__ = type(type(objective).__name__, (_FindsOut, type(objective)), {})
        return twin
    if judged:
        raise ObjectiveError(
            "TraceTailAdaptive_ELBO has a gradient and no loss, so that it cannot judge validation "
            "data; pass valid_objective='elbo' beside valid=."
        )
    twin = copy.copy(objective)
    twin.__class__ = _TailAdaptive
    return twin


def resume(objective: Any) -> None:
    """Tell a loss that `stated` gave that steps were taken before."""
    if isinstance(objective, _FindsOut):
        objective.resumed = True


_COMPILED = ("_loss_and_surrogate_loss", "_differentiable_loss", "_jit_loss_and_surrogate_loss")


class _FindsOut:
    """What a loss finds out in the first step of a run, of a run that is resumed.

    To compile itself, or to see how many plates there are, it runs the pair, which draws random
    numbers. In a run that is resumed they were drawn by its very first step, and are not drawn
    again; and what `TraceGraph_ELBO` keeps in the store, averages of costs, has seen no step more.

    Attributes:
        resumed: whether steps were taken before.
    """

    resumed = False

    def loss_and_grads(self, model: Any, guide: Any, *args: Any, **kwargs: Any) -> Any:
        step: Any = super()
        if self.resumed:
            self.resumed = False
            store = pyro.get_param_store()
            with random_states(), untouched(model, guide), store.scope(store.get_state()):
                step.loss_and_grads(model, guide, *args, **kwargs)
            for leaf in store._params.values():
                leaf.grad = None
        return step.loss_and_grads(model, guide, *args, **kwargs)


class _TailAdaptive(_FindsOut, TraceTailAdaptive_ELBO):
    def _differentiable_loss_particle(self, model_trace: Any, guide_trace: Any) -> tuple[Any, Any]:
        _, surrogate = super()._differentiable_loss_particle(model_trace, guide_trace)
        return surrogate.item(), surrogate
