"""Networks that an objective owns, on Pyro."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from typing import Any

import pyro
import torch
from torch import Tensor

from inference.engines.pyro.copies import detach_kept
from inference.errors import ObjectiveError
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

    def __call__(self, *inputs: Tensor, frozen: bool = False) -> Tensor:
        """The module's output; with `frozen` without a gradient to its parameters."""
        with self._gradients(frozen=frozen), self._as_it_is():
            return self.module(*inputs)

    def features(self, *inputs: Tensor, frozen: bool = False) -> Tensor:
        """What its method `features` returns."""
        with self._gradients(frozen=frozen), self._as_it_is():
            return self.module.features(*inputs)

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
