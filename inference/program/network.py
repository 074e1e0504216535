"""Networks that an objective owns, such as a critic."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Protocol

from inference.descriptions import first_line
from inference.errors import ObjectiveError, ZooError
from inference.program.records import raising_line
from inference.program.remedies import remedy_of

_ITS_OWN = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RuntimeError)
"""What a network raises that was not made for its inputs; running out of memory is another."""


class Network(Protocol):
    """A network that an objective owns, of the engine's own kind."""

    def __call__(self, *inputs: Any, frozen: bool = False) -> Any:
        """Its output; with `frozen` without a gradient to its parameters."""
        ...

    def features(self, *inputs: Any, frozen: bool = False) -> Any:
        """What its method of that name returns."""
        ...

    def evaluating(self) -> Network:
        """The same network without dropout."""
        ...

    def vector(self, *inputs: Any) -> Any:
        """All its parameters in one array, (W,); the inputs say their sizes where it is built."""
        ...

    def at(self, vector: Any) -> Network:
        """The same network with other parameters, which get a gradient even from frozen calls."""
        ...


def run_network(
    name: str,
    module: Any,
    method: str,
    call: Callable[[], Any],
    inputs: tuple[Any, ...],
    is_real: Callable[[Any], bool],
) -> Any:
    """What a user's network returns: real numbers, a row for each row of its first input.

    Args:
        name: of the network, for the message.
        module: the network.
        method: which is called.
        call: calls it with the inputs.
        inputs: arrays.
        is_real: whether something is an array of real numbers of the engine's.

    Raises:
        ObjectiveError: if it has no such method, fails on the inputs, or returns something else.
    """
    if not callable(getattr(module, method, None)):
        raise ObjectiveError(
            f"the {name} is asked for its method {method!r}, which {type(module).__name__} has "
            "not; give it one that returns a row of numbers for each datum, or choose an objective "
            "that compares scores."
        )
    shapes = ", ".join(str(tuple(part.shape)) for part in inputs)
    try:
        output = call()
    except ZooError:
        raise
    except _ITS_OWN as error:
        if "out of memory" in str(error).lower():
            raise
        where = raising_line(error)
        said = first_line(error)
        remedy = remedy_of(error, "Give it a network that takes arrays of these shapes.")
        raise ObjectiveError(
            f"the {name}, a {type(module).__name__}, fails on inputs of shape {shapes}"
            f"{f' at {where}' if where else ''}: {type(error).__name__}: {said}. {remedy}"
        ) from error
    rows = inputs[0].shape[0]
    if is_real(output) and output.ndim and output.shape[0] == rows:
        return output
    if hasattr(output, "shape") and hasattr(output, "dtype"):
        came = f"{str(output.dtype).removeprefix('torch.')} of shape {tuple(output.shape)}"
    else:
        came = type(output).__name__
    raise ObjectiveError(
        f"the {name} must give real numbers of shape ({rows}, ...), a row for each of the {rows} "
        f"rows that it was given, got {came}; return an array of the engine's with that first axis."
    )


def are_drawn(weights: Collection[str], latents: Collection[str]) -> bool:
    """Whether a network's weights are latents, so that it has no parameters to be trained.

    Args:
        weights: their names in the network.
        latents: names of latents: with what the libraries put before those of a network that they
            lift, such as `net/kernel` or `net$$$weight`.
    """
    first, known = next(iter(weights)), {*latents}
    before = (name.removesuffix(first) for name in known if name.endswith(first))
    return any(all(start + name in known for name in weights) for start in before)
