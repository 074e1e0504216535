"""Many independent evaluations of a loss on Pyro at once, by `torch.vmap`."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pyro
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.overrides import TorchFunctionMode

Gradients = dict[str, NDArray[np.float64]]
_CHUNK = 250  # evaluations at a time
functorch: Any = torch._C._functorch  # pyright: ignore[reportAttributeAccessIssue]
_DRAWS = ("normal", "uniform", "exponential", "bernoulli", "geometric", "cauchy", "log_normal")
_DRAWING = frozenset(getattr(torch.Tensor, f"{name}_") for name in (*_DRAWS, "random"))
_ASKED: Any = Tensor.requires_grad.__get__  # pyright: ignore[reportAttributeAccessIssue]


class CannotVectoriseError(Exception):
    """The loss has to be evaluated once for each gradient."""


def many_gradients(
    loss: Callable[[], Tensor], leaves: dict[str, Tensor], repeats: int
) -> tuple[Gradients, NDArray[np.float64]]:
    """Gradients of so many evaluations of a loss, each with draws of its own, and its values.

    The loss runs once for `_CHUNK` evaluations, with parameters that have one more axis under the
    hood; what it computes is what it would compute by itself.

    Args:
        loss: a scalar, from the parameters in Pyro's store; evaluated once before, with `.grad` of
            the leaves to show for it.
        leaves: the store's parameters by name.
        repeats: how many evaluations.

    Raises:
        CannotVectoriseError: if the loss looks at values, draws without torch, changes what all
            evaluations share, or has its parameters from elsewhere than from the store. Nothing
            has changed then.
    """
    reached = {name for name, leaf in leaves.items() if leaf.grad is not None}
    before, others = torch.get_rng_state(), _other_generators()
    grads: dict[str, list[NDArray[np.float64]]] = {name: [] for name in leaves}
    losses: list[NDArray[np.float64]] = []
    try:
        for start in range(0, repeats, _CHUNK):
            count = min(_CHUNK, repeats - start)
            values, found = _chunk(loss, leaves, count)
            if {name for name, grad in found.items() if grad is not None} != reached:
                raise CannotVectoriseError("the loss takes parameters from elsewhere")
            if _other_generators() != others:
                raise CannotVectoriseError("the loss draws without torch")
            losses.append(values.double().numpy())
            for name, leaf in leaves.items():
                grad = found[name]
                zero = torch.zeros(count, *leaf.shape) if grad is None else grad
                grads[name].append(zero.double().numpy())
    except Exception as error:
        torch.set_rng_state(before)
        raise CannotVectoriseError(str(error)) from error
    return {name: np.concatenate(parts) for name, parts in grads.items()}, np.concatenate(losses)


def _chunk(
    loss: Callable[[], Tensor], leaves: dict[str, Tensor], count: int
) -> tuple[Tensor, dict[str, Tensor | None]]:
    """Losses, (count,), and by parameter their gradients, (count, ...).

    Where an integer that is drawn decides what runs, all run once for each integer, from the same
    random state, and each evaluation is taken from the run of its own.
    """
    before, decision = torch.get_rng_state(), _Decision()
    losses, grads = _run(loss, leaves, count, decision)
    if decision.numbers is None:
        return losses, grads
    for number in decision.numbers.unique().tolist():
        if number == decision.taken:
            continue
        torch.set_rng_state(before)
        other = _Decision(number)
        found, slopes = _run(loss, leaves, count, other)
        if other.numbers is None or not torch.equal(other.numbers, decision.numbers):
            raise CannotVectoriseError("the loss decides otherwise a second time")
        own = decision.numbers == number
        losses[own] = found[own]
        for name, slope in slopes.items():
            _take(grads, name, slope, own)
    return losses, grads


def _take(grads: dict[str, Tensor | None], name: str, slope: Tensor | None, own: Tensor) -> None:
    """Put some evaluations' gradients among those of all; None are zeros."""
    kept = grads[name]
    if kept is None and slope is not None:
        kept = grads[name] = torch.zeros_like(slope)
    if kept is not None:
        kept[own] = 0 if slope is None else slope[own]


