"""Pairs and their parameters on Pyro: copies, names, and stores that nobody else sees."""

from __future__ import annotations

import contextlib
import copy
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pyro
import torch
from numpy.typing import NDArray
from pyro.contrib.easyguide import EasyGuide
from pyro.infer.autoguide.guides import AutoGuide

from inference.engines.pyro.inspection import inspect
from inference.engines.pyro.missing_values import Fill
from inference.engines.pyro.pair_networks import networks
from inference.engines.pyro.traces import proposing
from inference.errors import RunFolderError
from inference.program.batches import Form, OnArrays, plain_form, whole
from inference.program.batches import on_arrays as of_arrays
from inference.program.program import OWNED

AVERAGE = "__baseline_avg_downstream_cost_"  # of Pyro's decaying baselines: state, not trained


class StoredPair:
    """A pair with a parameter store of its own: what `fit` trains and what it returns.

    Every method of the wrapped pair runs with the stored parameters; every other attribute is the
    pair's.

    Attributes:
        wrapped: the pair or `(model, guide)` tuple underneath.
        store: the state of the parameter store.
    """

    engine = "pyro"

    def __init__(self, wrapped: Any, store: dict[str, Any] | None = None) -> None:
        self.wrapped = wrapped
        self.store: dict[str, Any] = store or {"params": {}, "constraints": {}}
        self.fills = False  # whether missing values under a mask are filled in: see `filling`
        self._active = False

    @contextlib.contextmanager
    def scope(self) -> Iterator[None]:
        """Use this pair's parameter store in place of Pyro's global one."""
        if self._active:
            yield
            return
        self._active = True
        try:
            # What is registered inside is written back into self.store on leaving, errors or not.
            store: Any = pyro.get_param_store()
            with store.scope(self.store):
                try:
                    yield
                finally:
                    self.store.update(store.get_state())
        finally:
            self._active = False

    def model(self, *args: Any, **kwargs: Any) -> Any:
        """The wrapped model, with the stored parameters."""
        with self.scope(), Fill() if self.fills else contextlib.nullcontext():
            return parts(self.wrapped)[0](*args, **kwargs)

    def guide(self, *args: Any, **kwargs: Any) -> Any:
        """The wrapped guide, with the stored parameters."""
        with self.scope():
            return proposing(parts(self.wrapped)[1])(*args, **kwargs)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or name == "wrapped":
            raise AttributeError(name)
        value = getattr(self.wrapped, name)
        if not callable(value) or not hasattr(value, "__self__"):
            return value

        def scoped(*args: Any, **kwargs: Any) -> Any:
            with self.scope():
                return value(*args, **kwargs)

        return scoped

    def __repr__(self) -> str:
        return f"fitted {self.wrapped!r}"


