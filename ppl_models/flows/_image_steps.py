"""The steps of Glow on images (N, C, H, W), from data to noise and back; Pyro (torch)."""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor, nn

from ppl_models.flows._plan import LIMIT
from ppl_models.flows._steps import Mapped, Step
from ppl_models.networks.normalisation import EPSILON


class ActNorm(nn.Module):
    """Each channel shifted and scaled: u = exp(log_scale) (x - m) / s + bias.

    m and s are mean and standard deviation of the first minibatch of training, and stay (Kingma &
    Dhariwal 2018, arXiv:1807.03039); before it they are 0 and 1.
    """

    mean: Tensor
    std: Tensor
    seen: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.zeros(channels))
        self.bias = nn.Parameter(torch.zeros(channels))
        # Buffers, so that whoever looks at a pair puts them back with the other averages.
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("std", torch.ones(channels))
        self.register_buffer("seen", torch.zeros(()))

    def to_noise(self, x: Tensor) -> Mapped:
        """u, and log |du/dx| of each image."""
        if self.training and not self.seen:
            with torch.no_grad():
                var, mean = torch.var_mean(x, (0, 2, 3), correction=0)
                self.mean.copy_(mean)
                self.std.copy_((var + EPSILON).sqrt())
                self.seen.fill_(1)
        log_slope = self.log_scale - self.std.log()
        u = (x - _of_channels(self.mean)) * _of_channels(log_slope.exp()) + _of_channels(self.bias)
        return u, (log_slope.sum() * x[0, 0].numel()).expand(len(x))

    def to_data(self, u: Tensor) -> Mapped:
        """x, and log |dx/du| of each image."""
        log_slope = self.std.log() - self.log_scale
        x = (u - _of_channels(self.bias)) * _of_channels(log_slope.exp()) + _of_channels(self.mean)
        return x, (log_slope.sum() * u[0, 0].numel()).expand(len(u))


class Mixing(nn.Module):
    """An invertible 1x1 convolution, which starts as a rotation of the channels."""

    def __init__(self, channels: int, generator: torch.Generator) -> None:
        super().__init__()
        start = torch.randn(channels, channels, generator=generator)
        self.weight = nn.Parameter(torch.linalg.qr(start)[0].contiguous())

    def to_noise(self, x: Tensor) -> Mapped:
        """u, and log |du/dx| of each image."""
        return torch.einsum("oc,nchw->nohw", self.weight, x), self._log_volume(x)

    def to_data(self, u: Tensor) -> Mapped:
        """x, and log |dx/du| of each image."""
        back = torch.linalg.inv(self.weight)
        return torch.einsum("oc,nchw->nohw", back, u), -self._log_volume(u)

    def _log_volume(self, image: Tensor) -> Tensor:
        one = torch.linalg.slogdet(self.weight)[1] * image[0, 0].numel()
        return one.expand(len(image))


class Given(nn.Module):
    """Channels mapped to (x - m) exp(-s), with m and s of others: 5 tanh keeps s within 5.

    Args:
        given: how many channels the network sees.
        mapped: how many are mapped.
        hidden: channels of its two hidden layers, 0 for one convolution alone.
        generator: source of its weights; those of the last layer start at zero.
    """

    def __init__(self, given: int, mapped: int, hidden: int, generator: torch.Generator) -> None:
        super().__init__()
        sizes = (given, hidden, hidden, 2 * mapped) if hidden else (given, 2 * mapped)
        kernels = (3, 1, 3)
        self.layers = nn.ModuleList(
            _convolution(before, after, kernel, generator)
            for before, after, kernel in zip(sizes[:-1], sizes[1:], kernels, strict=False)
        )
        nn.init.zeros_(cast(nn.Conv2d, self.layers[-1]).weight)

    def forward(self, given: Tensor, value: Tensor, *, back: bool) -> Mapped:
        """The mapped channels, and the log of how they are stretched, of each image."""
        *hidden, last = self.layers
        for layer in hidden:
            given = torch.relu(layer(given))
        mean, raw = last(given).chunk(2, dim=1)
        log_scale = LIMIT * torch.tanh(raw / LIMIT)
        if back:
            return mean + log_scale.exp() * value, log_scale.sum((1, 2, 3))
        return (value - mean) * (-log_scale).exp(), -log_scale.sum((1, 2, 3))


