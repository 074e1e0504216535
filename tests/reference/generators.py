"""A linear generator and a small critic in float64, and one step of an objective on either engine.

x = W z + m, z ~ N(0, I): `ppca` drawn by its likelihood's mean.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.engines import load_engine
from inference.objectives import Objective
from inference.program.program import OWNED
from ppl_models import create

Array = NDArray[np.float64]
ROWS, WIDTH, LATENT = 6, 3, 2


def data(seed: int = 0) -> NDArray[np.float32]:
    return np.random.default_rng(seed).normal(size=(ROWS, WIDTH)).astype(np.float32)


@dataclass
class Step:
    """What one evaluation of an objective's loss showed.

    Attributes:
        value: the surrogate.
        gradients: of the loss, by public name; what the objective owns without its prefix.
        params: the values that they were taken at, likewise.
        z: the noise of the draws.
        codes: the guide's draws.
    """

    value: float
    gradients: dict[str, Array]
    params: dict[str, Array]
    z: Array
    codes: Array = field(default_factory=lambda: np.zeros(0))


def one_step(engine: str, objective: Objective, x: NDArray[np.float32], draws: int = ROWS) -> Step:
    pair = create("ppca", engine=engine, data_dim=WIDTH, latent_dim=LATENT, seed=1)
    return {"numpyro": _numpyro, "pyro": _pyro}[engine](pair, objective, x, draws)


def _numpyro(pair: Any, objective: Objective, x: NDArray[np.float32], draws: int) -> Step:
    import jax
    from numpyro.infer import SVI
    from optax import sgd

    backend = load_engine("numpyro")
    guide = backend.attach(objective, pair.model, pair.guide)
    svi = SVI(pair.model, guide, sgd(0.1), objective)
    state = svi.init(jax.random.PRNGKey(0), x)
    params: dict[str, Any] = dict(svi.get_params(state))
    params["weight"] = params["weight"] + 0.4  # away from the start, where scores are tiny
    params["guide_weight"] = params["guide_weight"] + 0.3
    carried, key = state.mutable_state or {}, jax.random.PRNGKey(7)

    def loss(params: dict[str, Any]) -> Any:
        given = {**params, **carried}
        return objective.loss_with_mutable_state(key, given, pair.model, guide, x)["loss"]

    value, gradients = jax.value_and_grad(loss)(params)
    from inference.engines.numpyro.program import NumPyroProgram

    program = NumPyroProgram(
        key, {**params, **carried}, pair.model, pair.guide, (x,), {}, objective.require
    )
    z = np.asarray(program.generate(draws).latents["z"], dtype=np.float64)
    codes = np.asarray(_codes(program, objective), dtype=np.float64)
    return Step(-float(value), _named(gradients), _named(params), z, codes)


def _pyro(pair: Any, objective: Objective, x: NDArray[np.float32], draws: int) -> Step:
    import pyro
    import torch

    from inference.engines.pyro.inspection import inspect
    from inference.engines.pyro.pairs import StoredPair
    from inference.engines.pyro.parameters import unconstrained
    from inference.engines.pyro.program import PyroProgram

    stored, batch = StoredPair(pair), torch.from_numpy(x.copy())
    with stored.scope(), torch.random.fork_rng(), pyro.validation_enabled(False):
        objective(stored.model, stored.guide, batch)  # brings what the objective owns into being
        with torch.no_grad():
            pair.weight.add_(0.4)
            pair.guide_weight.add_(0.3)
        params = unconstrained(stored)
        torch.manual_seed(7)
        loss = objective(stored.model, stored.guide, batch)
        loss.backward()
        torch.manual_seed(7)
        structure = inspect(stored.model, stored.guide, (batch,), {})
        program = PyroProgram(stored.model, stored.guide, (batch,), {}, structure)
        z = program.generate(draws).latents["z"].detach().double().numpy()
        codes = _codes(program, objective).detach().double().numpy()
        gradients = {
            name: torch.zeros_like(p) if p.grad is None else p.grad for name, p in params.items()
        }
        return Step(-loss.item(), _named(gradients), _named(params), z, codes)


def _codes(program: Any, objective: Any) -> Any:
    """The guide's draws, as the objective asks for them."""
    if getattr(objective, "critic_sees", "x") == "x":
        return program.propose()["z"]
    return program.draw(1).values["z"][0]


def _named(values: dict[str, Any]) -> dict[str, Array]:
    detached = {
        name.removeprefix(OWNED): value.detach() if hasattr(value, "detach") else value
        for name, value in values.items()
    }
    return {name: np.asarray(value, dtype=np.float64) for name, value in detached.items()}


def generated(params: dict[str, Array], z: Array) -> Array:
    return z @ params["weight"].T + params["mean"]


def features(params: dict[str, Array], x: Array) -> Array:
    """The critic's last hidden layer."""
    number, output = 0, x
    while f"critic.{number}.weight" in params:
        output = output @ params[f"critic.{number}.weight"] + params[f"critic.{number}.bias"]
        output = np.where(output > 0, output, 0.2 * output)
        number += 1
    if "critic.minibatch.weight" not in params:
        return output
    codes = (output @ params["critic.minibatch.weight"]).reshape(len(x), -1, 5)
    near = np.zeros(codes.shape[:2])
    for i in range(len(x)):
        for j in set(range(len(x))) - {i}:
            near[i] += np.exp(-abs(codes[i] - codes[j]).sum(-1))
    return np.concatenate([output, near], 1)


def scores(params: dict[str, Array], x: Array) -> Array:
    return (features(params, x) @ params["critic.out.weight"] + params["critic.out.bias"])[:, 0]


def slopes(params: dict[str, Array], x: Array) -> Array:
    """The critic's gradient by its input, (N, D), for one hidden layer."""
    hidden = x @ params["critic.0.weight"] + params["critic.0.bias"]
    slope = np.where(hidden > 0, 1.0, 0.2) * params["critic.out.weight"][:, 0]
    return slope @ params["critic.0.weight"].T


def finite_differences(function: Any, params: dict[str, Array], step: float = 1e-6) -> Any:
    """The gradient of a function of all parameters, by name."""
    gradients = {}
    for name, value in params.items():
        gradient = np.zeros_like(value)
        for index in np.ndindex(value.shape):
            moved = []
            for sign in (1, -1):
                other = value.copy()
                other[index] += sign * step
                moved.append(function({**params, name: other}))
            gradient[index] = (moved[0] - moved[1]) / (2 * step)
        gradients[name] = gradient
    return gradients
