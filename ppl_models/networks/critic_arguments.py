"""What critics are built of and take, on both engines; it imports no framework."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from typing import Any

from ppl_models.networks.arguments import (
    check_choice,
    check_count,
    check_flag,
    check_network,
    check_not_negative,
    check_seed,
    check_size,
)
from ppl_models.networks.image_arguments import check_image_shape

START = 0.1  # standard deviation of the first weights, as in Salimans et al. 2016


class CriticArguments:
    """What every critic keeps under its constructor's names, and the arrays that it sees."""

    classes: int
    latent_dim: int
    seed: int

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """The constructor's arguments as JSON has them, by which a run's spec names the critic."""
        _, *names = inspect.signature(type(self).__init__).parameters
        given = {name: getattr(self, name) for name in names}
        return {name: list(v) if isinstance(v, tuple) else v for name, v in given.items()}

    def _check_beside(self, x: Any, others: tuple[Any, ...]) -> None:
        """Check y, (N,), if there are classes, then z, (N, latent_dim), if there are latents."""
        wanted = [("y", "(N,)", "classes")] if self.classes else []
        wanted += [("z", f"(N, {self.latent_dim})", "latent_dim")] if self.latent_dim else []
        if len(others) != len(wanted):
            listed = " and ".join(f"{name} of shape {shape}" for name, shape, _ in wanted)
            raise ValueError(
                f"the critic takes {listed or 'nothing'} besides x, got {len(others)} arrays; call "
                "it with these, or build it with the classes= and latent_dim= of what you have."
            )
        for (name, shape, argument), other in zip(wanted, others, strict=True):
            expected = (len(x),) if name == "y" else (len(x), self.latent_dim)
            if tuple(other.shape) != expected:
                raise ValueError(
                    f"the critic's {name} must have shape {shape}, here {expected}, got "
                    f"{tuple(other.shape)}; build the critic with {argument}= of it."
                )


class ConvArguments(CriticArguments):
    """The arguments of `critics.ConvCritic`, checked and kept under their names."""

    image_shape: tuple[int, int]
    channels: int
    hidden: int
    normalise: str
    spectral_norm: bool
    minibatch_features: int

    def _keep(
        self,
        image_shape: Sequence[int],
        channels: int,
        *,
        hidden: int,
        classes: int,
        latent_dim: int,
        normalise: str,
        spectral_norm: bool,
        minibatch_features: int,
        seed: int,
    ) -> None:
        """Check and keep.

        Raises:
            ValueError: if an argument is out of range.
        """
        self.image_shape = check_image_shape(image_shape)
        self.channels = check_size("channels", channels)
        self.hidden = check_size("hidden", hidden)
        self.classes = check_count("classes", classes)
        self.latent_dim = check_count("latent_dim", latent_dim)
        self.normalise = check_choice("normalise", normalise, ("none", "virtual"))
        self.spectral_norm = check_flag("spectral_norm", spectral_norm)
        self.minibatch_features = check_count("minibatch_features", minibatch_features)
        self.seed = check_seed(seed)


class DenseArguments(CriticArguments):
    """The arguments of `dense_critic.DenseCritic`, checked and kept under their names."""

    data_dim: int
    hidden: tuple[int, ...]
    outputs: int
    activation: str
    weight_norm: bool
    input_noise: float
    noise: float

    def _keep(
        self,
        data_dim: int,
        hidden: Sequence[int],
        *,
        outputs: int,
        activation: str,
        weight_norm: bool,
        input_noise: float,
        noise: float,
        classes: int,
        latent_dim: int,
        seed: int,
    ) -> None:
        """Check and keep.

        Raises:
            ValueError: if an argument is out of range.
        """
        self.data_dim = check_size("data_dim", data_dim)
        self.hidden, self.activation = check_network(hidden, activation), activation
        self.outputs = check_size("outputs", outputs)
        self.weight_norm = check_flag("weight_norm", weight_norm)
        self.input_noise = check_not_negative("input_noise", input_noise)
        self.noise = check_not_negative("noise", noise)
        self.classes = check_count("classes", classes)
        self.latent_dim = check_count("latent_dim", latent_dim)
        self.seed = check_seed(seed)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Of the inputs, the hidden layers and the output."""
        return (self.data_dim + self.classes + self.latent_dim, *self.hidden, self.outputs)

    @property
    def noises(self) -> tuple[float, ...]:
        """Standard deviation of the noise before each layer."""
        return (self.input_noise, *(self.noise,) * len(self.hidden))
