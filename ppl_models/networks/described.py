"""Networks that tell how they were built; it imports no framework."""

from __future__ import annotations

import inspect
from typing import Any


class Described:
    """A network that keeps each argument of its constructor in an attribute of that name."""

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The constructor's arguments, sequences as lists, as JSON has them."""
        _, *names = inspect.signature(type(self).__init__).parameters  # without self
        values = ((name, getattr(self, name)) for name in names)
        return {name: list(v) if isinstance(v, tuple) else v for name, v in values}


def check_beside(classes: int, latent_dim: int, x: Any, others: tuple[Any, ...]) -> None:
    """Check what a critic takes besides x: labels (N,) if it has classes, then latents (N, Z).

    Raises:
        ValueError: naming what is missing, too much or of another shape.
    """
    wanted = [("y", "(N,)", "classes")] if classes else []
    wanted += [("z", f"(N, {latent_dim})", "latent_dim")] if latent_dim else []
    if len(others) != len(wanted):
        listed = " and ".join(f"{name} of shape {shape}" for name, shape, _ in wanted)
        raise ValueError(
            f"the critic takes {listed or 'nothing'} besides x, got {len(others)} arrays; call it "
            "with these, or build it with the classes= and latent_dim= of what you have."
        )
    for (name, shape, argument), other in zip(wanted, others, strict=True):
        rows = tuple(x.shape[:-1])
        expected = rows if name == "y" else (*rows, latent_dim)
        if tuple(other.shape) != expected:
            raise ValueError(
                f"the critic's {name} must have shape {shape}, here {expected}, got "
                f"{tuple(other.shape)}; build the critic with {argument}= of it."
            )
