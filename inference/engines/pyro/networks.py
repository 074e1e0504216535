"""Networks that an objective owns, on Pyro."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import pyro
import torch
from torch import Tensor

from inference.errors import ObjectiveError


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
