"""Networks that an objective owns, on Pyro."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from typing import Any

import pyro
import torch
from torch import Tensor
from torch.func import functional_call

from inference.engines.pyro.copies import detach_kept
from inference.errors import ObjectiveError
from inference.program.network import run_network
from inference.program.surrogate import Surrogate


class Owned:
    """A torch module that an objective runs.

    Its parameters are in Pyro's store under the name `stored_as`, if it has one.
    """

    def __init__(self, name: str, module: Any, stored_as: str | None) -> None:
        if not isinstance(module, torch.nn.Module):
            raise ObjectiveError(
                f"the {name} beside a Pyro pair must be a torch.nn.Module, got "
                f"{type(module).__name__}."
            )
        self.module: Any = module if stored_as is None else pyro.module(stored_as, module)
        self.trained = stored_as is not None
        self.name = name
        self._given: dict[str, Tensor] | None = None

    def __call__(self, *inputs: Tensor, frozen: bool = False) -> Tensor:
        """The module's output; with `frozen` without a gradient to its parameters."""
        with self._gradients(frozen=frozen), self._as_it_is():
            return self._called("__call__", inputs)

    def features(self, *inputs: Tensor, frozen: bool = False) -> Tensor:
        """What its method `features` returns."""
        with self._gradients(frozen=frozen), self._as_it_is():
            return self._called("features", inputs)

    def evaluating(self) -> Owned:
        """The same network: whoever evaluates puts the module into that mode."""
        return self

    def vector(self, *inputs: Tensor) -> Tensor:
        """All its parameters in one tensor, (W,)."""
        del inputs
        return torch.nn.utils.parameters_to_vector(self.module.parameters())

    def at(self, vector: Tensor) -> Owned:
        """The same network with other parameters."""
        twin, own = copy.copy(self), dict(self.module.named_parameters())
        parts = vector.split([tensor.numel() for tensor in own.values()])
        twin._given = {
            name: part.view_as(tensor)
            for (name, tensor), part in zip(own.items(), parts, strict=True)
        }
        return twin

    def _called(self, method: str, inputs: tuple[Tensor, ...]) -> Tensor:
        """What a method of the module returns, at the parameters that are given if there are."""

        def call() -> Any:
            if self._given is None:
                return getattr(self.module, method)(*inputs)
            given = {f"module.{name}": tensor for name, tensor in self._given.items()}
            return functional_call(_Method(self.module, method), given, inputs)

        return run_network(self.name, self.module, method, call, inputs, _is_real)

    @contextlib.contextmanager
    def _as_it_is(self) -> Iterator[None]:
        """Evaluation mode if it is not trained: batch normalisation must not see the data."""
        modes = {} if self.trained else {part: part.training for part in self.module.modules()}
        try:
            for part in modes:
                part.training = False
            yield
        finally:
            for part, mode in modes.items():
                part.training = mode

    @contextlib.contextmanager
    def _gradients(self, *, frozen: bool) -> Iterator[None]:
        trained = [p for p in self.module.parameters() if p.requires_grad] if frozen else []
        for parameter in trained:
            parameter.requires_grad_(False)
        try:
            yield
        finally:
            for parameter in trained:
                parameter.requires_grad_(True)


def _is_real(value: Any) -> bool:
    return isinstance(value, Tensor) and value.is_floating_point()


class _Method(torch.nn.Module):
    """A method of a module as a module, whose parameters can be replaced for a call."""

    def __init__(self, module: torch.nn.Module, method: str) -> None:
        super().__init__()
        self.module, self.method = module, method

    def forward(self, *inputs: Tensor) -> Tensor:
        """What the method returns."""
        return getattr(self.module, self.method)(*inputs)


def with_copies(
    objective: Surrogate, device: torch.device
) -> tuple[Surrogate, dict[str, torch.nn.Module]]:
    """The objective with copies of its networks, on the device, and owning nothing yet; and they.

    The networks are by the attribute that holds them.
    """
    twin: Any = copy.copy(objective)
    copies: dict[str, torch.nn.Module] = {}
    for name, network in objective.networks.items():
        if isinstance(network, torch.nn.Module):  # anything else is refused in the first step
            kept: dict[int, Any] = {}
            detach_kept(network, kept)
            copies[name] = copy.deepcopy(network, kept).to(device)
            setattr(twin, name, copies[name])
    return twin, copies
