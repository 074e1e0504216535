"""Both engines are what `inference.program.engine.Engine` says: names and signatures."""

from __future__ import annotations

import inspect
from types import ModuleType
from typing import Any

import pytest

from inference.engines import numpyro, pyro
from inference.program import engine, instruments, trainer

# What type checkers hold against the contract.
ON_PYRO: engine.Engine = pyro
ON_NUMPYRO: engine.Engine = numpyro

NAMES = {n for n in vars(engine.Engine) if not n.startswith("_")} | {"loss"}
CLASSES: dict[str, Any] = {
    "Annealer": instruments.Annealer,
    "FreedGuide": instruments.FreedGuide,
    "Probe": instruments.Probe,
    "Tempering": instruments.Tempering,
    "Trainer": trainer.Trainer,
}


def parameters(function: Any, *, bound: bool = False) -> list[tuple[str, Any, Any]]:
    """Names, kinds and defaults; of a protocol's method without `self`."""
    known = list(inspect.signature(function).parameters.values())
    return [(p.name, p.kind, p.default) for p in known[int(bound) :]]


@pytest.mark.parametrize("module", [pyro, numpyro], ids=["pyro", "numpyro"])
def test_an_engine_has_exactly_the_names_of_the_contract(module: ModuleType) -> None:
    assert set(module.__all__) == NAMES
    assert all(hasattr(module, name) for name in NAMES)


@pytest.mark.parametrize("name", sorted(NAMES - {"loss"}))
def test_signatures_are_those_of_the_contract(name: str) -> None:
    """But for `loss`, which each library's own SVI calls in its own way."""
    expected = parameters(getattr(engine.Engine, name), bound=True)
    for module in (pyro, numpyro):
        assert parameters(getattr(module, name)) == expected, module.__name__


@pytest.mark.parametrize("name", sorted(CLASSES))
def test_methods_are_those_of_the_contract(name: str) -> None:
    contract = CLASSES[name]
    methods = [n for n in vars(contract) if not n.startswith("_")]
    for method in methods:
        expected = vars(contract)[method]
        for module in (pyro, numpyro):
            own = inspect.getattr_static(getattr(module, name), method)
            if isinstance(expected, property):
                assert isinstance(own, property), (module.__name__, method)
            else:
                assert parameters(own) == parameters(expected), (module.__name__, method)
