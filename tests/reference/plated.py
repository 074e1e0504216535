"""Belief nets of a few units under plates, scales and masks, with exact ELBOs by enumeration.

Each reads the same in both libraries. `exact(values)` sums over all states in float64 of numpy.
"""

from __future__ import annotations

import contextlib
import importlib
import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

VALUES = {"w": 0.7, "p": -0.3, "a": 0.5, "s": 0.2, "u": 0.6, "t": -0.45}
X = np.array([0.3, -1.0, 0.8, 1.5])
UNITS = np.array([[0.3, -1.0], [0.8, 0.2], [-0.5, 1.1]])


class Words:
    """Statements and handlers that read the same in both libraries."""

    def __init__(self, engine: str) -> None:
        library = importlib.import_module(engine)
        self.dist: Any = importlib.import_module(f"{engine}.distributions")
        self.sample, self.plate, self.library = library.sample, library.plate, library
        if engine == "pyro":
            import torch
            from pyro import poutine

            self.array: Any = lambda v: torch.tensor(np.asarray(v, dtype=np.float32))
            self.flags: Any = lambda v: torch.tensor(np.asarray(v))
            self.handlers: Any = poutine
        else:
            import jax.numpy as jnp
            import numpyro.handlers

            self.array = lambda v: jnp.asarray(v, dtype=jnp.float32)
            self.flags = jnp.asarray
            self.handlers = numpyro.handlers

    def scale(self, factor: Any) -> Any:
        factor = factor if isinstance(factor, float) else self.array(factor)
        return self.handlers.scale(scale=factor)

    def mask(self, flags: Any) -> Any:
        return self.handlers.mask(mask=self.flags(flags))

    def params(self, names: str) -> list[Any]:
        return [self.library.param(name, self.array(VALUES[name])) for name in names]

    def bernoulli(self, logits: Any) -> Any:
        return self.dist.Bernoulli(logits=logits)


@dataclass(frozen=True)
class Plated:
    """A program and its exact ELBO."""

    build: Callable[[Words], tuple[Callable[..., None], Callable[..., None]]]
    exact: Callable[[Mapping[str, float]], float]
    names: str
    data: Any
    local: bool = True  # whether every latent belongs to one datum

    def pair(self, engine: str) -> SimpleNamespace:
        model, guide = self.build(Words(engine))
        return SimpleNamespace(engine=engine, model=model, guide=guide)

    @property
    def gradient(self) -> dict[str, np.ndarray]:
        """By central differences."""
        step, slopes = 1e-5, {}
        for name in self.names:
            ends = [self.exact({**VALUES, name: VALUES[name] + h}) for h in (step, -step)]
            slopes[name] = np.array((ends[0] - ends[1]) / (2 * step))
        return slopes


def log_bernoulli(b: Any, logits: Any) -> Any:
    return -np.logaddexp(0, np.where(b, -logits, logits))


def log_normal(x: Any, mean: Any) -> Any:
    return -0.5 * (x - mean) ** 2 - 0.5 * np.log(2 * np.pi)


def mixture(outer: Any, latent: Any, flags: Any = (True,) * 4, *, of_law: bool = False) -> Plated:
    """b_n ~ B(p),  x_n ~ N(w b_n, 1), with `outer` scaling all of it and `latent` the latents.

    The mask is the distribution's own (`of_law`) or a handler's.
    """

    def build(words: Words) -> Any:
        def within() -> Any:
            stack = contextlib.ExitStack()
            if outer is not None:
                stack.enter_context(words.scale(outer))
            return stack

        def unit(logits: Any) -> Any:
            with contextlib.ExitStack() as stack:
                if latent is not None:
                    stack.enter_context(words.scale(latent))
                if of_law:
                    law = words.bernoulli(logits + words.array(np.zeros(4)))
                    return words.sample("b", law.mask(words.flags(flags)))
                if not all(flags):
                    stack.enter_context(words.mask(flags))
                return words.sample("b", words.bernoulli(logits))

        def model(x: Any) -> None:
            w, p = words.params("wp")
            with within(), words.plate("data", 4):
                b = unit(p)
                words.sample("x", words.dist.Normal(w * b, 1.0), obs=x)

        def guide(x: Any) -> None:
            a, s = words.params("as")
            with within(), words.plate("data", 4):
                unit(a * x + s)

        return model, guide

    def exact(v: Mapping[str, float]) -> float:
        total = np.zeros(4)
        for b in (0, 1):
            log_q = log_bernoulli(b, v["a"] * X + v["s"])
            divergence = np.array(flags) * (log_bernoulli(b, v["p"]) - log_q)
            cost = (1.0 if latent is None else latent) * divergence + log_normal(X, v["w"] * b)
            total += np.exp(log_q) * cost
        return float(((1.0 if outer is None else np.asarray(outer)) * total).sum())

    return Plated(build, exact, "wpas", X)


