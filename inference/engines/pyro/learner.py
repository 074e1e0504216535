"""An optimiser and its schedule, with what they carry from step to step, on Pyro."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Collection, Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from inference.engines.pyro.optimisers import build_optimiser, build_schedule, parameter_groups
from inference.program.phases import Side
from inference.program.trainer import Settings


class Learner:
    """An optimiser and its schedule: of all parameters, or of one side where two take turns."""

    def __init__(
        self,
        parameters: Iterable[torch.Tensor],
        settings: Settings,
        side: Side,
    ) -> None:
        self.optimiser = build_optimiser(settings.optimiser, side.learning_rate, parameters)
        self.optimiser.zero_grad()  # a copy of a pair has the gradients that were left on it
        self.schedule = build_schedule(settings.schedule, self.optimiser, side.total_steps)
        self.clip_norm, self.bound = settings.clip_norm, side.clip
        self._given = settings.optimiser

    def adopt(self, parameters: Iterable[torch.Tensor]) -> None:
        """Train some more parameters."""
        for group in parameter_groups(self._given, parameters):
            self.optimiser.add_param_group(group)

    def step(self, *, waits: bool, left: Collection[int] = ()) -> None:
        """Follow the gradient.

        Args:
            waits: not if it is zero throughout, as between turns.
            left: ids of parameters that stay as they are.
        """
        parameters = [p for group in self.optimiser.param_groups for p in group["params"]]
        if not waits or any(p.grad is not None and bool(p.grad.any()) for p in parameters):
            for parameter in parameters:
                if parameter.grad is not None or id(parameter) in left:
                    continue
                # No gradient in this batch, but in earlier ones: zero, as in both libraries' SVI.
                if parameter in self.optimiser.state:
                    parameter.grad = torch.zeros_like(parameter)
            if self.clip_norm is not None:
                torch.nn.utils.clip_grad_norm_(parameters, self.clip_norm)
            self.optimiser.step()
            if self.schedule is not None:
                self.schedule.step()
            if self.bound is not None:
                with torch.no_grad():
                    for parameter in (p for p in parameters if p.grad is not None):
                        parameter.clamp_(-self.bound, self.bound)
        self.optimiser.zero_grad()

    def state(self) -> dict[str, NDArray[Any]]:
        """What the optimiser carries from step to step."""
        optimiser = self.optimiser.state_dict()
        arrays: dict[str, NDArray[Any]] = {}
        plain: dict[str, Any] = {"groups": optimiser["param_groups"], "slots": {}}
        for index, slots in optimiser["state"].items():
            for key, value in slots.items():
                if isinstance(value, torch.Tensor):
                    arrays[f"slot/{index}/{key}"] = value.cpu().numpy().copy()
                else:
                    plain["slots"].setdefault(str(index), {})[key] = value
        if self.schedule is not None:
            plain["schedule"] = _plain(self.schedule.state_dict())
        arrays["plain"] = np.frombuffer(json.dumps(plain).encode(), dtype=np.uint8).copy()
        return arrays

    def restore(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Continue from a state."""
        plain = json.loads(arrays["plain"].tobytes())
        slots: dict[int, dict[str, Any]] = {int(i): dict(s) for i, s in plain["slots"].items()}
        for key, value in arrays.items():
            if key.startswith("slot/"):
                _, index, name = key.split("/", 2)
                slots.setdefault(int(index), {})[name] = torch.from_numpy(np.array(value))
        self.optimiser.load_state_dict({"state": slots, "param_groups": plain["groups"]})
        if self.schedule is not None:
            self.schedule.load_state_dict(self.schedule.state_dict() | plain["schedule"])


def distinct(parameters: Iterable[torch.Tensor]) -> list[torch.Tensor]:
    """Each tensor once: a flow's are in the store under the guide's names and under its own."""
    return list({id(each): each for each in parameters}.values())


def _plain(state: dict[str, Any]) -> dict[str, Any]:
    """A scheduler's state without settings that JSON would change; the resumed run has them."""
    kept = {}
    for key, value in state.items():
        if isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
            kept[key] = [_plain(item) for item in value]
            continue
        with contextlib.suppress(TypeError):  # functions
            if json.loads(json.dumps(value)) == value:
                kept[key] = value
    return kept