def parts(pair: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The model and the guide of a pair or of a tuple."""
    return pair if isinstance(pair, tuple) else (pair.model, pair.guide)


def on_arrays(pair: Any, form: Form) -> Any:
    """The pair as one whose model and guide take the arrays of a batch alone.

    Args:
        pair: the pair.
        form: how the arrays make up what model and guide take.
    """
    if form.plain:
        return pair
    if not isinstance(pair, StoredPair):
        return tuple(of_arrays(part, form, as_tensor) for part in parts(pair))
    inner = tuple(of_arrays(part, form, as_tensor) for part in parts(pair.wrapped))
    twin = StoredPair(inner, pair.store)
    twin.fills = pair.fills
    return twin


def as_tensor(array: Any) -> Any:
    """A copy of an array as a tensor; everything else as it is."""
    return torch.tensor(array) if isinstance(array, np.ndarray) else array


def untouched_parts(pair: Any) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """The model and the guide, for a look at some rows that leaves nothing behind in the guide.

    An autoguide is made for the rows of its first run, so that until then a copy runs in its place.
    """
    model, guide = parts(pair)
    own: Any = whole(guide)
    if isinstance(own, (AutoGuide, EasyGuide)) and own.prototype_trace is None:
        twin = _copy(own, {id(own.model): own.model})
        on = guide if isinstance(guide, OnArrays) else None
        return model, twin if on is None else OnArrays(twin, on.form, on.convert)
    return model, guide


def _copy(value: Any, memo: dict[int, Any] | None = None) -> Any:
    """A deep copy in which autoguides keep their models.

    An autoguide that is copied by Pyro loses its model, and so does the copy.
    """
    memo = {} if memo is None else memo
    detach_kept(getattr(value, "wrapped", value), memo)
    inside = (
        module
        for network in networks(getattr(value, "wrapped", value))
        for module in network.modules()
    )
    guides = [(each, each._model, each.master) for each in inside if isinstance(each, AutoGuide)]
    try:
        twin = copy.deepcopy(value, memo)
    finally:
        for guide, models, master in guides:
            guide._model, guide.master = models, master
    for guide, models, _ in guides:
        memo[id(guide)]._model = copy.deepcopy(models, memo)
    return twin


def detach_kept(value: Any, memo: dict[int, Any]) -> None:
    """Have `copy.deepcopy` detach what networks keep of their last run, such as an activation.

    Torch copies no tensor that has a gradient's history; the copy makes its own in its first run.
    """
    waiting = [vars(value)] if hasattr(value, "__dict__") else [value]
    waiting += [vars(m) for network in networks(value) for m in network.modules()]
    seen = set[int]()
    while waiting:
        one = waiting.pop()
        if isinstance(one, torch.Tensor) and not one.is_leaf:
            memo[id(one)] = one.detach().clone()
        elif isinstance(one, (dict, list, tuple)) and id(one) not in seen:
            seen.add(id(one))
            waiting += one.values() if isinstance(one, dict) else one


def isolate(pair: Any, device: torch.device) -> StoredPair:
    """A copy of the pair on a device, with its own store; a tuple of functions is not copied.

    The networks that bare functions close over cannot be copied, so they are trained in place, as
    they are by Pyro's own SVI.
    """
    if isinstance(pair, StoredPair):
        twin = _copy(pair)
        if isinstance(twin.wrapped, torch.nn.Module):  # its copy registers under a new name
            own = {id(tensor) for tensor in twin.wrapped.parameters()}
            stored = twin.store["params"]
            twin.store["params"] = {n: t for n, t in stored.items() if id(t) not in own}
    else:
        twin = StoredPair(pair if isinstance(pair, tuple) else _copy(pair))
    for network in networks(twin.wrapped):
        network.to(device)
    return twin


def unconstrained(pair: StoredPair) -> dict[str, torch.Tensor]:
    """Every parameter by its public name, as the leaf tensor that the optimiser sees.

    What the objective owns is among them, under names that begin with `objective.`.
    """
    own: dict[int, str] = {}
    if isinstance(pair.wrapped, torch.nn.Module):
        named = pair.wrapped.named_parameters()
        own = {id(tensor): uncompiled(name) for name, tensor in named}
    params = pyro.get_param_store()._params if pair._active else pair.store["params"]
    return {own.get(id(t), _public(name)): t for name, t in params.items()}


def _public(name: str) -> str:
    return uncompiled(re.sub(r"^objective#\d+\.", OWNED, name).replace("$$$", "."))


def uncompiled(name: str) -> str:
    """A name without what `torch.compile` puts into it, so that either module reads the other's."""
    return name.replace("_orig_mod.", "")


def drop_owned(pair: StoredPair) -> None:
    """Forget what the objective owns; call it inside of the pair's scope."""
    store = pyro.get_param_store()
    for name in [name for name in store._params if _public(name).startswith(OWNED)]:
        del store[name]


def parameters(pair: StoredPair) -> dict[str, NDArray[Any]]:
    """Every parameter by its public name, in the space that the model sees."""
    names = {id(tensor): name for name, tensor in unconstrained(pair).items()}
    with pair.scope():
        store = pyro.get_param_store()
        return {
            names[id(store._params[name])]: store[name].detach().cpu().numpy().copy()
            for name in store.keys()  # noqa: SIM118  (a ParamStoreDict is not a mapping)
        }


def params(pair: StoredPair) -> dict[str, Any]:
    """The state of a parameter store that holds copies of the pair's parameters."""
    copies: dict[int, torch.Tensor] = {}
    stored = pair.store["params"]
    for tensor in stored.values():  # one tensor under two names stays one
        twin = tensor.detach().clone().requires_grad_(tensor.requires_grad)
        copies.setdefault(id(tensor), twin)
    held = {name: copies[id(tensor)] for name, tensor in stored.items()}
    return {"params": held, "constraints": dict(pair.store["constraints"])}


@contextlib.contextmanager
def evaluating(pair: Any) -> Iterator[None]:
    """Put batch normalisation and dropout of a pair's networks in evaluation mode, then back."""
    found = networks(getattr(pair, "wrapped", pair))
    before = [(layer, layer.training) for network in found for layer in network.modules()]
    for network in found:
        network.eval()
    try:
        yield
    finally:
        for layer, mode in before:
            layer.training = mode


def stored_values(pair: StoredPair, *, owned: bool = False) -> dict[str, NDArray[Any]]:
    """Parameters and buffers by public name, unconstrained, copied to the host.

    Args:
        pair: the pair.
        owned: whether to include what the objective owns.
    """
    return {name: t.detach().cpu().numpy().copy() for name, t in _state(pair, owned).items()}


def set_values(
    pair: StoredPair, values: Mapping[str, NDArray[Any]], *, owned: bool = False
) -> None:
    """Set parameters and buffers to what `stored_values` gave.

    Raises:
        RunFolderError: if the names or shapes are not the pair's.
    """
    with pair.scope():
        for name in values:
            if name.startswith(AVERAGE):  # known to the store from the first loss on
                pyro.param(name, torch.zeros(values[name].shape))
    own, values = _state(pair, owned), {uncompiled(n): value for n, value in values.items()}
    # Folders of earlier versions hold no frozen parameters, which then stay as the pair has them.
    for name in frozen(pair).keys() - values.keys():
        del own[name]
    if {n: tuple(t.shape) for n, t in own.items()} != {n: v.shape for n, v in values.items()}:
        raise RunFolderError(
            "the checkpoint holds other parameters than this pair; resume with the pair that wrote "
            "it, or choose another out=."
        )
    with torch.no_grad():
        for name, tensor in own.items():
            tensor.copy_(torch.from_numpy(np.array(values[name])))


def rebuild(
    pair: Any,
    values: Mapping[str, NDArray[Any]],
    batch: tuple[Any, ...],
    form: Form | None = None,
) -> StoredPair:
    """The fitted pair from `stored_values`; running it on `batch` creates its parameters.

    Args:
        pair: the untrained pair.
        values: what `stored_values` gave.
        batch: arrays of some rows of data.
        form: how they make up what model and guide take.
    """
    twin = isolate(pair, torch.device("cpu"))
    form = plain_form(len(batch)) if form is None else form
    args, kwargs = form.fill(tuple(map(torch.tensor, batch)), as_tensor)
    inspect(twin.model, twin.guide, args, kwargs)
    set_values(twin, values)
    return twin


def _state(pair: StoredPair, owned: bool) -> dict[str, torch.Tensor]:  # noqa: FBT001
    """Parameters, and state that is not trained such as batch normalisation's averages."""
    params = unconstrained(pair)
    shown = {n: t for n, t in params.items() if owned or not n.startswith(OWNED)}
    return frozen(pair) | shown | buffers(pair)


def frozen(pair: StoredPair) -> dict[str, torch.Tensor]:
    """Parameters that are not trained and that Pyro's store does not hold, by name."""
    stored = pyro.get_param_store()._params if pair._active else pair.store["params"]
    known = {id(tensor) for tensor in stored.values()}
    return {
        name: tensor
        for name, tensor in _named(pair, lambda network: network.named_parameters())
        if not tensor.requires_grad and id(tensor) not in known
    }


def buffers(pair: StoredPair) -> dict[str, torch.Tensor]:
    """What the networks hold besides parameters; those of bare functions are numbered."""
    return dict(_named(pair, lambda network: network.named_buffers()))


def _named(
    pair: StoredPair, of: Callable[[torch.nn.Module], Iterable[tuple[str, torch.Tensor]]]
) -> Iterator[tuple[str, torch.Tensor]]:
    whole = isinstance(pair.wrapped, torch.nn.Module)
    found = [pair.wrapped] if whole else networks(pair.wrapped)
    for number, network in enumerate(found):
        for name, tensor in of(network):
            yield uncompiled(name if whole else f"{number}.{name}"), tensor
