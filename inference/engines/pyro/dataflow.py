"""Which latents each site's density depends on, from the tensors that flow into it.

Every operation marks its results with what its inputs were marked with, by storage, so that views
and writes in place are followed too. A value that leaves torch (`item`, `numpy`, a branch on it)
may decide everything that comes after: all of that is marked.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from pyro.poutine.messenger import Messenger
from pyro.poutine.util import site_is_subsample
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from inference.engines.pyro.traces import run

Parents = Mapping[str, frozenset[str]]
_aten: Any = torch.ops.aten
_LEAVING = {
    _aten._local_scalar_dense.default,
    _aten.is_nonzero.default,
    _aten.equal.default,
    _aten.nonzero.default,  # the shape of what it returns
    _aten.masked_select.default,
}
_UNSEEN = {Tensor.numpy, Tensor.tolist, Tensor.__array__, Tensor.__dlpack__}


def parents_of(
    model: Callable[..., Any],
    guide: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> tuple[Parents, Parents]:
    """The latents that each site of the model and of the guide depends on directly.

    Args:
        model: the model; its latents are held at the guide's.
        guide: the guide.
        args: what they take by position.
        kwargs: what they take by name.
    """
    flow = _Flow()
    marking = _Marking(flow)
    with marking, _Leaving(flow), flow:
        proposed = run(guide, args, kwargs)
        of_guide = _direct(proposed.sites, flow)
        scored = run(model, args, kwargs, values=proposed.values)
        of_model = _direct(scored.sites, flow)
    return of_model, of_guide


def _direct(sites: Mapping[str, Any], flow: _Flow) -> Parents:
    found = {}
    for name, site in sites.items():
        density = site["fn"].log_prob(site["value"])
        weights = [part for part in (site["scale"], site["mask"]) if isinstance(part, Tensor)]
        found[name] = flow.marks_of([density, *weights]) - {name}
    return found


class _Flow(TorchDispatchMode):
    """Follows marks through every operation."""

    def __init__(self) -> None:
        super().__init__()
        self.marks: dict[int, frozenset[str]] = {}
        self.left: frozenset[str] = frozenset()  # marks of values that left torch
        self.alive: list[Tensor] = []  # or a storage would be used again, with its marks

    def marks_of(self, values: Any) -> frozenset[str]:
        """What some tensors are marked with."""
        tensors = (leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor))
        return self.left.union(*(self.marks.get(_storage(t), ()) for t in tensors))

    def mark(self, tensor: Tensor, names: frozenset[str], *, anew: bool = False) -> None:
        """Mark a tensor and all that shares its memory."""
        key = _storage(tensor)
        self.marks[key] = names if anew else self.marks.get(key, frozenset()) | names
        self.alive.append(tensor)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Run an operation and mark what it returns and what it writes into."""
        kwargs = kwargs or {}
        result = func(*args, **kwargs)
        names = self.marks_of((args, kwargs))
        if func in _LEAVING:
            self.left |= names
        written = []
        for position, argument in enumerate(func._schema.arguments):
            if argument.alias_info is not None and argument.alias_info.is_write:
                given = args[position] if position < len(args) else kwargs.get(argument.name)
                written.append(given)
        for tensor in tree_leaves((result, written)):
            if isinstance(tensor, Tensor):
                self.mark(tensor, names)
        return result


class _Leaving(TorchFunctionMode):
    """Notices values that leave torch without an operation."""

    def __init__(self, flow: _Flow) -> None:
        super().__init__()
        self.flow = flow

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Mark all that follows."""
        if func in _UNSEEN:
            self.flow.left |= self.flow.marks_of((args, kwargs or {}))
        return func(*args, **(kwargs or {}))


class _Marking(Messenger):
    """Marks each draw with its own name alone; it has to be outside of `trace`."""

    def __init__(self, flow: _Flow) -> None:
        super().__init__()
        self.flow = flow

    def _pyro_post_sample(self, msg: Any) -> None:
        if msg["is_observed"] or not isinstance(msg["value"], Tensor) or site_is_subsample(msg):
            return
        msg["value"] = msg["value"].clone()
        self.flow.mark(msg["value"], frozenset({msg["name"]}) | self.flow.left, anew=True)


def _storage(tensor: Tensor) -> int:
    return tensor.untyped_storage()._cdata
