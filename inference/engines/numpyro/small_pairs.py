"""The smallest pairs that tell objectives apart, on NumPyro: the sibling of Pyro's."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist


def small_pairs() -> dict[str, Any]:
    """Pairs by what is particular about their latent z: see `inference.engines.pyro`'s."""
    kinds = ("gaussian", "bernoulli", "global", "unobserved")
    return {kind: SimpleNamespace(engine="numpyro", **_programs(kind)) for kind in kinds}


def _programs(kind: str) -> dict[str, Any]:
    def weight() -> Any:
        return numpyro.param("small_pair.weight", jnp.array([0.8, -0.5]))

    def prior() -> Any:
        return dist.Bernoulli(0.5) if kind == "bernoulli" else dist.Normal(0.0, 1.0)

    def model(x: Any = None, *, size: int = 1) -> Any:
        rows = size if x is None else len(x)
        shared = numpyro.sample("z", prior()) if kind == "global" else None
        with numpyro.plate("data", rows):
            z: Any = numpyro.sample("z", prior()) if shared is None else shared * jnp.ones(rows)
            mean = z[..., None] * weight()
            if kind != "unobserved":
                numpyro.sample("x", dist.Normal(mean, 1.0).to_event(1), obs=x)
        return mean

    def proposal(code: Any) -> Any:
        return dist.Bernoulli(logits=code) if kind == "bernoulli" else dist.Normal(code, 1.0)

    def guide(x: Any) -> None:
        slope: Any = numpyro.param("small_pair.slope", jnp.array([0.3, 0.1]))
        if kind == "global":
            numpyro.sample("z", proposal((x @ slope).mean()))
            return
        with numpyro.plate("data", len(x)):
            numpyro.sample("z", proposal(x @ slope))

    return {"model": model, "guide": guide}
