"""Where a run computes, on Pyro."""

from __future__ import annotations

import torch

from inference.errors import ArgumentError


def device_name(name: str | None) -> str:
    """What a device is called, such as "NVIDIA H200"; empty for the CPU."""
    device = find_device(name)
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return "" if device.type == "cpu" else device.type


def find_device(name: str | None) -> torch.device:
    """The torch device of a name such as `"cpu"` or `"cuda:1"`; the CPU for None.

    Raises:
        ArgumentError: if the machine has no such device.
    """
    try:
        device = torch.device(name or "cpu")
        torch.empty(0, device=device)
        torch.Generator(device)  # which 'meta', that holds no numbers, does not have
    except (RuntimeError, AssertionError) as error:
        why = str(error).splitlines()[0].rstrip(".")
        raise ArgumentError(
            f"device={name!r} cannot be used by torch ({why}); use 'cpu', or a device that this "
            "machine has."
        ) from error
    return device
