"""A pair's networks are found wherever its methods get them from."""

from __future__ import annotations

import functools
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from flax import nnx

from inference.engines.numpyro.pairs import evaluating
from inference.engines.pyro.pair_networks import networks


def network(engine: str) -> Any:
    return torch.nn.Linear(2, 2) if engine == "pyro" else nnx.Dropout(0.5, rngs=nnx.Rngs(0))


class Holder:
    """Model and guide; each way to hold a network is a class below this one."""

    def model(self, x: Any) -> Any:
        return self.net(x)  # pyright: ignore[reportAttributeAccessIssue]

    def guide(self, x: Any) -> Any:
        return None


def on_the_object(net: Any) -> Any:
    pair = Holder()
    pair.net = net  # pyright: ignore[reportAttributeAccessIssue]
    return pair


def on_its_class(net: Any) -> Any:
    return type("Held", (Holder,), {"net": net})()


def on_a_base_class(net: Any) -> Any:
    return type("Below", (type("Held", (Holder,), {"net": net}),), {})()


def behind_a_property(net: Any) -> Any:
    return type("Held", (Holder,), {"net": property(lambda self: net)})()


def in_a_static_method(net: Any) -> Any:
    return type("Held", (Holder,), {"net": staticmethod(lambda x: net(x))})()


def in_a_class_method(net: Any) -> Any:
    return type("Held", (Holder,), {"net": classmethod(lambda cls, x: net(x))})()


def in_a_list_of_its_class(net: Any) -> Any:
    return type("Held", (Holder,), {"nets": [net], "net": lambda self, x: self.nets[0](x)})()


def in_another_object(net: Any) -> Any:
    inner = on_its_class(net)
    return type("Held", (Holder,), {"net": functools.partial(inner.model)})()


def in_a_plain_object(net: Any) -> Any:
    holds = SimpleNamespace(inner=SimpleNamespace(net=net))
    return type("Held", (Holder,), {"net": lambda self, x: holds.inner.net(x)})()


WAYS = (
    on_the_object,
    on_its_class,
    on_a_base_class,
    behind_a_property,
    in_a_static_method,
    in_a_class_method,
    in_a_list_of_its_class,
    in_another_object,
    in_a_plain_object,
)


@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
@pytest.mark.parametrize("as_functions", [False, True], ids=["pair", "functions"])
@pytest.mark.parametrize("way", WAYS)
def test_found(way, as_functions, engine):
    net = network(engine)
    pair = way(net)
    given = (pair.model, pair.guide) if as_functions else pair
    if engine == "pyro":
        assert networks(given) == [net]
        return
    with evaluating(SimpleNamespace(model=pair.model, guide=pair.guide)):
        assert net.deterministic
    assert not net.deterministic
