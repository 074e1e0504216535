"""The density of a convolutional RBM, known up to a constant, and its kernel (torch)."""

from __future__ import annotations

import math
from typing import Any, ClassVar, Self

import torch
from pyro.distributions import constraints
from torch import Tensor
from torch.nn.functional import conv2d, conv_transpose2d, softplus

from ppl_models.networks.energies.energy_arguments import BLOCK, check_countable
from ppl_models.networks.energies.energy_law import EnergyLaw, base_visible, log_sum, uniform


class ConvolutionalMachine(EnergyLaw):
    """Binary images v and maps h of hidden units, whose filters are shared by all places.

        f(v) = sum_h exp(a . v + s sum_k h_k . (F_k * v + c_k))

    with * the correlation at all places where a filter fits. Without pooling every hidden unit is
    on or off by itself; with pooling at most one of each block of p x p of a map is on (Lee et al.
    2009, ICML), so that a block adds log(1 + sum exp(input)) to log f.

    Args:
        filters: F, (K, 1, S, S).
        visible: a, (height * width,).
        hidden: c, (K,).
        image_shape: height and width.
        pooling: p; 1 for none.
        coupling: s, which `tempered` lowers.
        normalised: whether `log_prob` is less the constant, which is then summed exactly.
        burn_in: steps of the chains whose ends are draws.
        means: mean of the training data, where chains begin; None where it is not known.
    """

    arg_constraints: ClassVar[Any] = {}
    support: Any = constraints.independent(constraints.boolean, 1)
    factorial = True  # a step draws the visible units independently, given the hidden ones

    def __init__(
        self,
        filters: Tensor,
        visible: Tensor,
        hidden: Tensor,
        image_shape: tuple[int, int],
        *,
        pooling: int = 1,
        coupling: Any = 1.0,
        normalised: bool = False,
        burn_in: int = 1000,
        means: Tensor | None = None,
    ) -> None:
        self.filters, self.visible, self.hidden = filters, visible, hidden
        self.image_shape, self.pooling, self.coupling = image_shape, pooling, coupling
        self.normalised, self.burn_in, self.means = normalised, burn_in, means
        super().__init__(torch.Size(), visible.shape[-1:], validate_args=False)

    def log_factor(self, value: Tensor) -> Tensor:
        """log f(v), shape (...,): up to a constant the log density."""
        blocks = self._blocks(self.inputs(value))
        each = softplus(blocks.logsumexp(-1))  # log(1 + sum exp)
        return (value * self.visible).sum(-1) + each.flatten(-3).sum(-1)

    def inputs(self, value: Tensor) -> Tensor:
        """What the hidden units see of v, (..., K, rows, columns)."""
        images = value.reshape(-1, 1, *self.image_shape)
        maps = conv2d(images, self.filters) + self.hidden[:, None, None]
        return self.coupling * maps.reshape(*value.shape[:-1], *maps.shape[1:])

    def _blocks(self, maps: Tensor) -> Tensor:
        """Maps as blocks of p x p units: (..., K, rows / p, columns / p, p^2)."""
        p = self.pooling
        *head, rows, columns = maps.shape
        split = maps.reshape(*head, rows // p, p, columns // p, p)
        return split.transpose(-3, -2).reshape(*head, rows // p, columns // p, p * p)

    def _maps(self, blocks: Tensor) -> Tensor:
        """Blocks as maps."""
        p = self.pooling
        *head, rows, columns, _ = blocks.shape
        split = blocks.reshape(*head, rows, columns, p, p).transpose(-3, -2)
        return split.reshape(*head, rows * p, columns * p)

    def hidden_chances(self, value: Tensor) -> Tensor:
        """The chance of each hidden unit given v, (..., K, rows, columns)."""
        blocks = self._blocks(self.inputs(value))
        return self._maps((blocks - softplus(blocks.logsumexp(-1, keepdim=True))).exp())

    def hidden_draw(self, value: Tensor, key: Any = None) -> Tensor:
        """Hidden units given the visible; of a block at most one is on."""
        chances = self._blocks(self.hidden_chances(value))
        ends = chances.cumsum(-1)
        point = uniform(ends[..., :1], key)
        return self._maps(((point < ends) & (point >= ends - chances)).to(value))

    def outputs(self, hidden: Tensor) -> Tensor:
        """The logits of v given h, (..., height * width)."""
        maps = hidden.reshape(-1, *hidden.shape[-3:])
        images = conv_transpose2d(maps, self.filters)
        return self.visible + self.coupling * images.reshape(*hidden.shape[:-3], -1)

    def visible_draw(self, hidden: Tensor, key: Any = None) -> Tensor:
        """Visible units given the hidden."""
        logits = self.outputs(hidden)
        return (uniform(logits, key) < logits.sigmoid()).to(logits)

    @torch.no_grad()
    def transition(self, value: Tensor, key: Any = None) -> Tensor:
        """One step of block Gibbs, v to h to v; it leaves f invariant."""
        return self.visible_draw(self.hidden_draw(value, key), key)

    def reconstruct(self, value: Tensor) -> Tensor:
        """The mean of v given the hidden units' chances at v, (..., height * width)."""
        return self.outputs(self.hidden_chances(value)).sigmoid()

    def tempered(self, beta: Any, base: Self) -> Self:
        """The machine whose joint energy is beta times this one's and 1 - beta times the base's."""
        visible = beta * self.visible + (1 - beta) * base.visible
        return self._with(visible, beta * self.coupling)

    def base(self, kind: Any = "data") -> Self:
        """The machine without filters at which chains begin; `describe_base` says the kinds."""
        return self._with(base_visible(kind, self.visible, self.means), 0.0)

    def _with(self, visible: Tensor, coupling: Any) -> Self:
        return type(self)(
            self.filters,
            visible,
            self.hidden,
            self.image_shape,
            pooling=self.pooling,
            coupling=coupling,
            burn_in=self.burn_in,
            means=self.means,
        )

    @torch.no_grad()
    def sample(self, sample_shape: Any = torch.Size()) -> Tensor:  # noqa: B008  (as torch has it)
        """The ends of chains that begin at the base and take `burn_in` steps."""
        shape = (*sample_shape, *self.batch_shape, *self.event_shape)
        logits = self.base().visible.expand(shape)
        value = (uniform(logits) < logits.sigmoid()).to(logits)
        free = isinstance(self.coupling, float) and self.coupling == 0
        for _ in range(0 if free else self.burn_in):
            value = self.transition(value)
        return value

    def log_partition(self) -> Tensor:
        """The constant log Z, by a sum over the visible states.

        Raises:
            ValueError: if there are more than 20 visible units.
        """
        if isinstance(self.coupling, float) and self.coupling == 0:
            blocks = self._blocks(self.inputs(torch.zeros_like(self.visible))).numel()
            states = math.log(1 + self.pooling**2)
            return softplus(self.visible).sum() + blocks / self.pooling**2 * states
        count, _ = check_countable(None, self.visible.shape[-1])
        return log_sum(self.log_factor, count, self.visible, at_once=BLOCK)
