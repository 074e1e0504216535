"""A pair on Pyro in float64, for a while."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pyro
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

from inference.engines.pyro.pairs import StoredPair
from inference.program.closures import held_in, objects_of


@contextlib.contextmanager
def in_double(pair: StoredPair) -> Iterator[None]:
    """Parameters, buffers, held and new tensors in float64, and back again without a loss."""
    store: Any = pyro.get_param_store()
    modules = [
        v for v in (pair.wrapped, *objects_of(pair).values()) if isinstance(v, torch.nn.Module)
    ]
    tensors: list[Tensor] = [*store._params.values()]
    for module in modules:
        tensors += [*module.parameters(), *module.buffers()]
    single = {id(t): t for t in tensors if t.dtype == torch.float32}
    held = {id(t): t for t in _held(pair, modules) if id(t) not in single}
    kept = {key: tensor.data for key, tensor in held.items()}
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    for tensor in [*single.values(), *held.values()]:
        tensor.data = tensor.data.double()
    try:
        with _Doubling():
            yield
    finally:
        torch.set_default_dtype(before)
        for tensor in single.values():
            tensor.data = tensor.data.float()
            tensor.grad = None
        for key, tensor in held.items():
            tensor.data = kept[key]  # in the memory that it shares with others, as before


def _held(pair: StoredPair, modules: list[torch.nn.Module]) -> Iterator[Tensor]:
    """Data and constants in float32: a number of float64 times one of these is a float32."""
    every = {id(part): part for module in modules for part in module.modules()}
    plain = [value for part in every.values() for value in vars(part).values()]
    for value in [*held_in(pair, Tensor).values(), *plain]:
        if isinstance(value, Tensor) and value.dtype == torch.float32:
            yield value


class _Doubling(TorchFunctionMode):
    """Reads float64 wherever a program says float32, as in `one_hot(y).float()`.

    A tensor in float32 that meets one in float64 is widened: it comes from where nobody looked,
    such as the values of a handler, and a number times it would be a float32.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        func = torch.Tensor.double if func is torch.Tensor.float else func
        named = {n: _WIDER.get(v, v) if _is_dtype(v) else v for n, v in (kwargs or {}).items()}
        args = tuple(_WIDER.get(a, a) if _is_dtype(a) else a for a in args)
        if not _writes(getattr(func, "__name__", "")):
            args, named = _alike(args, named)
        return func(*args, **named)


_WIDER = {torch.float32: torch.float64}


def _is_dtype(value: Any) -> bool:
    return isinstance(value, torch.dtype)


def _writes(name: str) -> bool:
    """Whether a function of this name writes into its arguments, or asks for gradients by them."""
    inside = name.endswith("_") and not name.endswith("__")
    return inside or name.startswith(("__i", "__set")) or name in ("grad", "backward", "out")


def _alike(args: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Arguments in which tensors of float32 are as wide as others of float64 beside them."""
    given = [*args, *named.values()]
    given += [part for each in given if isinstance(each, (list, tuple)) for part in each]
    found = {each.dtype for each in given if isinstance(each, Tensor)}
    if not {torch.float32, torch.float64} <= found:
        return args, named
    return tuple(_wide(each) for each in args), {n: _wide(each) for n, each in named.items()}


def _wide(value: Any) -> Any:
    if type(value) in (list, tuple):
        return type(value)(_wide(part) for part in value)
    single = isinstance(value, Tensor) and value.dtype == torch.float32
    return value.double() if single else value
