"""Pairs whose model is the chain of a corruption and a reconstruction, Pyro."""

from __future__ import annotations

import pyro
import pyro.distributions as dist
import torch
from torch import Tensor

from ppl_models._pyro_pair import PyroPair
from ppl_models.networks.chains.chain_arguments import Chain
from ppl_models.networks.chains.counting_measure import CountingMeasure


class ChainPair(PyroPair):
    """A corrupted copy c of x, and x given c; see `denoising_autoencoder.py`.

    A subclass has `reconstruction(c, noise)`, the law of x, and says how much noise it takes.

    Attributes:
        chain: what x is, how it is corrupted, and how long chains are.
        noise_shape: of the standard normal noise that a reconstruction takes; None for none.
    """

    chain: Chain
    noise_shape: tuple[int, ...] | None = None

    def reconstruction(self, c: Tensor, noise: Tensor | None) -> dist.TorchDistribution:
        """The law of x given its corrupted copy, event (data_dim,)."""
        raise NotImplementedError

    def corruption(self, x: Tensor) -> dist.TorchDistribution:
        """The law of the corrupted copy, event (data_dim,)."""
        amount = self.chain.amount
        if self.chain.binary:
            return dist.Bernoulli(probs=(1 - amount) * x + 0.5 * amount).to_event(1)
        return dist.Normal(x, amount).to_event(1)

    @torch.no_grad()
    def transition(self, x: Tensor) -> Tensor:
        """One step of the chain that the pair defines: corrupt, reconstruct, draw."""
        c, noise = self.corruption(x).sample(), None
        if self.noise_shape is not None:
            shape = (*x.shape[:-1], *self.noise_shape)
            noise = torch.randn(shape, dtype=x.dtype, device=x.device)
        return self.reconstruction(c, noise).sample()

    def model(self, x: Tensor | None = None, *, size: int = 1) -> Tensor:
        """Score x, shape (N, data_dim), or draw `size` rows by chains; returns x's mean given c."""
        self.register()

        def copies(shape: tuple[int, ...]) -> Tensor:
            start = self._ends(shape) if x is None else x.expand(shape)
            return self.corruption(start).sample()

        with pyro.plate("data", size if x is None else len(x)):
            c = pyro.sample(
                "c", CountingMeasure((self.data_dim,), copies, binary=self.chain.binary)
            )
            law = self.reconstruction(c, self._noise())
            pyro.sample("x", law, obs=x)
        return law.mean

    def guide(self, x: Tensor) -> None:
        """Corrupt x: c, shape (N, data_dim), and the reconstruction's noise; nothing is trained."""
        with pyro.plate("data", len(x)):
            pyro.sample("c", self.corruption(x))
            self._noise()

    @property
    def _like(self) -> Tensor:
        """A tensor of the type and on the device of the networks."""
        return next(self.parameters())

    def _noise(self) -> Tensor | None:
        if self.noise_shape is None:
            return None
        zero = self._like.new_zeros(self.noise_shape)
        return pyro.sample("noise", dist.Normal(zero, 1.0).to_event(len(self.noise_shape)))

    def _ends(self, shape: tuple[int, ...]) -> Tensor:
        """Ends of chains that begin at independent entries."""
        middle = torch.as_tensor(self.chain.middle).to(self._like).expand(shape)
        binary = self.chain.binary
        value = torch.bernoulli(middle) if binary else middle + torch.randn_like(middle)
        for _ in range(self.chain.burn_in):
            value = self.transition(value)
        return value
