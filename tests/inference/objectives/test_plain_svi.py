"""As a loss of the libraries' own SVI an objective refuses what `fit` refuses for its values."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import pyro
import pytest
import torch
from plated import Words
from pyro.infer import SVI
from rows import ENGINES

from inference.engines import load_engine
from inference.errors import ObjectiveError
from inference.objectives import ELBO, IWAE, NVIL, REBAR, VIMCO, Concrete, Objective
from inference.program.surrogate import Surrogate

X = np.array([0.3, -1.0, 0.8, 1.5], dtype=np.float32)
Pair = tuple[Callable[..., Any], Callable[..., Any]]


def pair(engine: str, kind: str) -> Pair:
    """z_n ~ N(0, 1), of which x_n is, or a walk; or b_n ~ B, by which x_n jumps or moves."""
    words = Words(engine)
    where = importlib.import_module("torch" if engine == "pyro" else "jax.numpy").where

    def model(x: Any) -> None:
        w, p = words.params("wp")
        with words.plate("data", len(x)):
            if kind in ("walk", "apart"):
                z = words.sample("z", words.dist.Normal(p + 0 * x, 1.0))
                mean = w * (z.cumsum(0) if kind == "walk" else z)
            else:
                b = words.sample("b", words.bernoulli(p + 0 * x))
                mean = where(b > 0.5, 2 * w, -w) if kind == "jump" else w * (3 * b - 1)
            words.sample("x", words.dist.Normal(mean, 1.0), obs=x)

    def guide(x: Any) -> None:
        a, s = words.params("as")
        with words.plate("data", len(x)):
            if kind in ("walk", "apart"):
                words.sample("z", words.dist.Normal(a * x + s, 1.0))
            else:
                words.sample("b", words.bernoulli(a * x + s))

    return model, guide


def losses(engine: str, program: Pair, objective: Objective) -> list[float]:
    """Of two steps by the library's own means."""
    if engine == "pyro":
        with pyro.get_param_store().scope():
            pyro.clear_param_store()
            pyro.set_rng_seed(0)
            optim = pyro.optim.Adam({"lr": 0.01})  # pyright: ignore[reportAttributeAccessIssue]
            svi: Any = SVI(*program, optim, loss=objective)
            return [svi.step(torch.tensor(X)) for _ in range(2)]
    attached = load_engine(engine).attach(objective, *program)
    theirs: Any = numpyro.infer.SVI(program[0], attached, numpyro.optim.Adam(0.01), objective)
    state, found = theirs.init(jax.random.PRNGKey(0), jnp.asarray(X)), []
    for _ in range(2):
        state, loss = theirs.update(state, jnp.asarray(X))
        found.append(float(loss))
    return found


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("kind", "objective", "said"),
    [
        ("walk", IWAE(3), "latents of other rows"),
        ("jump", REBAR(), "density jumps"),
        ("jump", Concrete(), "density jumps"),
    ],
    ids=str,
)
def test_what_fit_refuses_is_refused(
    kind: str, objective: Objective, said: str, engine: str
) -> None:
    for _ in range(2):  # and not only at the first try
        with pytest.raises(ObjectiveError, match=said):
            losses(engine, pair(engine, kind), objective)


@pytest.mark.filterwarnings("ignore:Out-of-support")  # NumPyro's, of values between 0 and 1
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize(
    ("kind", "objective"),
    [
        ("apart", IWAE(3)),
        ("walk", ELBO()),
        ("jump", NVIL()),
        ("moves", REBAR()),
        ("moves", VIMCO(3)),
    ],
    ids=str,
)
def test_what_is_right_goes_on_as_it_would_unasked(
    kind: str, objective: Objective, engine: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = losses(engine, pair(engine, kind), objective)
    monkeypatch.setattr(type(objective), "ask_of_values", Surrogate.ask_of_values)
    again = type(objective)(**objective.arguments())
    assert asked == losses(engine, pair(engine, kind), again)
    assert np.isfinite(asked).all()
