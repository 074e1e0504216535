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

    def __call__(self, *inputs: Tensor, frozen: bool = False) -> Tensor:
        """The module's output; with `frozen` without a gradient to its parameters."""
        with self._gradients(frozen=frozen):
            return self.module(*inputs)

    def features(self, *inputs: Tensor, frozen: bool = False) -> Tensor:
        """What its method `features` returns."""
        with self._gradients(frozen=frozen):
            return self.module.features(*inputs)

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
