"""What pyramids of generators share on both engines: levels apart, and data for each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ppl_models._pair import Pair
from ppl_models.networks.images.pyramid import Pyramid


class Levels:
    """Levels of a pyramid as pairs of their own."""

    levels: int
    shapes: Pyramid
    latent_dim: int
    hidden: tuple[int, ...]
    activation: str
    noise_scale: float
    seed: int

    def pyramid(self, x: ArrayLike) -> list[NDArray[Any]]:
        """The coarsest image and the residuals of rows (N, data_dim), the coarsest first."""
        return self.shapes.parts(np.asarray(x))

    def reconstruct(self, pyramid: Sequence[ArrayLike]) -> NDArray[Any]:
        """The rows (N, data_dim) that `pyramid` took apart; exact but for rounding."""
        return self.shapes.whole([np.asarray(part) for part in pyramid])

    def level_data(self, x: ArrayLike, number: int) -> tuple[NDArray[Any], ...]:
        """What a level trains on: residuals and enlarged coarser images; the coarsest images alone.

        Raises:
            ValueError: if there is no such level.
        """
        self._check(number)
        return tuple(self._inputs(np.asarray(x))[number - 1])

    def take_level(self, number: int, fitted: Pair) -> None:
        """Put the weights of a level that was fitted apart (`run.pair`) into this pair.

        Raises:
            ValueError: if there is no such level, or the weights are not its own.
        """
        self._check(number)
        own: Any = self
        weights = own.get_weights()
        for name, value in fitted.get_weights().items():
            part, _, rest = name.partition(".")
            weights[f"{part}{number}.{rest}"] = value
        own.set_weights(weights)

    def _inputs(self, x: Any) -> list[list[Any]]:
        """Of each level the residual and the enlarged coarser image; of the coarsest the image."""
        image, *residuals = self.shapes.parts(x)
        inputs = [[image]]
        for residual, parents in zip(residuals, self.shapes.parents, strict=True):
            larger = image[..., parents]
            inputs.append([residual, larger])
            image = larger + residual
        return inputs

    def _check(self, number: int) -> None:
        if number not in range(1, self.levels + 1):
            raise ValueError(f"level must be from 1 (the coarsest) to {self.levels}, got {number}.")

    def _new_level(self, kind: Any, number: int) -> Any:
        """A level with initial weights of its own."""
        self._check(number)
        return kind(
            data_dim=self.shapes.sizes[number - 1],
            coarsest=number == 1,
            latent_dim=self.latent_dim,
            hidden=self.hidden,
            activation=self.activation,
            noise_scale=self.noise_scale,
            seed=self.seed + number - 1,
        )

    def _filled(self, level: Any, number: int) -> Any:
        """The level with this pair's weights."""
        own: Any = self
        ends = {f"{part}{number}.": f"{part}." for part in ("decoder", "encoder")}
        weights = {
            new + name.removeprefix(old): value
            for name, value in own.get_weights().items()
            for old, new in ends.items()
            if name.startswith(old)
        }
        level.set_weights(weights)
        return level
