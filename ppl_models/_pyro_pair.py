"""The base of Pyro pairs: a torch module that never shares parameters with another pair."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Mapping
from typing import Any, Self

import pyro
import torch
from numpy.typing import NDArray

from ppl_models._pair import Pair, check_weights

_instances = itertools.count()


class PyroPair(Pair, torch.nn.Module):
    """A pair whose networks are plain `torch.nn` modules.

    `pyro.module` stores parameters in one global dictionary by name, so two models that both call
    their network "decoder" silently train one set of weights. `register` puts a number of the
    instance's own into the name, and a copy gets a number of its own.
    """

    engine = "pyro"

    def __init__(self) -> None:
        super().__init__()
        self._instance = next(_instances)

    def __repr__(self) -> str:
        """The networks, as of every torch module."""
        return torch.nn.Module.__repr__(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        """Copy parameters and buffers under a new instance number."""
        twin = type(self).__new__(type(self))
        memo[id(self)] = twin
        twin.__dict__.update(copy.deepcopy(self.__dict__, memo))
        twin._instance = next(_instances)
        return twin

    def get_weights(self) -> dict[str, NDArray[Any]]:
        """Every parameter and running average by name, copied; see `Pair.get_weights`."""
        return {name: value.detach().cpu().numpy().copy() for name, value in self._kept().items()}

    def set_weights(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Begin from these values in place of the initial ones; see `Pair.set_weights`."""
        kept = self._kept()
        shapes = {name: tuple(value.shape) for name, value in kept.items()}
        arrays = check_weights(weights, shapes)
        with torch.no_grad():
            for name, value in kept.items():
                value.copy_(torch.tensor(arrays[name]))

    def _kept(self) -> dict[str, torch.Tensor]:
        """What training changes: parameters, and what `state_dict` has of buffers."""
        return dict(self.state_dict(keep_vars=True))

    def add_parameters(self, start: Mapping[str, NDArray[Any]]) -> None:
        """Make parameters of these names, from these initial values."""
        for name, value in start.items():
            self.register_parameter(name, torch.nn.Parameter(torch.tensor(value)))

    def register(self, *parts: str) -> None:
        """Show the named submodules' parameters to the inference algorithm; all without a name."""
        prefix = f"{type(self).__name__}-{self._instance}"
        if not parts:
            pyro.module(prefix, self)
        for part in parts:
            pyro.module(f"{prefix}.{part}", getattr(self, part))
