"""A deep Boltzmann machine of 3-2-2 units, small enough to sum over every state.

    h ~ sum_{x, g} exp(b . x + c . h + d . g + x' W h + h' U g) up to a constant
    x ~ B(W h + b);   guide: h ~ B(V' x + e)

The kernel of h draws x and g given h, and then h given these. What is held in an expected gradient
are the guide's chances, the ends of chains, by the kernel's matrix, and what these decode to.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, log_expit

from inference.estimators.certificate import exact
from inference.estimators.certificate.cases import rounded
from inference.estimators.certificate.expectations import Expected
from inference.estimators.certificate.libraries import frameworks, parameters
from inference.estimators.certificate.programs.energy import chances, kernel, law_of, states
from inference.estimators.certificate.programs.machine import middle
from inference.estimators.certificate.sites import Array, Arrays
from inference.objectives import CD, MultiPrediction, Objective, UpDown

_DATA, _MIDDLE, _TOP = 3, 2, 2


def _values() -> Arrays:
    random = np.random.default_rng(12)
    shapes = {
        "weight": (_DATA, _MIDDLE),
        "above": (_MIDDLE, _TOP),
        "data_bias": (_DATA,),
        "middle_bias": (_MIDDLE,),
        "top_bias": (_TOP,),
        "guide_weight": (_DATA, _MIDDLE),
        "guide_bias": (_MIDDLE,),
    }
    return rounded({name: 0.9 * random.normal(size=shape) for name, shape in shapes.items()})


def joint(v: Arrays) -> Array:
    """log f(x, h) of all states, (2^D, 2^H), with g summed one state after another."""
    x, h, g = states(_DATA), states(_MIDDLE), states(_TOP)
    above = np.logaddexp.reduce(h @ v["above"] @ g.T + g @ v["top_bias"], axis=1)
    return (x @ v["data_bias"])[:, None] + x @ v["weight"] @ h.T + h @ v["middle_bias"] + above


@dataclass(frozen=True, eq=False)
class Deep:
    """The machine.

    Attributes:
        name: what it is called.
        values: the parameters, of which the guide's begin with `guide_`.
        rows: data scored at a time.
        law: from an engine to the class of h's law; a test plants mistakes by it.
    """

    name: str
    values: Arrays = field(default_factory=_values)
    rows: int = 60
    law: Callable[[str], Any] = middle
    guide_names: frozenset[str] = frozenset()  # which most of its objectives do not train
    latents: tuple[str, ...] = ("h",)

    @property
    def batch(self) -> tuple[NDArray[Any], ...]:
        """Rows of an endless table."""
        random = np.random.default_rng(8)
        return ((random.random((self.rows, _DATA)) < 0.6).astype(np.float32),)

    def pair(self, engine: str) -> Any:
        """h and x."""
        library, arrays = frameworks(engine)
        dist = library.distributions
        proposed = [name for name in self.values if name.startswith("guide_")]

        def model(x: Any = None, *, size: int = 1) -> None:
            v = parameters(engine, self.values, self._own())
            weight = arrays.concatenate([v["weight"].T, v["above"]], 1)
            law = self.law(engine)(
                weight, v["middle_bias"], arrays.concatenate([v["data_bias"], v["top_bias"]], 0)
            )
            with library.plate("data", size if x is None else len(x)):
                h = library.sample("h", law)
                logits = h @ v["weight"].T + v["data_bias"]
                library.sample("x", dist.Bernoulli(logits=logits).to_event(1), obs=x)

        def guide(x: Any) -> None:
            v = parameters(engine, self.values, proposed)
            with library.plate("data", len(x)):
                logits = x @ v["guide_weight"] + v["guide_bias"]
                library.sample("h", dist.Bernoulli(logits=logits).to_event(1))

        return SimpleNamespace(engine=engine, model=model, guide=guide)

    def compared(self, engine: str, gradients: Arrays) -> Arrays:
        """As they are."""
        del engine
        return gradients

    def expected(self, objective: Objective) -> Expected | None:
        """The gradient of a sum over all states, in which weights are held."""
        if isinstance(objective, MultiPrediction):
            return Expected(exact.gradient(lambda v: self._predicted(v, objective), self._own()))
        if not isinstance(objective, CD):  # UpDown is one
            return None
        every, x = states(_DATA), self.batch[0].astype(np.float64)
        guessed = chances(states(_MIDDLE)[None], self._guide(self.values)[:, None])
        met = law_of(x)[:, None] * guessed  # how often each x and h
        ends = self._ends(objective, met)

        def value(v: Arrays) -> float:
            log_f = joint(v)
            of_chains = ends @ np.logaddexp.reduce(log_f, axis=0)
            found = (met * log_f).sum() - self.rows * of_chains
            if isinstance(objective, UpDown):  # chains are decoded, and the guide learns from that
                decoded = ends[:, None] * chances(every[None], self._decoded()[:, None])
                logits, h = self._guide(v)[None], states(_MIDDLE)[:, None]
                log_q = (h * log_expit(logits) + (1 - h) * log_expit(-logits)).sum(-1)
                found += self.rows * (decoded * log_q).sum()
            return float(found)

        start = self.values if isinstance(objective, UpDown) else self._own()
        return Expected(exact.gradient(value, start))

    def _own(self) -> Arrays:
        """The model's parameters."""
        return {n: value for n, value in self.values.items() if not n.startswith("guide_")}

    def _guide(self, v: Arrays) -> Array:
        """Log odds of h given each x, (2^D, H)."""
        return states(_DATA) @ v["guide_weight"] + v["guide_bias"]

    def _decoded(self) -> Array:
        """Log odds of x given each h, (2^H, D)."""
        return states(_MIDDLE) @ self.values["weight"].T + self.values["data_bias"]

    def _ends(self, objective: CD, met: Array) -> Array:
        """The law of h after the chains' steps, (2^H,)."""
        law = met.sum(0) / met.sum()
        if objective.chains:
            random = np.random.default_rng(0)
            begun = random.random((objective.chains, _MIDDLE)) < 0.5
            law = law_of(begun.astype(np.float64)) / objective.chains
        v = self.values
        machine = {
            "weight": np.concatenate([v["weight"].T, v["above"]], 1),
            "visible": v["middle_bias"],
            "hidden": np.concatenate([v["data_bias"], v["top_bias"]]),
        }
        return law @ np.linalg.matrix_power(kernel(machine), objective.steps)

    def _predicted(self, v: Arrays, objective: MultiPrediction) -> float:
        """The mean over all choices of entries that are hidden from mean field."""
        x, total = self.batch[0].astype(np.float64), 0.0
        for hidden in itertools.product((False, True), repeat=_DATA):
            gone = np.array(hidden)
            chance = np.prod(np.where(gone, objective.share, 1 - objective.share))
            logits = self._mean_field(v, x, gone, objective.sweeps)
            each = x * log_expit(logits) + (1 - x) * log_expit(-logits)
            total += chance * each[:, gone].sum()
        return float(total)

    def _mean_field(self, v: Arrays, x: Array, gone: Array, sweeps: int) -> Array:
        """Log odds of x after sweeps that begin with the biases and see the entries that stay."""
        data, top = np.tile(v["data_bias"], (len(x), 1)), np.tile(v["top_bias"], (len(x), 1))
        for _ in range(sweeps):
            below = np.where(gone, expit(data), x) @ v["weight"]
            h = expit(v["middle_bias"] + below + expit(top) @ v["above"].T)
            data, top = v["data_bias"] + h @ v["weight"].T, v["top_bias"] + h @ v["above"]
        return data
