"""The critic that needs no framework: a multi-layer perceptron, written once for both engines."""

from __future__ import annotations

import copy
import itertools
import math
import zlib
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from inference.program.program import Program

_KERNEL_DIM = 5  # of each minibatch feature
_SLOPE = 0.2  # of the leaky rectifier below zero


class MLPCritic:
    """Inputs side by side, through hidden layers with a leaky rectifier, to one score per datum.

    It fulfils `inference.program.program.Network`. The initial weights are a function of the sizes.

    Args:
        program: what owns the weights.
        hidden: sizes of the hidden layers.
        spectral_norm: whether each weight matrix is divided by its largest singular value, as one
            step of power iteration per training step follows it (Miyato et al. 2018,
            arXiv:1802.05957).
        minibatch_features: how many numbers beside the last hidden layer tell how near a datum is
            to the others of its minibatch (Salimans et al. 2016, arXiv:1606.03498); 0 for none.
        classes: number of classes where labels, whole numbers from 0, come with the data.
        outputs: numbers per datum.
        dropout: share of the hidden units that are left out, at random in each call.
        name: what its weights are called.
    """

    _given = False  # whether the weights are another's, whose gradient is wanted even if frozen

    def __init__(
        self,
        program: Program,
        hidden: Sequence[int],
        *,
        spectral_norm: bool,
        minibatch_features: int,
        classes: int,
        outputs: int = 1,
        dropout: float = 0.0,
        name: str = "critic",
    ) -> None:
        self.program, self.hidden = program, tuple(hidden)
        self.spectral_norm = spectral_norm
        self.minibatch_features, self.classes = minibatch_features, classes
        self.outputs, self.dropout, self.name = outputs, dropout, name
        self._weights: dict[str, Any] = {}

    def __call__(self, *inputs: Any, frozen: bool = False) -> Any:
        """A score per datum, shape (N,); with several outputs (N, outputs)."""
        features = self.features(*inputs, frozen=frozen)
        weight, bias = self._layer("out", features.shape[-1], self.outputs, frozen=frozen)
        output = features @ weight + bias
        return output[:, 0] if self.outputs == 1 else output

    def vector(self, *inputs: Any) -> Any:
        """All weights in one array, (W,), of the sizes that some inputs need."""
        self(*inputs)
        flat = [part.reshape(-1) for pair in self._weights.values() for part in pair]
        return self.program.ops.concatenate(flat)

    def evaluating(self) -> MLPCritic:
        """The same critic without dropout."""
        twin = copy.copy(self)
        twin.dropout = 0.0
        return twin

    def at(self, vector: Any) -> MLPCritic:
        """The same critic at other weights, as `vector` has them."""
        twin, start = copy.copy(self), 0
        twin._weights, twin._given = {}, True
        for name, pair in self._weights.items():
            moved = []
            for part in pair:
                stop = start + math.prod(part.shape)
                moved.append(vector[start:stop].reshape(part.shape))
                start = stop
            twin._weights[name] = moved[0], moved[1]
        return twin

    def features(self, *inputs: Any, frozen: bool = False) -> Any:
        """The last hidden layer, with the minibatch features, shape (N, F)."""
        ops = self.program.ops
        output = ops.concatenate([self._flat(part) for part in inputs])
        sizes = (output.shape[-1], *self.hidden)
        for number, (rows, columns) in enumerate(itertools.pairwise(sizes)):
            weight, bias = self._layer(str(number), rows, columns, frozen=frozen)
            output = output @ weight + bias
            output = self._dropped(ops.where(output > 0, output, _SLOPE * output))
        if not self.minibatch_features:
            return output
        columns = self.minibatch_features * _KERNEL_DIM
        weight, _ = self._layer("minibatch", output.shape[-1], columns, frozen=frozen)
        codes = (output @ weight).reshape(len(output), self.minibatch_features, _KERNEL_DIM)
        distance = abs(codes[:, None] - codes[None, :]).sum(-1)  # (N, N, features)
        return ops.concatenate([output, ops.exp(-distance).sum(1) - 1])

    def _dropped(self, units: Any) -> Any:
        """Hidden units, some of them zero and the others larger by as much."""
        if not self.dropout:
            return units
        kept = self.program.uniform(units) > self.dropout
        return self.program.ops.where(kept, units / (1 - self.dropout), 0.0)

    def _flat(self, part: Any) -> Any:
        """Real columns as they are, labels one-hot: (N, columns)."""
        ops = self.program.ops
        if ops.is_real(part):
            return part.reshape(len(part), -1)
        return ops.where(part.reshape(-1, 1) == ops.array(np.arange(self.classes)), 1.0, 0.0)

    def _layer(self, name: str, rows: int, columns: int, *, frozen: bool) -> tuple[Any, Any]:
        """Weight, (rows, columns), and bias."""
        if name not in self._weights:
            random = np.random.default_rng([zlib.crc32(name.encode()), rows, columns])
            initial = (2 / rows) ** 0.5 * random.normal(size=(rows, columns))
            stored = f"{self.name}.{name}"
            weight = self.program.parameter(f"{stored}.weight", initial.astype(np.float32))
            bias = np.zeros(columns, dtype=np.float32)
            bias = self.program.parameter(f"{stored}.bias", bias)
            if self.spectral_norm:
                weight = weight / self._largest(name, weight, random)
            self._weights[name] = weight, bias
        weight, bias = self._weights[name]
        if frozen and not self._given:
            return self.program.stop(weight), self.program.stop(bias)
        return weight, bias

    def _largest(self, name: str, weight: Any, random: np.random.Generator) -> Any:
        """The largest singular value, by one more step of power iteration."""
        program = self.program
        fixed, start = program.stop(weight), random.normal(size=weight.shape[1])
        right = program.state(f"{self.name}.{name}.u", start / np.linalg.norm(start))
        left = _unit(fixed @ right)
        right = _unit(left @ fixed)
        program.keep(f"{self.name}.{name}.u", right)
        return left @ weight @ right


def _unit(vector: Any) -> Any:
    return vector / ((vector**2).sum() + 1e-12) ** 0.5
