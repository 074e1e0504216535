"""A look at a pair that leaves nothing behind: what is run meanwhile is run on copies."""

from __future__ import annotations

import contextlib
import random
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pyro
import torch
from pyro import poutine
from pyro.contrib.easyguide import EasyGuide
from pyro.infer.autoguide.guides import AutoGuide
from torch import Tensor
from torch.distributions import Transform

from inference.engines.pyro.counters import Counters
from inference.engines.pyro.pair_networks import networks
from inference.engines.thread_lock import ALONE

_LARGEST = 2**20  # entries of a network's plain tensor that is kept, in case it is written to
_LIBRARIES = ("torch", "pyro")


class Kept:
    """What running a pair changes besides its parameters, as it was when this was made.

    Buffers (the averages of batch normalisation, the vectors of spectral normalisation), numbers
    and tensors among the attributes of networks, their modes, which parameters are trained, and
    what the program itself counts elsewhere.
    """

    def __init__(self, functions: tuple[Callable[..., Any], ...]) -> None:
        found = [module for network in networks(functions) for module in network.modules()]
        self.modules: list[torch.nn.Module] = list({id(m): m for m in found}.values())
        self.modes = [module.training for module in self.modules]
        self.buffers = [(m, dict(m._buffers)) for m in self.modules]
        tensors = [t for _, own in self.buffers for t in own.values() if t is not None]
        self.attributes = [(m, _plain(m)) for m in self.modules if _is_users(m)]
        tensors += [
            value
            for _, own in self.attributes
            for value in own.values()
            if isinstance(value, Tensor) and value.numel() <= _LARGEST
        ]
        self.tensors = [(t, t.detach().clone()) for t in tensors]
        trained = (p for m in self.modules for p in m._parameters.values() if p is not None)
        self.trained = [(parameter, parameter.requires_grad) for parameter in trained]
        self.counters = Counters(functions)

    def restore(self) -> None:
        """Put everything back."""
        with torch.no_grad():
            for tensor, value in self.tensors:
                if not torch.equal(tensor, value):  # batch normalisation counts no version up
                    tensor.copy_(value)
        for module, own in self.buffers:
            for name, buffer in own.items():
                if module._buffers.get(name) is not buffer:
                    module._buffers[name] = buffer
        for module, own in self.attributes:
            for name, value in list(module.__dict__.items()):
                if name in own:
                    before = own[name]
                    if before is not value and (before is not None or isinstance(value, Tensor)):
                        module.__dict__[name] = before
                elif isinstance(value, Tensor):  # remembered from this look, without a gradient
                    del module.__dict__[name]
        for module, mode in zip(self.modules, self.modes, strict=True):
            module.training = mode
        for parameter, trained in self.trained:
            if parameter.requires_grad != trained:
                parameter.requires_grad_(trained)
        forget(module for module in self.modules if isinstance(module, Transform))
        self.counters.restore()

    def state(self) -> list[Tensor]:
        """Copies of the present buffers."""
        return [
            buffer.detach().clone()
            for module in self.modules
            for buffer in module._buffers.values()
            if buffer is not None
        ]


def _is_users(module: torch.nn.Module) -> bool:
    """Whether a class is of the user's own; guides have state that their first run makes."""
    if isinstance(module, (AutoGuide, EasyGuide)):
        return False
    return type(module).__module__.split(".")[0] not in _LIBRARIES


def _plain(module: torch.nn.Module) -> dict[str, Any]:
    kinds = (bool, int, float, str, Tensor, type(None))
    return {name: value for name, value in module.__dict__.items() if isinstance(value, kinds)}


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Run without gradients, without a trace in a random state, and without warnings.

    What upstream only warns about is refused by name, from the structure.
    """
    with (
        ALONE,
        torch.no_grad(),
        random_states(),
        warnings.catch_warnings(),
        pyro.validation_enabled(False),
    ):
        warnings.simplefilter("ignore")
        yield


@contextlib.contextmanager
def random_states() -> Iterator[None]:
    """Put the random states of torch, numpy and Python back afterwards."""
    with ALONE:
        states = random.getstate(), np.random.get_state()
        with torch.random.fork_rng():
            try:
                yield
            finally:
                random.setstate(states[0])
                np.random.set_state(states[1])


@contextlib.contextmanager
def untouched(*functions: Callable[..., Any]) -> Iterator[Kept]:
    """Put back, after a look, what running the functions changes.

    An autoguide keeps what its first run makes of it, unless that run fails.
    """
    kept = Kept(functions)
    guides = [g for g in (*functions, *kept.modules) if isinstance(g, (AutoGuide, EasyGuide))]
    new = [guide for guide in guides if guide.prototype_trace is None]
    try:
        yield kept
    except BaseException:
        for guide in new:
            guide.prototype_trace = None
            if isinstance(guide, EasyGuide):
                guide.plates.clear()
        raise
    finally:
        kept.restore()


def copied(value: Any, known: dict[int, Any] | None = None) -> Any:
    """The same with copies of its tensors: who remembers a tensor by identity sees another.

    A tensor that stands in two places is one copy in both.
    """
    known = {} if known is None else known
    if id(value) in known:
        return known[id(value)]
    made = value
    if isinstance(value, Tensor) and not isinstance(value, torch.nn.Parameter):
        made = value.detach().clone().requires_grad_(value.requires_grad)
    elif type(value) in (list, tuple):
        parts = [copied(each, known) for each in value]
        made = parts if isinstance(value, list) else tuple(parts)
    elif type(value) is dict:
        made = {key: copied(each, known) for key, each in value.items()}
    known[id(value)] = made
    return made


def transforms_of(traces: Iterable[poutine.Trace]) -> list[Transform]:
    """The transforms of the flows in some traces."""
    found: list[Transform] = []
    for trace in traces:
        for site in trace.nodes.values():
            fn = site.get("fn") if site["type"] == "sample" else None
            while fn is not None:
                found += getattr(fn, "transforms", [])
                fn = getattr(fn, "base_dist", None)
    return found


def forget(transforms: Iterable[Any]) -> None:
    """Clear what transforms remember of their last argument, which they know by identity.

    A value that was seen without gradients, or at the parameters of an earlier step, would be
    taken for that of this step wherever the same tensor of data comes again.
    """
    waiting, seen = list(transforms), set[int]()
    while waiting:
        transform = waiting.pop()
        if not isinstance(transform, Transform) or id(transform) in seen:
            continue
        seen.add(id(transform))
        if getattr(transform, "_cache_size", 0):
            transform._cached_x_y = None, None
        for name in ("base_transform", "transform", "_inv"):
            waiting.append(getattr(transform, name, None))
        for name in ("parts", "transforms"):
            waiting += getattr(transform, name, ())


def arguments(
    args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Copies of what a pair is called with."""
    known: dict[int, Any] = {}
    return tuple(copied(arg, known) for arg in args), {
        name: copied(arg, known) for name, arg in kwargs.items()
    }


@contextlib.contextmanager
def with_gradients() -> Iterator[None]:
    """Gradients, though who called is in `torch.no_grad()` or `torch.inference_mode()`."""
    with torch.inference_mode(mode=False), torch.enable_grad():
        yield


@contextlib.contextmanager
def for_steps() -> Iterator[None]:
    """Gradients, and no checks of distributions.

    The data were checked once; per-step argument checks cost a fifth of a small step.
    """
    before = torch.distributions.Distribution._validate_args
    torch.distributions.Distribution.set_default_validate_args(False)
    try:
        with warnings.catch_warnings(), with_gradients():
            yield
    finally:
        torch.distributions.Distribution.set_default_validate_args(before)
