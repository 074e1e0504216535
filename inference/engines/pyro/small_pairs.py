"""The smallest pairs that tell objectives apart, on Pyro: two columns, a latent of one kind.

Its NumPyro sibling has the same under the same names.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pyro
import pyro.distributions as dist
import torch


def small_pairs() -> dict[str, Any]:
    """Pairs by what is particular about their latent z.

    Each draws `size` rows where x is None:

        gaussian:    z_n ~ N(0, 1),          x_n ~ N(w z_n, 1)
        bernoulli:   z_n ~ Bernoulli(1/2)
        global:      z ~ N(0, 1), outside of the data's plate
        unobserved:  as gaussian, without an observation
    """
    kinds = ("gaussian", "bernoulli", "global", "unobserved")
    return {kind: SimpleNamespace(engine="pyro", **_programs(kind)) for kind in kinds}


def _programs(kind: str) -> dict[str, Any]:
    def weight() -> torch.Tensor:
        return pyro.param("small_pair.weight", lambda: torch.tensor([0.8, -0.5]))

    def prior() -> Any:
        if kind == "bernoulli":
            return dist.Bernoulli(torch.tensor(0.5))  # pyright: ignore[reportAttributeAccessIssue]
        return dist.Normal(0.0, 1.0)

    def model(x: Any = None, *, size: int = 1) -> torch.Tensor:
        rows = size if x is None else len(x)
        shared = pyro.sample("z", prior()) if kind == "global" else None
        with pyro.plate("data", rows):
            z = pyro.sample("z", prior()) if shared is None else shared + torch.zeros(rows)
            mean = z[..., None] * weight()
            if kind != "unobserved":
                pyro.sample("x", dist.Normal(mean, 1.0).to_event(1), obs=x)
        return mean

    def proposal(code: Any) -> Any:
        if kind == "bernoulli":
            return dist.Bernoulli(logits=code)  # pyright: ignore[reportAttributeAccessIssue]
        return dist.Normal(code, 1.0)

    def guide(x: Any) -> None:
        slope = pyro.param("small_pair.slope", lambda: torch.tensor([0.3, 0.1]))
        if kind == "global":
            pyro.sample("z", proposal((x @ slope).mean()))
            return
        with pyro.plate("data", len(x)):
            pyro.sample("z", proposal(x @ slope))

    return {"model": model, "guide": guide}
