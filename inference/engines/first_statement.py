"""Which library a program is written in, told by the first statement that it makes."""

from __future__ import annotations

import contextlib
import random
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np


class _Seen(BaseException):
    """A statement has reached a library; the program is stopped before it is carried out."""


def library_of(
    program: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> set[str]:
    """The libraries that see the program's first statement: `"pyro"`, `"numpyro"` or none.

    The program runs on the arguments as tensors, then as arrays of jax, and is stopped at its
    first `sample`, `param` or `plate`, before anything is drawn or stored; random states are put
    back. What it raises before that is nobody's: then nothing is found.

    Args:
        program: a model or a guide.
        args: what it takes by position; numpy arrays among them are made each library's.
        kwargs: what it takes by name.
    """
    found: set[str] = set()
    for library, convert in (("torch", _tensor), ("jax", _jax)):
        if library not in sys.modules:
            continue
        given = [_converted(value, convert) for value in args]
        named = {name: _converted(value, convert) for name, value in kwargs.items()}
        with _as_before(), contextlib.suppress(Exception, _Seen), _watching(found):
            program(*given, **named)
        if found:
            break
    return found


@contextlib.contextmanager
def _watching(found: set[str]) -> Iterator[None]:
    """Stop at the first statement, and note whose it is."""
    with contextlib.ExitStack() as stack:
        for watch in _watchers(found):
            stack.enter_context(watch)
        yield


def _watchers(found: set[str]) -> Iterator[Any]:
    """A handler of each library; a program cannot be written in one that nobody has imported."""
    if "pyro" in sys.modules:
        from pyro.poutine.messenger import Messenger as InPyro

        class OfPyro(InPyro):
            def _process_message(self, msg: Any) -> None:
                found.add("pyro")
                raise _Seen

        yield OfPyro()
    if "numpyro" in sys.modules:
        from numpyro.handlers import seed
        from numpyro.primitives import Messenger as InNumPyro

        class OfNumPyro(InNumPyro):
            def process_message(self, msg: dict[str, Any]) -> None:
                found.add("numpyro")
                raise _Seen

        yield OfNumPyro()
        yield seed(rng_seed=0)  # for handlers in the program that draw before we are asked


@contextlib.contextmanager
def _as_before() -> Iterator[None]:
    """Leave random states as they were."""
    torch = sys.modules.get("torch")
    own = contextlib.nullcontext() if torch is None else torch.random.fork_rng()
    python, arrays = random.getstate(), np.random.get_state()
    try:
        with own:
            yield
    finally:
        random.setstate(python)
        np.random.set_state(arrays)


def _converted(value: Any, convert: Callable[[Any], Any]) -> Any:
    """A value with the arrays in it converted, in lists, tuples and dictionaries too."""
    if isinstance(value, np.ndarray):
        return convert(value)
    if isinstance(value, dict):
        return {name: _converted(part, convert) for name, part in value.items()}
    if type(value) in (list, tuple):
        return type(value)(_converted(part, convert) for part in value)
    return value


def _tensor(array: Any) -> Any:
    import torch

    try:
        return torch.as_tensor(array.copy())
    except TypeError:  # strings, for example
        return array


def _jax(array: Any) -> Any:
    import jax

    try:
        return jax.numpy.asarray(array)
    except TypeError:
        return array
