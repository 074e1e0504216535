"""Torch's random state, on all devices that are in use."""

from __future__ import annotations

import torch
from torch import Tensor

State = tuple[Tensor, list[Tensor]]


def random_state() -> State:
    """The present state: the CPU's, and that of each CUDA device."""
    others = torch.cuda.get_rng_state_all() if torch.cuda.is_initialized() else []
    return torch.get_rng_state(), others


def set_random_state(state: State) -> None:
    """Go back to a state.

    Args:
        state: what `random_state` returned.
    """
    torch.set_rng_state(state[0])
    if state[1]:
        torch.cuda.set_rng_state_all(state[1])


def seed_all(seed: int) -> None:
    """Seed every device, as `torch.manual_seed` does.

    That one writes down the whole stack, once for each kind of accelerator that is not in use yet,
    to tell who asked: 1 ms in a deep call. A torch that was built without any needs none of it.

    Args:
        seed: the seed.
    """
    if torch.accelerator.current_accelerator() is None:
        torch.default_generator.manual_seed(int(seed))
    else:
        torch.manual_seed(seed)
