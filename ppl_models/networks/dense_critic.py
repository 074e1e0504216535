"""A critic of fully connected layers with weights of norm 1 and noise between them (torch)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import cast

import torch
from torch import Tensor, nn

from ppl_models.networks.critic_arguments import START, DenseArguments
from ppl_models.networks.mlp import ACTIVATION_FUNCTIONS, linear


class WeightNorm(nn.Module):
    """A linear layer whose units have weights of norm 1, or of a norm that is learnt.

    (Salimans & Kingma 2016, arXiv:1602.07868.) For unit j, with the trained w_j and b_j,

        y_j = s_j x . w_j / |w_j| + b_j,   s_j = 1, or trained from there

    w starts as Normal(0, 0.1^2), so that all directions are alike, and b at 0. The length of w does
    not show in y, but a step of Adam turns a long w less than a short one.

    Args:
        fan_in: columns of x.
        fan_out: units.
        generator: source of the weights.
        scaled: whether s is trained.
    """

    def __init__(
        self, fan_in: int, fan_out: int, generator: torch.Generator, *, scaled: bool
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(START * torch.randn(fan_out, fan_in, generator=generator))
        self.scale = nn.Parameter(torch.ones(fan_out)) if scaled else None
        self.bias = nn.Parameter(torch.zeros(fan_out))

    def forward(self, x: Tensor) -> Tensor:
        """(..., fan_in) to (..., fan_out)."""
        slope = 1 / torch.linalg.vector_norm(self.weight, dim=1)
        if self.scale is not None:
            slope = self.scale * slope
        return nn.functional.linear(x, self.weight * slope[:, None], self.bias)


class DenseCritic(DenseArguments, nn.Module):
    """A critic of fully connected layers, which sees its inputs and hidden layers under noise.

    It maps x, shape (N, data_dim), to a score for each row, shape (N,), or to several numbers,
    (N, outputs), such as the logits of classes. In training mode it adds Gaussian noise to all
    inputs together and to each hidden layer's output, new in each call, also where a generator
    learns from it; in evaluation mode, none. With `weight_norm`, as in the critic of few labels of
    Salimans et al. 2016 (arXiv:1606.03498), hidden units have weights of norm 1, so that no layer
    can drown the noise in large weights; the norms of the last layer are learnt.

    Args:
        data_dim: columns of x.
        hidden: sizes of the hidden layers.
        outputs: numbers per row; 1 for a score.
        activation: `"tanh"`, `"relu"`, `"softplus"`, `"elu"`, `"silu"`, `"leaky-relu"` or
            `"sigmoid"`.
        weight_norm: whether layers are `WeightNorm`; otherwise they are plain, and Glorot uniform.
        input_noise: standard deviation of the noise on the inputs.
        noise: the same on each hidden layer's output.
        classes: number of classes of the labels y, shape (N,), that it sees beside x; 0 for none.
        latent_dim: columns of the latents z that it sees beside x; 0 for none.
        seed: seed of the initial weights.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        data_dim: int = 784,
        hidden: Sequence[int] = (1000, 500, 250, 250, 250),
        *,
        outputs: int = 1,
        activation: str = "relu",
        weight_norm: bool = True,
        input_noise: float = 0.3,
        noise: float = 0.5,
        classes: int = 0,
        latent_dim: int = 0,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self._keep(
            data_dim,
            hidden,
            outputs=outputs,
            activation=activation,
            weight_norm=weight_norm,
            input_noise=input_noise,
            noise=noise,
            classes=classes,
            latent_dim=latent_dim,
            seed=seed,
        )
        random = torch.Generator().manual_seed(seed)
        last = len(self.hidden)
        self.layers = nn.ModuleList(
            WeightNorm(*sizes, random, scaled=place == last)
            if weight_norm
            else linear(*sizes, random)
            for place, sizes in enumerate(pairwise(self.sizes))
        )

    def forward(self, x: Tensor, *others: Tensor) -> Tensor:
        """Shape (N,), or (N, outputs) where there are several."""
        output = self.layers[-1](self._noisy(self.features(x, *others), self.noises[-1]))
        return output.squeeze(-1) if self.outputs == 1 else output

    def features(self, x: Tensor, *others: Tensor) -> Tensor:
        """The last hidden layer before the noise on it, shape (N, hidden[-1])."""
        self._check_beside(x, others)
        beside = list(others)
        if self.classes:
            beside[0] = nn.functional.one_hot(beside[0].long(), self.classes).to(x.dtype)
        found = torch.cat([x, *beside], dim=-1)
        activation = ACTIVATION_FUNCTIONS[self.activation]
        for layer, noise in zip(list(self.layers)[:-1], self.noises[:-1], strict=True):
            found = activation(cast(Tensor, layer(self._noisy(found, noise))))
        return found

    def _noisy(self, units: Tensor, scale: float) -> Tensor:
        """With noise, in training mode."""
        if not self.training or not scale:
            return units
        return units + scale * torch.randn_like(units)