def groups(annealed: float) -> Plated:
    """g_j ~ B(p) of a group,  b_ij ~ B(u g_j - 0.2) of its units, x_ij; the units' are annealed."""

    def build(words: Words) -> Any:
        def model(x: Any) -> None:
            w, p, u = words.params("wpu")
            with words.plate("groups", 2, dim=-1):
                g = words.sample("g", words.bernoulli(p))
                with words.plate("units", 3, dim=-2):
                    with words.scale(annealed):
                        b = words.sample("b", words.bernoulli(u * g - 0.2))
                    words.sample("x", words.dist.Normal(w * b + 0.3 * g, 1.0), obs=x)

        def guide(x: Any) -> None:
            a, s, t = words.params("ast")
            with words.plate("groups", 2, dim=-1):
                g = words.sample("g", words.bernoulli(s + t * x.sum(0)))
                with words.plate("units", 3, dim=-2), words.scale(annealed):
                    words.sample("b", words.bernoulli(a * x + t * g))

        return model, guide

    def exact(v: Mapping[str, float]) -> float:
        total = np.zeros(2)
        for g in (0, 1):
            log_g = log_bernoulli(g, v["s"] + v["t"] * UNITS.sum(0))
            inner = log_bernoulli(g, v["p"]) - log_g
            for b in (0, 1):
                log_q = log_bernoulli(b, v["a"] * UNITS + v["t"] * g)
                cost = annealed * (log_bernoulli(b, v["u"] * g - 0.2) - log_q)
                cost = cost + log_normal(UNITS, v["w"] * b + 0.3 * g)
                inner = inner + (np.exp(log_q) * cost).sum(0)
            total += np.exp(log_g) * inner
        return float(total.sum())

    return Plated(build, exact, "wpasut", UNITS)


def beside_global(rows: int, *, local_first: bool) -> Plated:
    """g ~ B(p) of all data,  b_n ~ B(u g - 0.2),  x_n ~ N(w b_n + 0.3 g, 1); `rows` at a time.

    Where locals come first, the guide's g is drawn given all of them; under subsampling given none.
    """
    follows = local_first and rows == len(X)

    def build(words: Words) -> Any:
        def model() -> None:
            w, p, u = words.params("wpu")
            g = words.sample("g", words.bernoulli(p))
            with words.plate("data", 4, subsample_size=rows) as index:
                b = words.sample("b", words.bernoulli(u * g - 0.2))
                mean = w * b + 0.3 * g
                words.sample("x", words.dist.Normal(mean, 1.0), obs=words.array(X)[index])

        def guide() -> None:
            a, s, t = words.params("ast")
            g = 0.0 if local_first else words.sample("g", words.bernoulli(s))
            with words.plate("data", 4, subsample_size=rows) as index:
                b = words.sample("b", words.bernoulli(a * words.array(X)[index] + t * g))
            if local_first:
                words.sample("g", words.bernoulli(s + t * b.sum() if follows else s))

        return model, guide

    def exact(v: Mapping[str, float]) -> float:
        total = 0.0
        for g, *b in itertools.product((0, 1), repeat=5):
            known = 0 if local_first else g
            log_b = log_bernoulli(np.array(b), v["a"] * X + v["t"] * known)
            log_g = log_bernoulli(g, v["s"] + (v["t"] * sum(b) if follows else 0))
            cost = log_bernoulli(g, v["p"]) - log_g - log_b.sum()
            cost += log_bernoulli(np.array(b), v["u"] * g - 0.2).sum()
            cost += log_normal(X, v["w"] * np.array(b) + 0.3 * g).sum()
            total += np.exp(log_b.sum() + log_g) * cost
        return float(total)

    return Plated(build, exact, "wpasut" if not local_first or follows else "wpasu", None, False)


PROGRAMS = {
    "scaled": mixture(3.0, None),
    "weights of rows": mixture((0.5, 2.0, 1.0, 4.0), None),
    "annealed": mixture(None, 0.3),
    "scaled and annealed": mixture(3.0, 0.3),
    "masked": mixture(None, None, (True, False, True, True)),
    "masked law": mixture(None, None, (True, False, True, True), of_law=True),
    "nested": groups(1.0),
    "nested and annealed": groups(0.3),
    "beside a global": beside_global(4, local_first=False),
    "beside a global, subsampled": beside_global(2, local_first=False),
    "before a global": beside_global(4, local_first=True),
    "before a global, subsampled": beside_global(2, local_first=True),
}
