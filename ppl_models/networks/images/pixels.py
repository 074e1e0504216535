"""Laws of one pixel, and of an image pixel by pixel (torch)."""

from __future__ import annotations

from typing import Any

import pyro.distributions as dist
import torch
from torch import Size, Tensor
from torch.distributions import constraints

from ppl_models.networks.autoregression.autoregressive import Autoregressive
from ppl_models.networks.images.pixel_networks import PixelNetwork
from ppl_models.networks.observations.likelihoods import DiscretisedLogistic, GreyLevels

PIXELS = ("bernoulli", "categorical", "logistic-mixture")
_SMALLEST = -7.0  # log scale: below it a logistic is one level, and its gradients overflow
_ONE = Size()


class CategoricalLevels(dist.TorchDistribution):
    """The level k / (levels - 1) with probability softmax(logits)_k.

    Args:
        logits: shape (..., levels).
    """

    arg_constraints: Any = {"logits": constraints.real_vector}  # noqa: RUF012
    has_rsample = False

    def __init__(self, logits: Tensor, *, validate_args: bool | None = None) -> None:
        self.each = torch.distributions.Categorical(logits=logits, validate_args=False)
        self.logits, self.levels = self.each.logits, logits.shape[-1]
        super().__init__(logits.shape[:-1], validate_args=validate_args)

    @constraints.dependent_property(is_discrete=True, event_dim=0)
    def support(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The grey levels."""
        return GreyLevels(self.levels)

    def expand(self, batch_shape: Any, _instance: Any = None) -> CategoricalLevels:
        """The distribution with its parameters expanded."""
        return CategoricalLevels(self.logits.expand(*batch_shape, self.levels), validate_args=False)

    def sample(self, sample_shape: Any = _ONE) -> Tensor:
        """Draw levels."""
        return self.each.sample(Size(sample_shape)).to(self.logits) / (self.levels - 1)

    def log_prob(self, value: Tensor) -> Tensor:
        """log P(x)."""
        if self._validate_args:
            self._validate_sample(value)
        return self.each.log_prob((value * (self.levels - 1)).round())

    @property
    def mean(self) -> Tensor:
        """The mean level."""
        levels = torch.linspace(0, 1, self.levels).to(self.logits)
        return self.logits.softmax(-1) @ levels


class Pixel:
    """The law of a pixel by name, one of `PIXELS`, and the outputs that it takes.

        bernoulli:         Bernoulli(logits = output)
        categorical:       level k with probability softmax(output)_k
        logistic-mixture:  sum_k softmax(a)_k DiscretisedLogistic(m_k, exp(s_k)), output = (a, m, s)

    (The last of Salimans et al. 2017, arXiv:1701.05517.)

    Args:
        kind: which.
        levels: of grey, from 0 to 1.
        components: of the mixture.
    """

    def __init__(self, kind: str, levels: int, components: int) -> None:
        self.kind, self.components = kind, components
        self.levels = 2 if kind == "bernoulli" else levels
        self.support: Any = constraints.boolean if kind == "bernoulli" else GreyLevels(levels)

    def start(self) -> Tensor:
        """Outputs to begin with: all values about as likely; components lie evenly in [0, 1]."""
        if self.kind != "logistic-mixture":
            return torch.zeros(1 if self.kind == "bernoulli" else self.levels)
        number = self.components
        places = (torch.arange(number) + 0.5) / number
        scales = torch.full((number,), -2.0 - torch.tensor(float(number)).log().item() / 2)
        return torch.cat([torch.zeros(number), places, scales])

    def law(self, output: Tensor) -> Any:
        """The law of pixels, batch shape (...,), from outputs (..., size)."""
        if self.kind == "bernoulli":
            return dist.Bernoulli(logits=output[..., 0])
        if self.kind == "categorical":
            return CategoricalLevels(output)
        weights, places, scales = output.chunk(3, -1)
        each = DiscretisedLogistic(places, scales.clamp(min=_SMALLEST).exp(), self.levels)
        return dist.MixtureSameFamily(dist.Categorical(logits=weights), each)

    def draw(
        self, output: Tensor, value: Tensor, held: Tensor, temperature: float
    ) -> tuple[Tensor, Tensor]:
        """A pixel, drawn or held at a value, and log p of what is held, (...).

        Probabilities are those of the law to the power of 1 / temperature, normalised.
        """
        levels = torch.linspace(0, 1, self.levels).to(output)
        log_p = self.law(output.unsqueeze(-2)).log_prob(levels) / temperature
        each = torch.distributions.Categorical(logits=log_p, validate_args=False)
        index = torch.where(held, (value * (self.levels - 1)).round().long(), each.sample())
        return levels[index], each.log_prob(index).where(held, 0.0)


class PixelLaw(Autoregressive):
    """Flat images, each pixel given those before it in raster order.

    Args:
        network: what it makes of these.
        pixel: the law of one.
        given: one-hot classes, (..., classes), or None.
        batch_shape: shape of the independent images.
    """

    def __init__(
        self,
        network: PixelNetwork,
        pixel: Pixel,
        given: Tensor | None,
        batch_shape: tuple[int, ...],
    ) -> None:
        self.network, self.pixel, self.given = network, pixel, given
        self.support = constraints.independent(pixel.support, 1)
        height, width = network.image_shape
        super().__init__(Size(batch_shape), Size((height * width,)))

    @property
    def ranks(self) -> Tensor:
        """The number of each pixel, (height * width,)."""
        return torch.arange(self.event_shape[0], device=self.network.last.bias.device)

    def conditionals(self, inputs: Tensor) -> Any:
        """The laws of all pixels, batch shape (...,), from images (..., height * width)."""
        return self.pixel.law(self.network.outputs(inputs, self.given)).to_event(1)

    def features(self, inputs: Tensor) -> Tensor:
        """The last hidden layer of each pixel, (..., height * width, channels)."""
        return self.network.features(inputs, self.given)

    @torch.no_grad()
    def complete(
        self, values: Tensor, held: Tensor, temperature: float = 1.0
    ) -> tuple[Tensor, Tensor]:
        """Draw the pixels that are not held; the whole costs one pass of the network."""
        leading, dim = values.shape[:-1], values.shape[-1]
        shown, fixed = values.reshape(-1, dim), held.expand(values.shape).reshape(-1, dim)
        given = self.given
        if given is not None:
            given = given.expand(*leading, -1).reshape(-1, given.shape[-1])
        drawn, log_weight = torch.zeros_like(shown), shown.new_zeros(len(shown))

        def choose(place: int, output: Tensor) -> Tensor:
            nonlocal log_weight
            here = shown[:, place], fixed[:, place]
            drawn[:, place], score = self.pixel.draw(output, *here, temperature)
            log_weight = log_weight + score
            return drawn[:, place]

        self.network.in_order(len(shown), given, choose)
        return drawn.reshape(values.shape), log_weight.reshape(leading)

    def _zeros(self, shape: Any) -> Tensor:
        return next(self.network.parameters()).new_zeros(shape)
