"""Sites as Pyro or NumPyro: statements that read the same in both libraries."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from types import MappingProxyType
from typing import Any

from numpy.typing import NDArray

from inference.estimators.certificate.sites import Arrays, Site


def frameworks(engine: str) -> tuple[Any, Any]:
    """The engine's probabilistic library and its library of arrays."""
    arrays = {"pyro": "torch", "numpyro": "jax.numpy"}[engine]
    return importlib.import_module(engine), importlib.import_module(arrays)


def as_array(engine: str, value: NDArray[Any]) -> Any:
    """An array of the engine's, in its usual precision."""
    _, arrays = frameworks(engine)
    return arrays.asarray(value.astype(str(arrays.zeros(()).dtype).removeprefix("torch.")))


def parameters(engine: str, values: Arrays, names: Iterable[str]) -> dict[str, Any]:
    """Parameter statements of these names, with values to start from."""
    library, _ = frameworks(engine)
    return {name: library.param(name, as_array(engine, values[name])) for name in sorted(names)}


def sample(
    engine: str,
    sites: Iterable[Site],
    own: Mapping[str, Any],
    known: Mapping[str, Any],
    *,
    observed: Mapping[str, Any] = MappingProxyType({}),
    around: Callable[[str, str], AbstractContextManager[Any]] = lambda engine, site: nullcontext(),
) -> dict[str, Any]:
    """Sample statements in order.

    Args:
        engine: `"pyro"` or `"numpyro"`.
        sites: the sites.
        own: the parameters.
        known: what the sites may depend on.
        observed: values of observed sites.
        around: from the engine and a site to what its statement stands under.

    Returns:
        What is known now.
    """
    library, arrays = frameworks(engine)
    known = dict(known)
    for site in sites:
        fn = _distribution(engine, arrays, site, site.parameters(own, known))
        with around(engine, site.name):
            known[site.name] = library.sample(site.name, fn, obs=observed.get(site.name))
    return known


def _distribution(engine: str, arrays: Any, site: Site, parameters: Any) -> Any:
    """The site's distribution in an engine's own library."""
    dist = importlib.import_module(f"{engine}.distributions")
    if site.kind == "normal":
        loc, log_scale = (arrays.zeros(site.size) + parameter for parameter in parameters)
        return dist.Normal(loc, arrays.exp(log_scale)).to_event(1)
    if site.kind == "bernoulli":
        return dist.Bernoulli(logits=parameters).to_event(1)
    if site.kind == "integer":
        return dist.Categorical(logits=parameters)
    if engine == "pyro":
        return dist.OneHotCategorical(logits=parameters)
    return dist.Multinomial(total_count=1, logits=parameters)


def enumerated(engine: str, guide: Callable[..., Any]) -> Callable[..., Any]:
    """A guide whose discrete sites are marked for enumeration, by the library's own function."""
    home = {"pyro": "pyro.infer", "numpyro": "numpyro.contrib.funsor"}[engine]
    return importlib.import_module(home).config_enumerate(guide, default="parallel")