class Scale(nn.Module):
    """A scale of Glow: squeeze, `depth` steps, and half of the channels for the next scale.

    Each block of 2 x 2 pixels becomes channels; a step is `ActNorm`, `Mixing` and a coupling of
    half of the channels to the other half. What is not handed on is noise given what is.

    Args:
        shape: channels, height and width of the image.
        scales: how many scales there are, this one among them.
        depth: steps of each.
        hidden: channels of the couplings' networks.
        generator: source of the weights.
    """

    def __init__(
        self,
        shape: tuple[int, int, int],
        scales: int,
        depth: int,
        hidden: int,
        generator: torch.Generator,
    ) -> None:
        super().__init__()
        channels, height, width = 4 * shape[0], shape[1] // 2, shape[2] // 2
        self.kept, self.shape = channels // 2, (channels, height, width)
        self.norms = nn.ModuleList(ActNorm(channels) for _ in range(depth))
        self.mixings = nn.ModuleList(Mixing(channels, generator) for _ in range(depth))
        self.couplings = nn.ModuleList(
            Given(self.kept, self.kept, hidden, generator) for _ in range(depth)
        )
        self.next: Scale | None = None
        if scales > 1:
            self.rest = Given(self.kept, self.kept, 0, generator)
            self.next = Scale((self.kept, height, width), scales - 1, depth, hidden, generator)

    def to_noise(self, x: Tensor) -> Mapped:
        """u, shape (N, C H W), and log |du/dx| of each image."""
        x, total = nn.functional.pixel_unshuffle(x, 2), x.new_zeros(len(x))
        for norm, mixing, coupling in zip(self.norms, self.mixings, self.couplings, strict=True):
            x, first = cast(ActNorm, norm).to_noise(x)
            x, second = cast(Mixing, mixing).to_noise(x)
            same, other = x.split(self.kept, dim=1)
            other, third = coupling(same, other, back=False)
            x, total = torch.cat([same, other], 1), total + first + second + third
        if self.next is None:
            return x.flatten(1), total
        same, other = x.split(self.kept, dim=1)
        other, own = self.rest(same, other, back=False)
        u, below = self.next.to_noise(same)
        return torch.cat([u, other.flatten(1)], 1), total + own + below

    def to_data(self, u: Tensor) -> Mapped:
        """x, shape (N, C, H, W), and log |dx/du| of each image."""
        total = u.new_zeros(len(u))
        if self.next is None:
            x = u.unflatten(1, self.shape)
        else:
            below, other = u.split(u.shape[1] // 2, dim=1)
            same, total = self.next.to_data(below)
            other = other.unflatten(1, (self.kept, *self.shape[1:]))
            other, own = self.rest(same, other, back=True)
            x, total = torch.cat([same, other], 1), total + own
        steps = zip(self.norms, self.mixings, self.couplings, strict=True)
        for norm, mixing, coupling in reversed(list(steps)):
            same, other = x.split(self.kept, dim=1)
            other, first = coupling(same, other, back=True)
            x, second = cast(Mixing, mixing).to_data(torch.cat([same, other], 1))
            x, third = cast(ActNorm, norm).to_data(x)
            total = total + first + second + third
        return nn.functional.pixel_shuffle(x, 2), total


class Images(Step):
    """A scale and those below it as a step of flat rows, with any leading dimensions."""

    def __init__(self, image_shape: tuple[int, int], scale: Scale) -> None:
        super().__init__()
        self.image_shape, self.scale = image_shape, scale

    def to_noise(self, x: Tensor, context: Tensor | None) -> Mapped:
        """See `Step`."""
        u, volume = self.scale.to_noise(x.reshape(-1, 1, *self.image_shape))
        return u.view(x.shape), volume.view(x.shape[:-1])

    def to_data(self, u: Tensor, context: Tensor | None) -> Mapped:
        """See `Step`."""
        x, volume = self.scale.to_data(u.reshape(-1, u.shape[-1]))
        return x.reshape(u.shape), volume.view(u.shape[:-1])


def _of_channels(values: Tensor) -> Tensor:
    return values[:, None, None]


def _convolution(before: int, after: int, kernel: int, generator: torch.Generator) -> nn.Conv2d:
    layer = cast(
        nn.Conv2d,
        nn.utils.skip_init(nn.Conv2d, before, after, kernel_size=kernel, padding=kernel // 2),
    )
    nn.init.xavier_uniform_(layer.weight, generator=generator)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer
