"""Normalising flow, Pyro (Dinh et al. 2015; Papamakarios et al. 2017; Durkan et al. 2019)."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ppl_models.flows._density import FlowNetwork, Mixture
from ppl_models.flows._flow_pair import FlowPair
from ppl_models.flows._plan import BASES, check_plan
from ppl_models.flows._steps import steps_of
from ppl_models.networks.arguments import check_choice, check_size

__all__ = ["Flow"]


class Flow(FlowPair):
    """An invertible map of noise to data, whose density is exact; no latents.

    Story, for each datum n, given y_n where there is one:

        u_n ~ Normal(0, I), or a mixture of Gaussians               (data_dim,)
        x_n = f(u_n, y_n)                                           (data_dim,)
        log p(x) = log p(u) + log |du/dx|

    as one site x: the density takes u and the log-determinant from one pass. `ELBO()` is the exact
    log-likelihood; `run.encode(x)` is u. f is the inverse of `length` steps from x to u, with a
    permutation between two of them:

        nice                    coupling, u_2 = x_2 - t(x_1); the volume stays
        realnvp                 coupling, u_2 = (x_2 - m(x_1)) exp(-s(x_1))
        maf                     u_i = (x_i - m_i(x_<i)) exp(-s_i(x_<i)): a draw takes a pass for
                                each column
        iaf                     x_i = (u_i - m_i(u_<i)) exp(-s_i(u_<i)): a density does
        spline                  coupling by rational-quadratic splines
        spline-autoregressive   the same with a spline for each column given those before it

    (Dinh et al. 2015, arXiv:1410.8516, and 2017, arXiv:1605.08803; Papamakarios et al. 2017,
    arXiv:1705.07057; Kingma et al. 2016, arXiv:1606.04934; Durkan et al. 2019, arXiv:1906.04032).
    m, s and t are networks; what they add to s is kept within 5 by a tanh. The pair's transforms
    are the zoo's own on both libraries: Pyro's keep their last value by identity, and know the
    density of an autoregressive one in one direction alone.

    With batch normalisation a step normalises by its own batch, so that a datum's density depends
    on the others'; what evaluates a fitted pair uses the running averages.

    Args:
        data_dim: columns of x.
        kind: one of the six above.
        length: number of steps.
        hidden: hidden sizes of each step's network.
        activation: one of `"tanh", "relu", "softplus", "elu", "silu", "leaky-relu", "sigmoid"`.
        batch_norm: whether each step is followed by batch normalisation, as in MAF.
        permutations: `"reverse"`, `"random"` or `"none"`, of the columns between two steps.
        base: `"normal"`, or `"mixture"` for Gaussians with learnt weights, means and scales, whose
            draws are not reparameterised.
        components: number of Gaussians of that mixture.
        preprocess: `"none"`, or `"logit"` for data in [0, 1]: logit(margin + (1 - 2 margin) x)
            comes before the steps, and its volume counts.
        margin: of that; draws lie in [-m, 1 + m] with m = margin / (1 - 2 margin).
        rescale: whether each column is shifted and scaled by learnt numbers before the steps, as
            in NICE, whose volume is then no longer that of x.
        bins: of a spline.
        bound: a spline is the identity outside of [-bound, bound]; scale the data to lie inside.
        dequantisation: `"none"`, or `"uniform"` or `"variational"` for grey levels.
        levels: how many there are, of those.
        noise_length: number of coupling steps of the variational noise; they have `hidden` too.
        classes: number of classes, where y is one whole number for each row.
        condition_dim: columns of y, where y is a vector. Without both the pair takes x alone.
        seed: seed of the initial weights and of random permutations.
    """

    def __init__(
        self,
        *,
        data_dim: int = 64,
        kind: str = "maf",
        length: int = 5,
        hidden: Sequence[int] = (128, 128),
        activation: str = "relu",
        batch_norm: bool = False,
        permutations: str = "reverse",
        base: str = "normal",
        components: int = 10,
        preprocess: str = "none",
        margin: float = 0.05,
        rescale: bool = False,
        bins: int = 8,
        bound: float = 5.0,
        dequantisation: str = "none",
        levels: int = 256,
        noise_length: int = 2,
        classes: int | None = None,
        condition_dim: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(classes, condition_dim)
        plan = check_plan(
            kind=kind,
            data_dim=data_dim,
            length=length,
            hidden=hidden,
            activation=activation,
            batch_norm=batch_norm,
            permutations=permutations,
            rescale=rescale,
            bins=bins,
            bound=bound,
            context=self.condition.width,
            seed=seed,
        )
        check_choice("base", base, BASES)
        check_size("components", components)
        random = torch.Generator().manual_seed(seed)
        mixture = Mixture(components, data_dim, random) if base == "mixture" else None
        steps = [*self._before(preprocess, margin), *steps_of(plan, random)]
        self.data_dim = plan.dim
        self.flow = FlowNetwork(steps, mixture)
        self._dequantise(dequantisation, levels, noise_length, plan, random)
