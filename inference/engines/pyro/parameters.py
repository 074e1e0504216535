"""Parameters of a pair on Pyro: their names, their values, and the pair at other values."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import pyro
import torch
from numpy.typing import NDArray
from pyro import poutine

from inference.engines.pyro.copies import isolate
from inference.engines.pyro.inspection import inspect
from inference.engines.pyro.pair_networks import networks
from inference.engines.pyro.pairs import StoredPair, as_tensor, parts
from inference.errors import RunFolderError
from inference.program.batches import Form, plain_form
from inference.program.program import OWNED

_OWNED = "objective#"  # what the objective owns begins with it in Pyro's store
AVERAGE = "__baseline_avg_downstream_cost_"  # of Pyro's decaying baselines: state, not trained


def unconstrained(pair: StoredPair) -> dict[str, torch.Tensor]:
    """Every parameter by its public name, as the leaf tensor that the optimiser sees.

    What the objective owns is among them, under names that begin with `objective.`.
    """
    own: dict[int, str] = {}
    if isinstance(pair.wrapped, torch.nn.Module):
        named = pair.wrapped.named_parameters()
        own = {id(tensor): uncompiled(name) for name, tensor in named}
    params = pyro.get_param_store()._params if pair._active else pair.store["params"]
    return {own.get(id(t), public_name(name)): t for name, t in params.items()}


def children_left_out(pair: StoredPair, unused: set[str]) -> set[str]:
    """Unused parameters of an object that is registered whole, by children that are not used.

    The object is the one that model or guide is a method of: `pyro.module("name", self)`.
    """
    named = {id(tensor): name for name, tensor in unconstrained(pair).items()}
    keys = {id(tensor): key for key, tensor in pair.store["params"].items()}
    owners = [getattr(part, "__self__", None) for part in parts(pair.wrapped)]
    found = set[str]()
    for owner in (pair.wrapped, *owners):
        if not isinstance(owner, torch.nn.Module):
            continue
        within = {f"$$${name}": keys.get(id(t), "") for name, t in owner.named_parameters()}
        whole = all(key.endswith(name) for name, key in within.items())
        if not whole or len({key.removesuffix(name) for name, key in within.items()}) != 1:
            continue
        for child in owner.children():
            own = {named[id(tensor)] for tensor in child.parameters()}
            found |= own if own <= unused else set()
    return found


def public_name(name: str) -> str:
    """The name of a parameter in Pyro's store as a user knows it."""
    return uncompiled(re.sub(r"^objective#\d+\.", OWNED, name).replace("$$$", "."))


def uncompiled(name: str) -> str:
    """A name without what `torch.compile` puts into it, so that either module reads the other's."""
    return name.replace("_orig_mod.", "")


class Shown(poutine.messenger.Messenger):
    """Names the parameters that a step sees; `poutine.block` freezes what it hides.

    It is around every step, so that it does less than a trace would.
    """

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def _process_message(self, msg: Any) -> None:
        pass

    def _postprocess_message(self, msg: Any) -> None:
        if msg["type"] == "param":
            self.names.add(msg["name"])

    def drop_others(self) -> set[int]:
        """Drop the gradients of the others, and give their ids. Call it inside of the scope."""
        params = pyro.get_param_store()._params
        shown = {id(params[name]) for name in self.names}  # a flow's have two names
        hidden = set()
        for name in params.keys() - self.names:
            if id(params[name]) not in shown and not name.startswith(_OWNED):
                params[name].grad = None
                hidden.add(id(params[name]))
        return hidden


def drop_owned() -> None:
    """Forget what the objective owns in the parameter store in use: call it in a pair's scope."""
    store = pyro.get_param_store()
    for name in [name for name in store._params if public_name(name).startswith(OWNED)]:
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


def stored_values(pair: StoredPair, *, owned: bool = False) -> dict[str, NDArray[Any]]:
    """Parameters and buffers by public name, unconstrained, copied to the host.

    Args:
        pair: the pair.
        owned: whether to include what the objective owns.
    """
    return {
        name: t.detach().cpu().numpy().copy() for name, t in tensors_of(pair, owned=owned).items()
    }


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
    own, values = (
        tensors_of(pair, owned=owned),
        {uncompiled(n): value for n, value in values.items()},
    )
    # Folders of earlier versions hold no frozen parameters, which then stay as the pair has them.
    for name in frozen(pair).keys() - values.keys():
        del own[name]
    shapes = {n: tuple(t.shape) for n, t in own.items()}
    late = [n for n in values if n not in own]
    if late and shapes == {n: v.shape for n, v in values.items() if n not in late}:
        shown = ", ".join(map(repr, late[:3])) + (f" and {len(late) - 3} more" if late[3:] else "")
        raise RunFolderError(
            f"the checkpoint holds parameters that this pair has not made when it is run once: "
            f"{shown}. If the pair makes them later, such as those of rows that it draws itself, "
            "no run of it can be taken up: make all of them in every run, ahead of what chooses "
            "between them. If it is another pair than the one that was saved, pass that one."
        )
    if shapes != {n: v.shape for n, v in values.items()}:
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


def tensors_of(pair: StoredPair, *, owned: bool) -> dict[str, torch.Tensor]:
    """Parameters by public name, and state that is not trained such as batch normalisation's."""
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


def within(constraint: Any, value: torch.Tensor) -> bool:
    """Whether a value keeps a constraint; also where that cannot say, as PyTorch's `stack`."""
    try:
        return bool(constraint.check(value).all())
    except (IndexError, NotImplementedError):
        return True
