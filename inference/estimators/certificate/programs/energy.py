"""Densities that are known up to a constant, and a chain, small enough to sum over every state.

    energy   x ~ RBM of 4 x 3 units, whose kernel is block Gibbs;  no guide
    summed   the same less its exact log Z: maximum likelihood by enumeration
    copies   c ~ counting measure on 3 bits,  x ~ B(W c + b)^3
             guide: c ~ B(.7 x + .15), which has no parameters

The expected gradient of an objective is that of a sum over states whose weights are held: for
contrastive divergence those of the chain's matrix to the k-th power.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_expit, logsumexp

from inference.estimators.certificate import exact
from inference.estimators.certificate.cases import rounded
from inference.estimators.certificate.expectations import Expected
from inference.estimators.certificate.libraries import frameworks, parameters
from inference.estimators.certificate.programs.machine import machine
from inference.estimators.certificate.programs.machine import rows as counting
from inference.estimators.certificate.sites import Array, Arrays
from inference.objectives import CD, ELBO, NCE, Denoising, Objective, PseudoLikelihood

_VISIBLE, _HIDDEN, _BITS = 4, 3, 3
_KEPT, _ADDED = 0.7, 0.15  # the chance of a copied bit is _KEPT x + _ADDED


def states(count: int) -> Array:
    """Every binary row, (2^count, count)."""
    return np.array(list(itertools.product((0.0, 1.0), repeat=count)))


def log_factor(v: Arrays, x: Array) -> Array:
    """log f of rows."""
    return x @ v["visible"] + np.logaddexp(0, v["hidden"] + x @ v["weight"]).sum(-1)


def chances(x: Array, logits: Array) -> Array:
    """Bernoulli chances of rows, by logits that broadcast."""
    return np.exp((x * log_expit(logits) + (1 - x) * log_expit(-logits)).sum(-1))


def kernel(v: Arrays) -> Array:
    """The matrix of one step of block Gibbs, between all visible states."""
    x, h = states(len(v["visible"])), states(len(v["hidden"]))
    up = chances(h[None], (v["hidden"] + x @ v["weight"])[:, None])
    down = chances(x[None], (v["visible"] + h @ v["weight"].T)[:, None])
    return up @ down


def _corrupted(x: Any) -> Any:
    return _KEPT * x + _ADDED


def law_of(rows: Array) -> Array:
    """How many rows are at each state."""
    width = rows.shape[1]
    codes = (rows @ 2 ** np.arange(width)[::-1]).astype(int)
    return np.bincount(codes, minlength=2**width).astype(float)


def _values() -> Arrays:
    random = np.random.default_rng(11)
    shapes = {"weight": (_VISIBLE, _HIDDEN), "visible": (_VISIBLE,), "hidden": (_HIDDEN,)}
    return rounded({name: 0.9 * random.normal(size=shape) for name, shape in shapes.items()})


@dataclass(frozen=True, eq=False)
class Energy:
    """An RBM of 4 x 3 units.

    Attributes:
        name: what it is called.
        values: the parameters.
        summed: whether the law is less its exact constant.
        rows: data scored at a time.
        law: from an engine to the class of the law; a test plants mistakes by it.
    """

    name: str
    values: Arrays = field(default_factory=_values)
    summed: bool = False
    rows: int = 60
    law: Callable[[str], Any] = machine
    guide_names: frozenset[str] = frozenset()
    latents: tuple[str, ...] = ()

    @property
    def batch(self) -> tuple[NDArray[Any], ...]:
        """Rows of an endless table."""
        random = np.random.default_rng(8)
        return ((random.random((self.rows, _VISIBLE)) < 0.5).astype(np.float32),)

    def pair(self, engine: str) -> Any:
        """The law at x; of `summed` less its log Z, which is a sum over all states."""
        library, arrays = frameworks(engine)
        every = arrays.asarray(states(_VISIBLE).astype(np.float32))

        def model(x: Any = None, *, size: int = 1) -> None:
            v = parameters(engine, self.values, self.values)
            units, log_z = (v["weight"], v["visible"], v["hidden"]), None
            if self.summed:
                each = self.law(engine)(*units).log_prob(every)
                top = each.max()
                log_z = top + arrays.log(arrays.exp(each - top).sum())
            with library.plate("data", size if x is None else len(x)):
                library.sample("x", self.law(engine)(*units, log_z), obs=x)

        def guide(x: Any) -> None:
            del x

        return SimpleNamespace(engine=engine, model=model, guide=guide)

    def compared(self, engine: str, gradients: Arrays) -> Arrays:
        """By the names of the exact ones; what an objective owns has its own."""
        del engine
        return {name.rpartition(".")[2]: value for name, value in gradients.items()}

    def expected(self, objective: Objective) -> Expected | None:
        """The gradient of a sum over all states, in which weights are held."""
        x, every = self.batch[0].astype(np.float64), states(_VISIBLE)
        if isinstance(objective, ELBO) and self.summed:
            return self._slope(
                lambda v: float((log_factor(v, x) - logsumexp(log_factor(v, every))).sum())
            )
        if isinstance(objective, CD):
            begun = x
            if objective.chains:
                random = np.random.default_rng(0)
                begun = (random.random((objective.chains, _VISIBLE)) < 0.5).astype(np.float64)
            law = law_of(begun) / len(begun)
            ends = law @ np.linalg.matrix_power(kernel(self.values), objective.steps)
            held = law_of(x) - len(x) * ends
            return self._slope(lambda v: float(held @ log_factor(v, every)))
        if isinstance(objective, PseudoLikelihood):
            return self._slope(lambda v: _pseudo_likelihood(v, x))
        if isinstance(objective, NCE):
            start = {**self.values, "log_constant": np.zeros(())}
            value = functools.partial(
                _noise_contrast, x=x, ratio=objective.ratio, summed=self.summed
            )
            return Expected(exact.gradient(value, start))
        return None

    def _slope(self, value: Callable[[Arrays], float]) -> Expected:
        return Expected(exact.gradient(value, self.values))


def _pseudo_likelihood(v: Arrays, x: Array) -> float:
    total = 0.0
    for place in range(_VISIBLE):
        turned = x.copy()
        turned[:, place] = 1 - turned[:, place]
        total += log_expit(log_factor(v, x) - log_factor(v, turned)).sum()
    return float(total)


def _noise_contrast(v: Arrays, x: Array, ratio: int, *, summed: bool) -> float:
    """At the first step, when the noise has the mean of this batch and half a datum of each."""
    every, mean = states(_VISIBLE), (x.sum(0) + 0.5) / (len(x) + 1)
    noise = np.log(every * mean + (1 - every) * (1 - mean)).sum(1)
    log_f = log_factor(v, every)
    log_f = log_f - logsumexp(log_f) if summed else log_f
    shown = log_f + v["log_constant"] - noise - np.log(ratio)
    of_data, of_noise = law_of(x) @ log_expit(shown), np.exp(noise) @ log_expit(-shown)
    return float(of_data + ratio * len(x) * of_noise)


@dataclass(frozen=True, eq=False)
class Copies:
    """Three bits given corrupted copies of them.

    Attributes:
        name: what it is called.
        values: the parameters.
        rows: data scored at a time.
        corruption: the chances of a copy's bits, by those of the data; a test plants a mistake by
            it.
    """

    name: str
    values: Arrays = field(
        default_factory=lambda: rounded(
            {
                "weight": [[1.2, -0.4, 0.3], [0.5, 0.9, -0.8], [-0.6, 0.2, 1.5]],
                "bias": [-0.35, 0.45, -0.75],
            }
        )
    )
    rows: int = 60
    guide_names: frozenset[str] = frozenset()
    latents: tuple[str, ...] = ("c",)
    corruption: Callable[[Any], Any] = _corrupted

    @property
    def batch(self) -> tuple[NDArray[Any], ...]:
        """Rows of an endless table."""
        random = np.random.default_rng(9)
        return ((random.random((self.rows, _BITS)) < 0.4).astype(np.float32),)

    def pair(self, engine: str) -> Any:
        """The chain's two laws."""
        library, _ = frameworks(engine)
        dist = library.distributions

        def model(x: Any = None, *, size: int = 1) -> None:
            v = parameters(engine, self.values, self.values)
            with library.plate("data", size if x is None else len(x)):
                c = library.sample("c", counting(engine)(_BITS))
                law = dist.Bernoulli(logits=c @ v["weight"].T + v["bias"]).to_event(1)
                library.sample("x", law, obs=x)

        def guide(x: Any) -> None:
            with library.plate("data", len(x)):
                library.sample("c", dist.Bernoulli(probs=self.corruption(x)).to_event(1))

        return SimpleNamespace(engine=engine, model=model, guide=guide)

    def compared(self, engine: str, gradients: Arrays) -> Arrays:
        """As they are."""
        del engine
        return gradients

    def expected(self, objective: Objective) -> Expected | None:
        """The gradient of log p(x | c) at the pairs (x, c) of each step of the walk."""
        if not isinstance(objective, Denoising):
            return None
        every = states(_BITS)
        copied = _corrupted(every)[:, None]
        corrupt = np.prod(np.where(every[None] == 1, copied, 1 - copied), -1)
        logits = every @ self.values["weight"].T + self.values["bias"]
        restore = chances(every[None], logits[:, None])
        met = law_of(self.batch[0])[:, None] * corrupt  # of x and a copy
        held = np.zeros_like(met)
        for _ in range(objective.walkback + 1):
            held += met / (objective.walkback + 1)
            met = met @ restore @ corrupt

        def value(v: Arrays) -> float:
            a = (every @ v["weight"].T + v["bias"])[None]
            x = every[:, None]
            return float((held * (x * log_expit(a) + (1 - x) * log_expit(-a)).sum(-1)).sum())

        return Expected(exact.gradient(value, self.values))
