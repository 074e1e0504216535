"""What an objective owns beside a pair on Pyro: networks, parameters, and state between steps."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyro
import torch
from numpy.typing import NDArray
from torch import Tensor

from inference.engines.pyro.networks import Owned
from inference.program.belongings import check_columns
from inference.program.program import OWNED, OWNED_STATE


class Belongings:
    """What a program keeps for its objective, in the parameter store that all pairs share.

    Attributes:
        args: the batch.
        owner: tells apart what objectives own.
    """

    args: tuple[Any, ...]
    owner: int

    def network(self, name: str, module: Any, *, trained: bool = True) -> Owned:
        """A torch module as something that the objective owns."""
        return Owned(name, module, self._stored_as(name) if trained else None)

    def parameter(self, name: str, initial: NDArray[Any]) -> Tensor:
        """A trained tensor that the objective owns."""
        owned = self._stored_as(name)
        device = next((a.device for a in self.args if isinstance(a, Tensor)), None)
        real = self._real_type if np.asarray(initial).dtype.kind == "f" else None
        value = pyro.param(owned, lambda: torch.tensor(initial, device=device, dtype=real))
        check_columns(name, value.shape, initial.shape)
        return value

    def state(self, name: str, initial: Any) -> Tensor:
        """A number or array that the objective carries from step to step.

        It is a parameter without a gradient, which optimisers leave as it is.
        """
        full = OWNED_STATE.removeprefix(OWNED) + name
        return self.parameter(full, np.asarray(initial, dtype=np.float32)).detach().clone()

    def keep(self, name: str, value: Tensor) -> None:
        """Set it for the next step; without gradients, in evaluation, it stays."""
        if torch.is_grad_enabled():
            with torch.no_grad():
                full = OWNED_STATE.removeprefix(OWNED) + name
                self.parameter(full, np.zeros(value.shape, dtype=np.float32)).copy_(value)

    @property
    def _real_type(self) -> torch.dtype:
        """What the pair computes in, so that what the objective owns can be joined to it."""
        known = (*self.args, *pyro.get_param_store()._params.values())
        double = any(isinstance(t, Tensor) and t.dtype == torch.float64 for t in known)
        return torch.float64 if double else torch.get_default_dtype()

    def _stored_as(self, name: str) -> str:
        """What the objective owns, in the store that all pairs share."""
        return OWNED.replace(".", f"#{self.owner}.") + name
