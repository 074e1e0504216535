"""The random numbers that a caller's batches come from, kept apart, written down and put back."""

from __future__ import annotations

import contextlib
import itertools
import random
import sys
from collections.abc import Iterator, Mapping
from types import FunctionType, GeneratorType, MethodType, ModuleType
from typing import Any

import numpy as np

_DEEPEST = 6  # attributes of attributes that are looked through


class RandomStreams:
    """The random state of an iterable of batches: what decides their order.

    It is the global random numbers of torch, numpy and Python, of which batches get streams of
    their own, a function of a seed: what a training step draws does not move them, nor they the
    caller's. And it is the generators that can be reached from the iterable (its attributes, those
    of a loader's sampler, a generator function's variables), with the whole numbers beside them,
    such as a count of epochs.

    Args:
        iterable: the batches.
        seed: of the streams.
    """

    def __init__(self, iterable: Any, seed: int) -> None:
        self.iterable = iterable
        self._own = {
            "python": random.Random(seed),
            "numpy": np.random.RandomState(seed % 2**32),
            **({"torch": _torch().Generator().manual_seed(seed)} if _torch() else {}),
        }

    @contextlib.contextmanager
    def drawing(self) -> Iterator[None]:
        """Inside, global random numbers are the streams'."""
        theirs = {name: _read(_global(name)) for name in self._own}
        for name, stream in self._own.items():
            _write(_global(name), _read(stream))
        try:
            yield
        finally:
            for name, stream in self._own.items():
                _write(stream, _read(_global(name)))
                _write(_global(name), theirs[name])

    def state(self) -> dict[str, Any]:
        """Where everything stands, in terms of JSON."""
        generators, counts = _reachable(self.iterable)
        return {
            "streams": {name: _plain(_read(stream)) for name, stream in self._own.items()},
            "generators": {name: _plain(_read(each)) for name, each in generators.items()},
            "counts": {name: owner[key] for name, (owner, key) in counts.items()},
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Put everything back to where it stood."""
        generators, counts = _reachable(self.iterable)
        for found, read in ((self._own, state["streams"]), (generators, state["generators"])):
            for name, each in found.items():
                if name in read:
                    _write(each, _unplain(read[name]))
        for name, (owner, key) in counts.items():
            if name in state["counts"] and owner[key] != state["counts"][name]:
                owner[key] = state["counts"][name]


def keeps_hidden_state(iterable: Any) -> bool:
    """Whether batches are made by processes that outlive an epoch, with random state of their own.

    Those of a data set that only looks up tensors draw nothing.
    """
    workers = getattr(iterable, "num_workers", 0) and getattr(iterable, "persistent_workers", False)
    dataset = getattr(iterable, "dataset", None)
    while hasattr(dataset, "dataset"):
        dataset = getattr(dataset, "dataset", None)
    return bool(workers) and type(dataset).__name__ not in ("TensorDataset", "list", "tuple")


def _torch() -> Any:
    return sys.modules.get("torch")


class _TorchGlobal:
    """Torch's global generator of the CPU, as a generator."""

    @staticmethod
    def get_state() -> Any:
        return _torch().get_rng_state()

    @staticmethod
    def set_state(state: Any) -> None:
        _torch().set_rng_state(state)


def _global(name: str) -> Any:
    return {"python": random, "numpy": np.random, "torch": _TorchGlobal}[name]


def _read(source: Any) -> Any:
    """A generator's state."""
    if isinstance(source, np.random.RandomState) or source is np.random:
        return source.get_state(legacy=False)  # pyright: ignore[reportAttributeAccessIssue]
    if hasattr(source, "getstate"):  # Python's
        return source.getstate()
    return source.bit_generator.state if hasattr(source, "bit_generator") else source.get_state()


def _write(source: Any, state: Any) -> None:
    if isinstance(source, np.random.RandomState) or source is np.random:
        source.set_state(state)
    elif hasattr(source, "getstate"):
        source.setstate(state)
    elif hasattr(source, "bit_generator"):
        source.bit_generator.state = state
    else:
        source.set_state(state)


def _plain(state: Any) -> Any:
    """A state in terms of JSON."""
    if isinstance(state, dict):
        return {key: _plain(value) for key, value in state.items()}
    if isinstance(state, tuple):
        return {"tuple": [_plain(part) for part in state]}
    if isinstance(state, np.ndarray):
        return {"array": state.tolist(), "dtype": str(state.dtype)}
    return {"bytes": state.numpy().tobytes().hex()} if hasattr(state, "numpy") else state


def _unplain(state: Any) -> Any:
    if not isinstance(state, dict):
        return state
    if "tuple" in state:
        return tuple(map(_unplain, state["tuple"]))
    if "array" in state:
        return np.array(state["array"], dtype=state["dtype"])
    if "bytes" in state:
        read = np.frombuffer(bytes.fromhex(state["bytes"]), dtype=np.uint8).copy()
        return _torch().from_numpy(read)
    return {key: _unplain(value) for key, value in state.items()}


def _is_generator(value: Any) -> bool:
    known = (random.Random, np.random.Generator, np.random.RandomState)
    return isinstance(value, known) or (_torch() and isinstance(value, _torch().Generator))


def _reachable(root: Any) -> tuple[dict[str, Any], dict[str, tuple[dict[str, Any], str]]]:
    """Generators by where they are, and whole numbers with the dictionaries that hold them."""
    generators: dict[str, Any] = {}
    counts: dict[str, tuple[dict[str, Any], str]] = {}
    seen: set[int] = set()

    def look(value: Any, path: str, depth: int) -> None:
        if id(value) in seen or depth > _DEEPEST:
            return
        seen.add(id(value))
        if _is_generator(value):
            generators[path] = value
            return
        for name, part in _parts(value):
            if isinstance(part, int) and not isinstance(part, bool):
                if part is _attributes(value).get(name):
                    counts[f"{path}.{name}"] = (_attributes(value), name)
            elif not isinstance(part, (str, bytes, float, bool, type(None), type, ModuleType)):
                look(part, f"{path}.{name}", depth + 1)

    look(root, "", 0)
    return generators, counts


def _attributes(value: Any) -> dict[str, Any]:
    """An object's attributes; those of arrays and of torch's iterators are none of ours."""
    plain = hasattr(value, "__dict__") and not hasattr(value, "dtype")
    return value.__dict__ if plain and not isinstance(value, (type, FunctionType)) else {}


def _parts(value: Any) -> Iterator[tuple[str, Any]]:
    """What an object holds, by name."""
    if isinstance(value, GeneratorType):
        frame = value.gi_frame
        yield from (frame.f_locals.items() if frame is not None else ())
        return
    if isinstance(value, MethodType):
        yield "self", value.__self__
        return
    if isinstance(value, FunctionType):
        cells = zip(value.__code__.co_freevars, value.__closure__ or (), strict=True)
        for name, cell in cells:
            with contextlib.suppress(ValueError):  # not filled yet
                yield name, cell.cell_contents
        names = set(value.__code__.co_names) & set(value.__globals__)
        yield from ((name, value.__globals__[name]) for name in sorted(names))
        return
    if isinstance(value, dict):
        yield from ((str(key), part) for key, part in itertools.islice(value.items(), 100))
        return
    if isinstance(value, (list, tuple)):
        yield from ((str(place), part) for place, part in enumerate(value[:100]))
        return
    # The iterator that a loader with lasting workers keeps is set anew in each epoch.
    yield from (item for item in list(_attributes(value).items()) if item[0] != "_iterator")
