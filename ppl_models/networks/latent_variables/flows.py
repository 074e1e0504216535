"""Normalising flows on a guide's Gaussian, for Pyro pairs (torch)."""

from __future__ import annotations

from typing import cast

import numpy as np
import pyro.distributions as dist
import torch
from pyro.distributions.transforms import AffineAutoregressive
from pyro.distributions.transforms.planar import ConditionedPlanar
from torch import Tensor, nn

from ppl_models.networks.latent_variables.latent_structure import flow_inputs, masks, order
from ppl_models.networks.mlp import linear


class Flow(nn.Module):
    """Transforms of a draw z whose parameters come from the encoder, datum by datum.

        planar: z + u tanh(w'z + b), with (b, u, w - 1) from the encoder, u moved so that the map is
                invertible (Rezende & Mohamed 2015, arXiv:1505.05770)
        iaf:    exp(s) z + m, (m, s) = network(z, h), entry i from the entries before it and from
                the encoder's h; every second network takes the entries in reverse
                (Kingma et al. 2016, arXiv:1606.04934)

    A planar map has no inverse in closed form: the density of a value that it did not draw itself
    is not known.

    Args:
        kind: one of `latent_structure.FLOWS`.
        length: number of transforms.
        dim: size of z.
        width: hidden units of each network of `"iaf"`.
        generator: source of the initial weights.
    """

    def __init__(
        self, kind: str, length: int, dim: int, width: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        self.kind, self.length, self.dim = kind, length, dim
        self.inputs = flow_inputs(kind, length, dim)
        steps = range(length) if kind == "iaf" else ()
        self.steps = nn.ModuleList(
            Autoregressive(dim, width, generator, reverse=step % 2 == 1) for step in steps
        )

    def forward(self, base: dist.TorchDistribution, given: Tensor) -> dist.TorchDistribution:
        """The distribution of the transformed draw; `given` has shape (N, inputs)."""
        if self.kind == "none":
            return base
        transforms = []
        if self.kind == "planar":
            for part in given.chunk(self.length, dim=-1):
                bias, u, w = part.split([1, self.dim, self.dim], dim=-1)
                transforms.append(ConditionedPlanar((bias, u, w + 1)))
        for step in self.steps:
            transforms.append(AffineAutoregressive(_Conditioned(cast(Autoregressive, step), given)))
        return dist.TransformedDistribution(base, transforms)


class Autoregressive(nn.Module):
    """Mean and log scale of each entry of z from those before it and from a context h."""

    def __init__(self, dim: int, width: int, generator: torch.Generator, *, reverse: bool) -> None:
        super().__init__()
        self.permutation = order(dim, reverse=reverse)
        first, last = masks(self.permutation, width)
        self.masks = torch.tensor(first), torch.tensor(np.concatenate([last, last]))
        self.inner = linear(dim, width, generator)
        self.context = linear(dim, width, generator)
        self.outer = linear(width, 2 * dim, generator)

    def forward(self, z: Tensor, context: Tensor) -> tuple[Tensor, Tensor]:
        """Mean and log scale, each of the shape of z."""
        first, last = (mask.to(z.device) for mask in self.masks)
        hidden = nn.functional.linear(z, self.inner.weight * first, self.inner.bias)
        hidden = torch.tanh(hidden + self.context(context))
        output = nn.functional.linear(hidden, self.outer.weight * last, self.outer.bias)
        mean, log_scale = output.chunk(2, dim=-1)
        return mean, log_scale


class _Conditioned:
    """An autoregressive network beside its context, as Pyro's transform calls it."""

    def __init__(self, network: Autoregressive, context: Tensor) -> None:
        self.network, self.context = network, context
        self.permutation = network.permutation

    def __call__(self, z: Tensor) -> tuple[Tensor, Tensor]:
        return self.network(z, self.context)
