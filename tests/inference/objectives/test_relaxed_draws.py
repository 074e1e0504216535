"""Relaxed draws are refused where the density jumps between their values, and nowhere else."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from inference import fit
from inference.engines import ENGINES, load_engine
from inference.errors import ObjectiveError
from inference.objectives import REBAR, Concrete, DisARM
from inference.objectives.relaxed_draws import _jumps

X = np.array([0.3, -1.0, 0.8], dtype=np.float32)
Law = Callable[[Any, Any, Any], Any]


def pair(engine: str, law: Law, *, classes: int = 0) -> Any:
    """b_n ~ Bernoulli, or one-hot of some classes; x_n from a law of b_n and x_n."""
    library = importlib.import_module(engine)
    dist: Any = importlib.import_module(f"{engine}.distributions")
    math: Any = importlib.import_module("torch" if engine == "pyro" else "jax.numpy")
    number = math.tensor if engine == "pyro" else math.asarray
    words: Any = SimpleNamespace(dist=dist, where=math.where, sigmoid=_sigmoid(math))

    def draw(logit: Any) -> Any:
        if not classes:
            return library.sample("b", dist.Bernoulli(logits=logit))
        logits = logit[..., None] * number([0.3, -0.2, 0.5])
        one = dist.OneHotCategorical if engine == "pyro" else _one_hot(dist)
        return library.sample("b", one(logits=logits))

    def model(x: Any) -> None:
        with library.plate("data", len(x)):
            library.sample("x", law(words, draw(0 * x), x), obs=x)

    def guide(x: Any) -> None:
        a = library.param("a", number(0.5))
        with library.plate("data", len(x)):
            draw(a * x)

    return SimpleNamespace(engine=engine, model=model, guide=guide)


def _sigmoid(math: Any) -> Any:
    return math.sigmoid if hasattr(math, "sigmoid") else importlib.import_module("jax").nn.sigmoid


def _one_hot(dist: Any) -> Any:
    return lambda logits: dist.Multinomial(1, logits=logits)


def truths(engine: str, value: Any) -> Any:
    return value.long() if engine == "pyro" else value.astype(int)


JUMPING: dict[str, tuple[Law, int]] = {
    "a comparison": (
        lambda words, b, x: words.dist.Normal(words.where(b > 0.5, 0.7 + 0 * x, -0.4), 1.0),
        0,
    ),
    "a mask": (lambda words, b, x: words.dist.Normal(0.7 * b, 1.0).mask(b > 0.5), 0),
    "the largest entry": (
        lambda words, b, x: words.dist.Normal(
            words.where(b.argmax(-1) == 1, 1.0 + 0 * x, 0.0), 1.0
        ),
        3,
    ),
}
FOLLOWING: dict[str, tuple[Law, int]] = {
    "a product": (lambda words, b, x: words.dist.Normal(0.7 * b, 1.0), 0),
    "a leaky ReLU": (
        lambda words, b, x: words.dist.Normal(_leaky(words, 50 * (b - 0.37)), 1.0),
        0,
    ),
    "a steep slope": (
        lambda words, b, x: words.dist.Normal(9 * words.sigmoid(300 * (b - 0.6)), 1.0),
        0,
    ),
    "a narrow law": (lambda words, b, x: words.dist.Cauchy(0.7 * b - 0.2, 0.01), 0),
    "a weighed sum": (lambda words, b, x: words.dist.Normal(b[..., 0] - 2 * b[..., 2], 1.0), 3),
}


def _leaky(words: Any, y: Any) -> Any:
    return words.where(y > 0, y, 0.1 * y)


ON_NUMPYRO = ("a comparison", "the largest entry", "a steep slope")  # where each compiles
CASES = [
    pytest.param(engine, law, classes, cases is JUMPING, id=f"{name}-{engine}")
    for cases in (JUMPING, FOLLOWING)
    for name, (law, classes) in cases.items()
    for engine in ENGINES
    if engine == "pyro" or name in ON_NUMPYRO
]


@pytest.mark.parametrize(("engine", "law", "classes", "jumps"), CASES)
def test_a_jump_is_told_from_a_slope(law: Law, classes: int, jumps: bool, engine: str) -> None:
    backend, made = load_engine(engine), pair(engine, law, classes=classes)
    assert _jumps(backend, made, (X,), "b", ends=False) is jumps


@pytest.mark.parametrize("engine", ENGINES)
def test_an_index_says_nothing_to_slopes_and_no_wrong_thing_to_a_control_variate(
    engine: str,
) -> None:
    """All relaxed draws have the index zero, so that REBAR has a constant for its variate."""

    def law(words: Any, b: Any, x: Any) -> Any:
        return words.dist.Normal(words.where(truths(engine, b) == 1, 0.7 + 0 * x, -0.4), 1.0)

    backend, made = load_engine(engine), pair(engine, law)
    assert not _jumps(backend, made, (X,), "b", ends=False)
    assert _jumps(backend, made, (X,), "b", ends=True)


def test_a_draw_that_is_itself_a_probability_has_steep_ends_and_no_jump() -> None:
    def law(words: Any, b: Any, x: Any) -> Any:
        del x
        return words.dist.Bernoulli(probs=b)

    binary = np.array([1.0, 0.0, 1.0], dtype=np.float32)
    assert not _jumps(load_engine("pyro"), pair("pyro", law), (binary,), "b", ends=True)


@pytest.mark.parametrize(
    ("engine", "objective"), [("numpyro", REBAR()), ("pyro", REBAR()), ("pyro", Concrete())]
)
def test_fit_refuses_what_takes_slopes(engine: str, objective: Any) -> None:
    made = pair(engine, JUMPING["a comparison"][0])
    with pytest.raises(ObjectiveError, match=r"draws of 'b'.*jumps.*b \* one.*RLOO\("):
        fit(made, X, objective=objective, steps=1, progress=False)


def test_fit_takes_what_needs_no_slope() -> None:
    made = pair("pyro", JUMPING["a comparison"][0])
    assert np.isfinite(fit(made, X, objective=DisARM(), steps=1, progress=False).history.loss).all()
