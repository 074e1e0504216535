"""What is written down of each site while a program runs on Pyro."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from pyro.distributions import constraints
from pyro.distributions.util import scale_and_mask
from pyro.poutine.messenger import Messenger
from pyro.poutine.util import site_is_subsample
from torch import Tensor

from inference.engines.pyro import discrete
from inference.errors import PairError
from inference.program.angles import within_a_turn
from inference.program.densities import unscored
from inference.program.distributions import counting
from inference.program.records import RecordedSite, calling_line, is_lent
from inference.program.sites import Site


class Lines(Messenger):
    """Writes down where each sample statement is, and whether there is noise outside of them.

    Attributes:
        found: site to line.
        lent: names of parameters that the library asked for; see `Recorded`.
        noisy: whether random numbers were drawn that no sample statement shows.
    """

    def __init__(self) -> None:
        super().__init__()
        self.found: dict[str, str] = {}
        self.lent = set[str]()
        self.noisy = False

    def __enter__(self) -> Lines:
        super().__enter__()
        self._drawn = torch.random.get_rng_state()
        return self

    def __exit__(self, *error: Any) -> None:
        self._listen()
        super().__exit__(*error)

    def _pyro_sample(self, msg: Any) -> None:
        self.found.setdefault(msg["name"], calling_line())
        self._listen()
        # A reparameterisation draws so, and no trace shows it.
        self.noisy |= bool(msg["infer"].get("_do_not_trace")) and not site_is_subsample(msg)

    def _pyro_post_sample(self, msg: Any) -> None:
        del msg
        self._drawn = torch.random.get_rng_state()

    def _pyro_post_param(self, msg: Any) -> None:
        if is_lent():
            self.lent.add(msg["name"])

    def _listen(self) -> None:
        self.noisy |= not torch.equal(self._drawn, torch.random.get_rng_state())


def recorded(node: Mapping[str, Any], site: Site, lines: Mapping[str, str]) -> RecordedSite:
    """What is recorded of a site."""
    fn = node["fn"]
    base = fn
    while hasattr(base, "base_dist"):
        base = base.base_dist
    try:
        named, support = dict(base.arg_constraints), discrete.support(fn)
    except (NotImplementedError, AttributeError):
        named, support = {}, None
    invalid = tuple(
        name
        for name, constraint in named.items()
        if not constraints.is_dependent(constraint)
        and name in base.__dict__
        and not constraint.check(getattr(base, name)).all()
    )
    mask = True if node["mask"] is None else node["mask"]
    supported = _supported(support, node["value"], site, counting(fn, mask=mask))
    try:
        log_prob = _scored(node)
    except Exception as error:
        raise _unscored(node, lines.get(site.name, ""), supported, error) from error
    return RecordedSite(
        site=site,
        distribution=_distribution(fn),
        value=node["value"].numpy().copy(),
        log_prob=log_prob.detach().numpy().copy(),
        scale=float(torch.as_tensor(node["scale"]).double().mean()),
        line=lines.get(site.name, ""),
        supported=supported,
        invalid=invalid,
        counted=(_counted(fn) & torch.as_tensor(mask)).numpy().copy(),
    )


def _supported(support: Any, value: Tensor, site: Site, counts: Any) -> NDArray[Any]:
    """Whether a value lies in the support; a drawn angle within a turn, though it has any here.

    What is masked away may be anything, such as NaN where a series has ended.
    """
    if site.angle and not site.observed:
        return within_a_turn(value).numpy()
    while (base := getattr(support, "base_constraint", None)) is not None:
        support = base
    if support is None:
        return np.array(True)
    found, counted = support.check(value), torch.as_tensor(counts)
    try:
        return (found | ~counted).numpy()
    except RuntimeError:  # of other shapes, which have checks of their own
        return found.numpy()


def _scored(node: Mapping[str, Any]) -> Tensor:
    return scale_and_mask(node["fn"].log_prob(node["value"]), node["scale"], node["mask"])


def _unscored(
    node: Mapping[str, Any], line: str, supported: NDArray[Any], error: Exception
) -> PairError:
    """What raises inside of a distribution names neither the site nor the line of the program."""
    fn, value, name = node["fn"], node["value"], node["name"]
    came = f"a value of shape {tuple(value.shape)}"
    if not supported.all():
        came += f" from {value.min().item():g} to {value.max().item():g}, outside of its support"
    shapes = tuple(fn.batch_shape), tuple(fn.event_shape)
    return PairError(unscored(name, line, _distribution(fn), shapes, came, error))


def _counted(fn: Any) -> Tensor:
    """Where the density of a value counts: masks, of which one within an event counts in part."""
    if not hasattr(fn, "base_dist"):
        return torch.tensor(True)
    inner = _counted(fn.base_dist)
    if type(fn).__name__ == "MaskedDistribution":
        return inner & torch.as_tensor(fn._mask)
    events = fn.reinterpreted_batch_ndims if type(fn).__name__ == "Independent" else 0
    events = min(events, inner.ndim)
    return inner.flatten(-events).any(-1) if events else inner


def log_prob_sum(sites: Mapping[str, Any], *, double: bool = False) -> Tensor:
    """The log density of all sites of a run.

    Args:
        sites: the run's.
        double: whether it has to be one of float64.

    Raises:
        TypeError: if it has to, and a site's is not, for the program has float32 written into it.
    """
    densities = [_scored(node).sum() for node in sites.values()]
    if double and any(density.dtype == torch.float32 for density in densities):
        raise TypeError("a log density is in float32.")
    return sum(densities, start=torch.zeros(()))


def _distribution(fn: Any) -> str:
    while type(fn).__name__ in ("Independent", "ExpandedDistribution", "MaskedDistribution"):
        fn = fn.base_dist
    return type(fn).__name__
