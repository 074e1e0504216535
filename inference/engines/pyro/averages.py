"""Running averages of what a pair has learnt, on Pyro."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from inference.engines.pyro.pairs import StoredPair
from inference.engines.pyro.parameters import tensors_of

_NAMED = "average/"  # how their names begin in a state
_WEIGHT = "average weight"


class Averages:
    """Exponential averages of a pair's values over the steps; see `fit(average_decay=)`.

    Args:
        pair: whose parameters, unconstrained, and whose networks' other real numbers.
        decay: d in a_t = (1 - w_t) a_{t-1} + w_t v_t, w_t = (1 - d) / (1 - d^t), so that a_t is
            the mean of v_1 ... v_t with weights d^(t - s); None for no averages.
    """

    def __init__(self, pair: StoredPair, decay: float | None) -> None:
        self.pair, self.decay = pair, decay
        self.weight = 1.0  # of the next value
        self.kept: dict[str, torch.Tensor] = {}

    @torch.no_grad()
    def follow(self) -> None:
        """Take in the present values."""
        if self.decay is None:
            return
        for name, tensor in tensors_of(self.pair, owned=False).items():
            if name not in self.kept:
                self.kept[name] = tensor.detach().clone()
            elif tensor.is_floating_point():
                average = self.kept[name]
                moved = torch.lerp(average, tensor, self.weight)
                # What stays, such as a mask of infinities, stays to the bit.
                self.kept[name] = torch.where(average == tensor, average, moved)
            else:
                self.kept[name].copy_(tensor)
        self.weight /= self.weight + self.decay

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """The averages as the pair's values; the values are put back afterwards."""
        own = tensors_of(self.pair, owned=False) if self.kept else {}
        values = {name: own[name].detach().clone() for name in self.kept if name in own}
        try:
            _copy(self.kept, own)
            yield
        finally:
            _copy(values, own)

    def values(self) -> dict[str, NDArray[Any]]:
        """By public name, on the host."""
        return {name: average.cpu().numpy().copy() for name, average in self.kept.items()}

    def state(self) -> dict[str, NDArray[Any]]:
        """What the next averages depend on."""
        if self.decay is None:
            return {}
        kept = {_NAMED + name: array for name, array in self.values().items()}
        return kept | {_WEIGHT: np.array(self.weight)}

    def restore(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Continue from a state."""
        if self.decay is None:
            return
        own = tensors_of(self.pair, owned=False)
        found = {k.removeprefix(_NAMED): v for k, v in arrays.items() if k.startswith(_NAMED)}
        self.kept = {n: torch.from_numpy(np.array(v)).to(own[n].device) for n, v in found.items()}
        self.weight = float(arrays[_WEIGHT])


@torch.no_grad()
def _copy(values: dict[str, torch.Tensor], own: dict[str, torch.Tensor]) -> None:
    for name in values.keys() & own.keys():
        own[name].copy_(values[name])
