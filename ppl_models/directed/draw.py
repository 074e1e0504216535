"""DRAW, a deep recurrent attentive writer, Pyro (Gregor et al. 2015, arXiv:1502.04623)."""

from __future__ import annotations

import pyro
import pyro.distributions as dist
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from ppl_models._pyro_pair import PyroPair
from ppl_models.networks.arguments import check_flag, check_seed, check_size
from ppl_models.networks.chains.sequential import Carry, Sequential
from ppl_models.networks.image_arguments import check_windows
from ppl_models.networks.images.canvas import Painter, Reader, State
from ppl_models.networks.mlp import linear
from ppl_models.networks.recurrence.recurrent import Initial
from ppl_models.networks.start_values import output_bias

__all__ = ["DRAW"]


class DRAW(PyroPair):
    """An image painted in steps, each from a latent of its own, and inferred while it is painted.

    Story, for each datum n, with h_0 = 0 and a trained canvas c_0, the steps t = 1..T:

        z_nt ~ Normal(0, I)                                        (steps, latent_dim)
        h_nt = LSTM(z_nt, h_n,t-1),   c_nt = c_n,t-1 + write(h_nt)
        x_n ~ Bernoulli(logits = c_nT)                             (data_dim,)
        guide: z_nt ~ Normal(m, exp(s)), (m, s) = W e_nt + b,
               e_nt = LSTM([read(x_n, x_n - sigmoid(c_n,t-1), h_n,t-1), h_n,t-1], e_n,t-1)

    The guide paints along: z_nt depends on all draws before it. With `attention`, `read` and
    `write` see a grid of Gaussian filters that the decoder moves, zooms and sharpens; without, they
    see the whole image.

    Args:
        data_dim: columns of x; with attention the square of a whole number.
        latent_dim: size of the latent of one step.
        hidden: size of the encoder and of the decoder.
        steps: T, how many strokes paint an image.
        attention: whether reading and writing go through a grid of filters.
        read_size: filters per side of the grid that is read through; not used without attention.
        write_size: filters per side of the grid that is written through; likewise.
        data_mean: mean of the training data, shape (data_dim,), on the first canvas; None: grey.
        seed: seed of the initial weights.
    """

    def __init__(
        self,
        *,
        data_dim: int = 784,
        latent_dim: int = 10,
        hidden: int = 256,
        steps: int = 10,
        attention: bool = False,
        read_size: int = 2,
        write_size: int = 5,
        data_mean: ArrayLike | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        self.data_dim = check_size("data_dim", data_dim)
        self.latent_dim = check_size("latent_dim", latent_dim)
        self.hidden = check_size("hidden", hidden)
        self.steps = check_size("steps", steps)
        self.attention = check_flag("attention", attention)
        read, write = check_windows(data_dim, read_size, write_size, attention=attention)
        random = torch.Generator().manual_seed(check_seed(seed))
        self.canvas = Initial(torch.as_tensor(output_bias(data_mean, data_dim, "bernoulli")))
        self.painter = Painter(data_dim, latent_dim, hidden, write, random)
        self.reader = Reader(data_dim, latent_dim, hidden, read, random)
        self.glance = None if attention else linear(data_dim, 4 * hidden, random, bias=False)

    def _blank(self) -> State:
        canvas = self.canvas()
        still = canvas.new_zeros(self.hidden)
        return still, still, canvas

    def model(self, x: Tensor | None = None, *, size: int = 1) -> Tensor:
        """Score x, shape (N, data_dim), or draw `size` rows; returns the likelihood's mean."""
        self.register("canvas", "painter")
        with pyro.plate("data", size if x is None else len(x)):
            drawn = self._blank()
            prior = drawn[-1].new_zeros(self.steps, self.latent_dim)
            z = pyro.sample("z", dist.Normal(prior, 1.0).to_event(2))
            for step in z.unbind(-2):
                drawn = self.painter(step, drawn)
            pyro.sample("x", dist.Bernoulli(logits=drawn[-1]).to_event(1), obs=x)
        return drawn[-1].sigmoid()

    def guide(self, x: Tensor) -> None:
        """Propose z, shape (N, steps, latent_dim), stroke by stroke."""
        self.register("canvas", "painter", "reader")
        glance = None
        if self.glance is not None:
            self.register("glance")
            glance = self.glance(x)

        def propose(carry: Carry, _: None) -> tuple[Tensor, Tensor, Carry]:
            h, c, *drawn = carry
            mean, log_scale, h, c = self.reader(x, glance, h, c, drawn)
            return mean, log_scale.exp(), (h, c, *drawn)

        def advance(carry: Carry, z: Tensor) -> Carry:
            h, c, *drawn = carry
            return (h, c, *self.painter(z, drawn))

        with pyro.plate("data", len(x)):
            drawn = self._blank()
            carry = (*drawn[:2], *drawn)
            shape = (self.steps, self.latent_dim)
            pyro.sample("z", Sequential(propose, advance, carry, shape, x.shape[:-1]))

    def canvases(self, z: Tensor) -> Tensor:
        """What is on the canvas after each step, as means of x: (..., steps, data_dim)."""
        self.register("canvas", "painter")
        drawn, canvases = self._blank(), []
        for step in z.unbind(-2):
            drawn = self.painter(step, drawn)
            canvases.append(drawn[-1].sigmoid())
        return torch.stack(canvases, -2)
