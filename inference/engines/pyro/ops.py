"""Elementwise functions of torch under the names that objectives use."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import torch


class Ops:
    """Functions of tensors; the NumPyro engine has the same names."""

    exp, log, log1p, sqrt, tanh = torch.exp, torch.log, torch.log1p, torch.sqrt, torch.tanh
    where, sigmoid = torch.where, torch.sigmoid
    softplus = torch.nn.functional.softplus
    softmax = functools.partial(torch.softmax, dim=-1)
    array = staticmethod(torch.as_tensor)

    @staticmethod
    def drawn(values: Any, *, whole: bool) -> torch.Tensor:
        """Values as distributions draw them here: of a Bernoulli they are real numbers."""
        del whole
        return Ops.array(values)

    @staticmethod
    def is_real(values: torch.Tensor) -> bool:
        """Whether a tensor holds real numbers."""
        return values.is_floating_point()

    @staticmethod
    def real(values: torch.Tensor) -> torch.Tensor:
        """The tensor in real numbers."""
        return values if values.is_floating_point() else values.float()

    @staticmethod
    def concatenate(parts: Sequence[torch.Tensor]) -> torch.Tensor:
        """Tensors along their last axis."""
        return torch.cat(list(parts), -1)

    @staticmethod
    def floor(values: torch.Tensor) -> torch.Tensor:
        """The next lower whole numbers, as integers."""
        return values.floor().long()

    @staticmethod
    def arange(count: int, like: torch.Tensor) -> torch.Tensor:
        """0, 1, ..., count - 1, where another tensor is."""
        return torch.arange(count, device=like.device)

    @staticmethod
    def repeat(values: torch.Tensor, count: int) -> torch.Tensor:
        """Each row so many times."""
        return values.repeat_interleave(count, 0)
