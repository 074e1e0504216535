"""Where a run computes, on NumPyro."""

from __future__ import annotations

from typing import Any

import jax

from inference.errors import ArgumentError


def device_name(name: str | None) -> str:
    """What a device is called, such as "NVIDIA H200"; empty for the CPU."""
    device = find_device(name)
    return "" if device.platform == "cpu" else str(device.device_kind)


def _number(word: str) -> int:
    """Which of a platform's devices; one counted from the end is none."""
    if not word.isdecimal():
        raise ValueError(word)
    return int(word)


def find_device(name: str | None) -> Any:
    """The jax device of a name such as `"cpu"` or `"cuda:1"`; the default device for None.

    Raises:
        ArgumentError: if the machine has no such device.
    """
    if name is None:
        return jax.devices()[0]
    platform, _, index = name.partition(":")
    try:
        return jax.devices(platform)[_number(index or "0")]
    except (RuntimeError, IndexError, ValueError) as error:
        known = ", ".join(f"{device.platform}:{device.id}" for device in jax.devices())
        raise ArgumentError(f"jax has no device {name!r}; it has {known}.") from error
