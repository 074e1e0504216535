"""Latents of a datum: what the model draws, and what the guide proposes (Pyro)."""

from __future__ import annotations

from collections.abc import Sequence

import pyro.distributions as dist
import torch
from torch import Tensor

from ppl_models.networks.latent_variables.flows import Flow
from ppl_models.networks.latent_variables.positive_latents import ExponentialLatent, LogNormalLatent

EDGE = 1 - 1e-6  # of (-1, 1); in single precision a tanh would reach 1, which has no inverse


def normal(output: Tensor) -> dist.TorchDistribution:
    """Normal(m, exp(s)), event (D,), from a network's output (m, s), shape (..., 2 D)."""
    mean, log_scale = output.chunk(2, dim=-1)
    return dist.Normal(mean, log_scale.exp()).to_event(1)


def full_noise(mean: Tensor, free: Tensor) -> dist.TorchDistribution:
    """MultivariateNormal(mean, G G'), event (D,), G lower triangular.

    Args:
        mean: shape (..., D).
        free: G below its diagonal and log G on it, (D, D).
    """
    tril = free.tril(-1) + torch.diag(free.diagonal().exp())
    return dist.MultivariateNormal(mean, scale_tril=tril)


def one_hot(logits: Tensor) -> dist.TorchDistribution:
    """One-hot rows, event shape (rows, classes), from logits (..., rows, classes)."""
    return dist.OneHotCategorical(logits=logits).to_event(1)


def side_by_side(parts: Sequence[Tensor]) -> Tensor:
    """Concatenate along the last dimension; the leading ones broadcast, as particles need it."""
    if len(parts) == 1:
        return parts[0]
    leading = torch.broadcast_shapes(*(part.shape[:-1] for part in parts))
    return torch.cat([part.expand(*leading, -1) for part in parts], dim=-1)


class GaussianLatent:
    """z ~ Normal(0, I); the guide's Normal(m, exp(s)) may be transformed by a flow.

    Attributes:
        site: its name in the programs.
        inputs: how many numbers a decoder is given, D.
        outputs: how many numbers an encoder gives: m, s, and what the flow is made of.
    """

    site = "z"

    def __init__(self, flow: Flow) -> None:
        self.flow = flow
        self.inputs, self.outputs = flow.dim, 2 * flow.dim + flow.inputs

    def prior(self, like: Tensor) -> dist.TorchDistribution:
        """p(z), event (D,), on the device of `like`."""
        return dist.Normal(like.new_zeros(self.inputs), 1.0).to_event(1)

    def proposal(self, output: Tensor) -> dist.TorchDistribution:
        """q(z) from what an encoder gives, shape (..., outputs)."""
        gaussian, given = output.split([2 * self.inputs, self.flow.inputs], dim=-1)
        return self.flow(normal(gaussian), given)

    def vector(self, value: Tensor) -> Tensor:
        """The value as a decoder sees it, shape (..., D)."""
        return value


class CategoricalLatent:
    """c ~ rows of OneHotCategorical(1 / classes), each proposed by logits of its own.

    Attributes:
        site: its name in the programs.
        inputs: how many numbers a decoder is given, rows * classes.
        outputs: how many numbers an encoder gives: the logits.
    """

    site = "c"

    def __init__(self, rows: int, classes: int) -> None:
        self.shape = rows, classes
        self.inputs = self.outputs = rows * classes

    def prior(self, like: Tensor) -> dist.TorchDistribution:
        """p(c), event (rows, classes), on the device of `like`."""
        return one_hot(like.new_zeros(self.shape))

    def proposal(self, output: Tensor) -> dist.TorchDistribution:
        """q(c) from what an encoder gives, shape (..., outputs)."""
        return one_hot(output.unflatten(-1, self.shape))

    def vector(self, value: Tensor) -> Tensor:
        """The value as a decoder sees it, shape (..., rows * classes)."""
        return value.flatten(-2)


Latent = GaussianLatent | CategoricalLatent | LogNormalLatent | ExponentialLatent


def latents(kind: str, flow: Flow, codes: tuple[int, int]) -> list[Latent]:
    """The latents of a VAE: z, Gaussian or positive, c of `codes` rows and classes, or both."""
    z, c = GaussianLatent(flow), CategoricalLatent(*codes)
    known: dict[str, list[Latent]] = {
        "gaussian": [z],
        "categorical": [c],
        "mixed": [z, c],
        "log-normal": [LogNormalLatent(flow.dim)],
        "exponential": [ExponentialLatent(flow.dim)],
    }
    return known[kind]


class ToInterval(dist.transforms.TanhTransform):
    """z = tanh(u), kept within [-EDGE, EDGE] so that any draw has a density."""

    def _call(self, x: Tensor) -> Tensor:
        return x.tanh().clamp(-EDGE, EDGE)

    def _inverse(self, y: Tensor) -> Tensor:
        return y.clamp(-EDGE, EDGE).atanh()


def noise(kind: str, like: Tensor) -> dist.TorchDistribution:
    """What a generator starts from: p(z), event (latent_dim,), `like` a tensor of that shape."""
    zero = torch.zeros_like(like)
    if kind == "normal":
        return dist.Normal(zero, 1.0).to_event(1)
    return dist.Uniform(zero - 1, zero + 1).to_event(1)


def noise_proposal(kind: str, output: Tensor) -> dist.TorchDistribution:
    """q(z) from the guide's output (m, s), shape (..., 2 * latent_dim).

    Normal(m, exp(s)), or the tanh of such a draw where the noise is uniform on (-1, 1).
    """
    if kind == "normal":
        return normal(output)
    # The cache remembers u, so that a draw at the edge is scored where it came from.
    return dist.TransformedDistribution(normal(output), [ToInterval(cache_size=1)])


def precision_weighted(
    first: tuple[Tensor, Tensor], second: tuple[Tensor, Tensor]
) -> tuple[Tensor, Tensor]:
    """Mean and log scale of the normalised product of two Gaussians, entry by entry.

    Args:
        first: mean and log scale.
        second: mean and log scale.
    """
    (mean, log_scale), (other, other_log_scale) = first, second
    weight = torch.sigmoid(2 * (other_log_scale - log_scale))  # the first one's share of precision
    log_precision = torch.logaddexp(-2 * log_scale, -2 * other_log_scale)
    return other + weight * (mean - other), -0.5 * log_precision
