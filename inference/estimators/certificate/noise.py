"""How noisy a local gradient is beside a global latent, as data grow.

    g ~ N(0, 1),  b_n ~ B(g),  x_n ~ N(1.5 b_n, 1),  n = 1 ... N
    guide: g ~ N(m, e^s),  b_n ~ B(l_n)

The score of b_n has to see the costs of datum n alone; one that sees those of all data has a
standard deviation that grows with N.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from inference.engines import ENGINES, load_engine
from inference.estimators.certificate.cases import rounded
from inference.estimators.certificate.libraries import as_array, frameworks, parameters
from inference.estimators.certificate.sites import Array
from inference.objectives import ELBO

ORDERS = ("global first", "locals first")
SIZES = (10, 100, 1000)
LIMIT = 1.1  # times the best of upstream's
_UPSTREAM = {"pyro": ("Trace_ELBO", "TraceGraph_ELBO"), "numpyro": ("TraceGraph_ELBO",)}


@dataclass(frozen=True)
class Noise:
    """Standard deviations of one logit's gradient, root mean square over the data.

    Attributes:
        engine: `"pyro"` or `"numpyro"`.
        order: of the guide's statements.
        size: N.
        ours: under `ELBO()`.
        upstream: under each of the library's own losses.
    """

    engine: str
    order: str
    size: int
    ours: float
    upstream: dict[str, float]

    @property
    def ratio(self) -> float:
        """Ours over the least of upstream's."""
        return self.ours / min(self.upstream.values())


def noise(
    engines: Iterable[str] = ENGINES,
    sizes: Sequence[int] = SIZES,
    orders: Sequence[str] = ORDERS,
    *,
    repeats: int = 1000,
) -> Iterator[Noise]:
    """Measure, over so many gradients each."""
    for engine in engines:
        library = importlib.import_module(f"{engine}.infer")
        for order in orders:
            for size in sizes:
                theirs = {
                    name: deviation(engine, getattr(library, name)(), size, order, repeats)
                    for name in _UPSTREAM[engine]
                }
                ours = deviation(engine, ELBO(), size, order, repeats)
                yield Noise(engine, order, size, ours, theirs)


def deviation(engine: str, objective: Any, size: int, order: str, repeats: int) -> float:
    """Standard deviation of a local logit's gradient, root mean square over the data.

    Args:
        engine: `"pyro"` or `"numpyro"`.
        objective: an objective or a loss of the library's.
        size: N.
        order: one of `ORDERS`.
        repeats: gradients.
    """
    x = np.random.default_rng(0).normal(size=size).astype(np.float32)
    grads, _ = load_engine(engine).gradients(_pair(engine, size, order), objective, (x,), repeats)
    logits: Array = grads["guide_logits"]
    return float(np.sqrt(logits.var(axis=0, ddof=1).mean()))


def _pair(engine: str, size: int, order: str) -> Any:
    library, arrays = frameworks(engine)
    dist = library.distributions
    values = rounded({"guide_mean": 0.2, "guide_scale": -1.0, "guide_logits": np.full(size, 0.3)})

    def model(x: Any) -> None:
        g = library.sample("g", dist.Normal(as_array(engine, np.zeros(())), 1.0))
        with library.plate("data", len(x)):
            b = library.sample("b", dist.Bernoulli(logits=g + 0 * x))
            library.sample("x", dist.Normal(1.5 * b, 1.0), obs=x)

    def guide(x: Any) -> None:
        v = parameters(engine, values, values)

        def draw_global() -> None:
            library.sample("g", dist.Normal(v["guide_mean"], arrays.exp(v["guide_scale"])))

        if order == ORDERS[0]:
            draw_global()
        with library.plate("data", len(x)):
            library.sample("b", dist.Bernoulli(logits=v["guide_logits"]))
        if order != ORDERS[0]:
            draw_global()

    return SimpleNamespace(engine=engine, model=model, guide=guide)