def _run(
    loss: Callable[[], Tensor], leaves: dict[str, Tensor], count: int, decision: _Decision
) -> tuple[Tensor, dict[str, Tensor | None]]:
    """As `_chunk`, with a decision that is the same for all."""
    many = {
        name: leaf.detach().expand(count, *leaf.shape).clone().requires_grad_(leaf.requires_grad)
        for name, leaf in leaves.items()
    }

    def one(zero: Tensor, own: dict[str, Tensor]) -> Tensor:
        with _stored(leaves, own), _EachItsOwn(zero, decision):
            return loss() + zero

    losses = torch.vmap(one, randomness="different")(torch.zeros(count), many)
    losses.sum().backward()
    return losses.detach(), {name: leaf.grad for name, leaf in many.items()}


class _Decision:
    """An integer that evaluations draw, and the one that all of them go on with.

    Attributes:
        taken: the one; the first evaluation's, where none is given.
        numbers: each evaluation's own, once it is drawn.
    """

    def __init__(self, taken: int | None = None) -> None:
        self.taken = taken
        self.numbers: Tensor | None = None

    def __call__(self, each: Tensor) -> int:
        if self.numbers is not None:
            raise CannotVectoriseError("the loss decides more than once")
        own, axis, _ = _unwrapped(each)
        self.numbers = own.movedim(axis, 0).flatten().long()
        if self.taken is None:
            self.taken = int(self.numbers[0])
        return self.taken


@contextmanager
def _stored(leaves: dict[str, Tensor], own: dict[str, Tensor]) -> Iterator[None]:
    """Pyro's store with other tensors in place of its leaves."""
    store = pyro.get_param_store()
    kept = dict(store._params)
    names = {id(leaf): name for name, leaf in leaves.items()}
    try:
        for key, tensor in kept.items():
            store._params[key] = own[names[id(tensor)]]
        yield
    finally:
        store._params.clear()
        store._params.update(kept)


class _EachItsOwn(TorchFunctionMode):
    """Operations in place, where `vmap` has no rule for them on what all evaluations share.

    Attributes:
        zero: a zero of each evaluation: what it is added to is the evaluation's own.
        decision: what int(...) of a draw becomes.
    """

    def __init__(self, zero: Tensor, decision: _Decision) -> None:
        super().__init__()
        self.zero, self.decision = zero, decision

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        del types
        if func in _DRAWING:  # torch.empty(...).normal_()
            return func(args[0] + self.zero.to(args[0].dtype), *args[1:], **(kwargs or {}))
        if func is Tensor.__setitem__ and _is_mask(args[1]) and isinstance(args[2], int | float):
            args[0].masked_fill_(args[1], args[2])
            return None
        if func is Tensor.__int__ and functorch.is_batchedtensor(args[0]):
            return self.decision(args[0])
        if func == _ASKED and functorch.is_batchedtensor(args[0]):
            return functorch.get_unwrapped(args[0]).requires_grad
        if func is Tensor.requires_grad_:
            return self._leaf(*args)
        if func is torch.autograd.grad:
            return _grad(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))

    def _leaf(self, tensor: Tensor, requires_grad: bool = True) -> Tensor:  # noqa: FBT001, FBT002
        """`Tensor.requires_grad_`, which `vmap` forbids by itself."""
        batched = functorch.is_batchedtensor(tensor)
        each = tensor if batched else tensor + self.zero.to(tensor.dtype)
        functorch.set_inplace_requires_grad_allowed(True)
        try:
            functorch.get_unwrapped(each).requires_grad_(requires_grad)
        finally:
            functorch.set_inplace_requires_grad_allowed(False)
        return each


def _grad(outputs: Any, inputs: Any, *args: Any, **options: Any) -> tuple[Tensor, ...]:
    """Each evaluation's gradient of its scalar: that of their sum, as none depends on another's."""
    (output,), (of,) = (each if isinstance(each, tuple) else (each,) for each in (outputs, inputs))
    total, *_ = _unwrapped(output)
    own, axis, level = _unwrapped(of)
    (found,) = torch.autograd.grad(total.sum(), own, *args, **options)
    return (functorch._add_batch_dim(found, axis, level),)


def _unwrapped(each: Tensor) -> tuple[Tensor, int, int]:
    """A tensor of each evaluation as one of all, the axis that they lie along, and vmap's level."""
    level = functorch.maybe_get_level(each)
    return functorch.get_unwrapped(each), functorch.maybe_get_bdim(each), level


def _is_mask(index: Any) -> bool:
    return isinstance(index, Tensor) and index.dtype == torch.bool


def _other_generators() -> tuple[Any, ...]:
    """The states of Python's and of NumPy's generators, which `vmap` knows nothing of."""
    state: Any = np.random.get_state(legacy=False)
    return random.getstate(), state["state"]["key"].tobytes(), state["state"]["pos"]
