"""Five tiny programs, one for each kind of latent, that can be integrated without a draw.

    reparameterised  z2 ~ N(0, 1),  z1 ~ N(a z2 + b, .),  x ~ N(W z1 + m, .)
                     guide: z1 ~ N(V x + d, .),  z2 ~ N(u z1 + c, .)
    bernoulli        b2 ~ B(prior)^2,  b1 ~ B(U b2 + c)^2,  x ~ B(W b1 + e)^3
                     guide: b1 ~ B(V x + d),  b2 ~ B(R b1 + f)
    categorical      k ~ one-hot C(prior) of 3,  x ~ N(k M, .);  guide: k ~ C(V x + d)
    integer          the same with k in {0, 1, 2}
    mixed            k ~ B(p),  z ~ N(g k + h, .),  x ~ N(W z + V k + m, .)
                     guide: k ~ B(A x + d),  z ~ N(B x + G k + f, .)

The guides of continuous latents are wider than the posterior: importance weights are bounded.
A program is a tuple of sites, read once as numpy (log densities and quadrature nodes) and once as
Pyro or NumPyro functions.
"""

from __future__ import annotations

import importlib
import itertools
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import MappingProxyType, SimpleNamespace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_softmax

Array = NDArray[Any]
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Site:
    """A sample statement.

    Attributes:
        name: the site's name.
        kind: its distribution.
        size: entries of a draw, or the number of classes.
        parameters: from parameter values and the sites so far (of a guide: x too), in arrays of
            any library, to logits or, for `"normal"`, to the mean and the log of the scale.
    """

    name: str
    kind: Literal["normal", "bernoulli", "one_hot", "integer"]
    size: int
    parameters: Callable[[Mapping[str, Any], Mapping[str, Any]], Any]


@dataclass(frozen=True, eq=False)
class Case:
    """A model and a guide with parameters to start from.

    Attributes:
        name: the case's name.
        values: every parameter, in float64 that float32 represents.
        model: the model's sites in order; the last is x.
        guide: the guide's sites in order.
        order: Gauss-Hermite nodes for each Gaussian latent of the guide.
        dream_order: Gauss-Hermite nodes for each Gaussian dimension of the model.
    """

    name: str
    values: Arrays
    model: tuple[Site, ...]
    guide: tuple[Site, ...]
    order: int = 1
    dream_order: int = 1

    @property
    def guide_names(self) -> frozenset[str]:
        """Parameters of the guide; the rest are the model's."""
        return frozenset(name for name in self.values if name.startswith("guide_"))

    def data(self, rows: int) -> NDArray[np.float64]:
        """The first rows of an endless table, (rows, D): binary where x is."""
        random, x = np.random.default_rng(8), self.model[-1]
        if x.kind == "bernoulli":
            return (random.random((rows, x.size)) < 0.5).astype(np.float64)
        return _rounded(1.2 * random.normal(size=(rows, x.size)))

    def log_p(
        self, values: Arrays, x: NDArray[Any], latents: Mapping[str, NDArray[Any]]
    ) -> NDArray[np.float64]:
        """log p(x, z) at (N, D) data and (N, J, ...) latents, shape (N, J)."""
        return score(self.model, values, {"x": x[:, None], **latents})

    def log_q(
        self, values: Arrays, x: NDArray[Any], latents: Mapping[str, NDArray[Any]]
    ) -> NDArray[np.float64]:
        """log q(z | x) at (N, D) data and (N, J, ...) latents, shape (N, J)."""
        return score(self.guide, values, {"x": x[:, None], **latents})

    def log_w(self, values: Arrays, known: Mapping[str, NDArray[Any]]) -> NDArray[np.float64]:
        """log p(x, z) - log q(z | x) at known values, with the data on the last axis."""
        return score(self.model, values, known) - score(self.guide, values, known)

    def sleeping(self, rows: int) -> tuple[Case, float]:
        """The case whose dreams the guide learns from, and how many dreams so many data are."""
        return self, rows

    def nodes(self, values: Arrays, x: NDArray[Any]) -> tuple[NDArray[np.float64], Arrays]:
        """Quadrature nodes of q(z | x): log masses (N, J) and latents (N, J, ...).

        Of a discrete site every state, with mass q; of a Gaussian site Gauss-Hermite nodes, with
        masses that are fixed and positions mean + scale * eps that follow the parameters.
        """
        log_mass, known = walk(self.guide, values, {"x": x}, self.order)
        latents = {name: known[name] for name in known if name != "x"}
        flat_mass, latents = _flatten(self.guide, log_mass, latents, keep=1)
        return flat_mass.T, {name: np.moveaxis(z, 0, 1) for name, z in latents.items()}

    def dreams(self, values: Arrays) -> tuple[NDArray[np.float64], NDArray[np.float64], Arrays]:
        """Quadrature nodes of p(x, z): log masses (J,), x (J, D) and latents (J, ...)."""
        log_mass, known = walk(self.model, values, {}, self.dream_order)
        log_mass, latents = _flatten(self.model, log_mass, known, keep=0)
        return log_mass, latents.pop("x"), latents

    def pair(
        self, engine: str, values: Arrays, subsample: tuple[NDArray[Any], int] | None = None
    ) -> Any:
        """Model and guide as bare functions of x with these parameters to start from.

        Args:
            engine: `"pyro"` or `"numpyro"`.
            values: parameter name to initial value.
            subsample: all data and how many rows the plate takes at a time; the functions then
                take no argument.
        """
        library, _ = frameworks(engine)

        def run_model(x: Any) -> None:
            own = parameters(engine, values, set(values) - self.guide_names)
            sample(engine, self.model, own, {}, observed={"x": x}, around=self.around)

        def run_guide(x: Any) -> None:
            own = parameters(engine, values, self.guide_names)
            sample(engine, self.guide, own, {"x": x}, around=self.around)

        def whole(run: Callable[[Any], None]) -> Callable[[Any], None]:
            def function(x: Any) -> None:
                with library.plate("data", len(x)):
                    run(x)

            return function

        def part(run: Callable[[Any], None], x: Any, rows: int) -> Callable[[], None]:
            def function() -> None:
                with library.plate("data", len(x), subsample_size=rows) as index:
                    run(x[index])

            return function

        if subsample is None:
            model, guide = whole(run_model), whole(run_guide)
        else:
            full, rows = as_array(engine, subsample[0]), subsample[1]
            model, guide = part(run_model, full, rows), part(run_guide, full, rows)
        return SimpleNamespace(engine=engine, model=model, guide=guide)

    def around(self, engine: str, site: str) -> AbstractContextManager[Any]:
        """What a site's sample statement stands under besides the plate: a scale, a mask."""
        del engine, site
        return nullcontext()


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


def score(
    sites: Iterable[Site], values: Arrays, known: Mapping[str, NDArray[Any]]
) -> NDArray[np.float64]:
    """Sum of the sites' log densities at known values; those of discrete sites extend linearly."""
    return sum(
        (log_density(site, known[site.name], site.parameters(values, known)) for site in sites),
        start=np.zeros(()),
    )


def log_density(site: Site, value: NDArray[Any], parameters: Any) -> NDArray[np.float64]:
    """log density of a value, summed over the event."""
    if site.kind == "normal":
        loc, log_scale = parameters
        eps = (value - loc) * np.exp(-log_scale)
        return (-0.5 * eps**2 - log_scale - 0.5 * np.log(2 * np.pi)).sum(-1)
    if site.kind == "bernoulli":
        return (value * parameters - np.logaddexp(0, parameters)).sum(-1)
    chosen = value if site.kind == "one_hot" else np.eye(site.size)[value]
    return (chosen * log_softmax(parameters, axis=-1)).sum(-1)


def walk(
    sites: Iterable[Site], values: Arrays, known: Mapping[str, NDArray[Any]], order: int
) -> tuple[NDArray[np.float64], Arrays]:
    """Log masses and nodes of all sites in order, each on a new first axis.

    Args:
        sites: the sites to integrate over.
        values: parameter values.
        known: what the sites may depend on.
        order: Gauss-Hermite nodes for each Gaussian dimension.
    """
    log_mass, known = np.zeros(()), dict(known)
    for site in sites:
        parameters = site.parameters(values, known)
        if site.kind == "normal":
            extra, known[site.name] = normal_nodes(site, parameters, order)
        else:
            known[site.name] = stacked(states(site), np.ndim(parameters) - 1)
            extra = log_density(site, known[site.name], parameters)
        log_mass = log_mass + extra
    return log_mass, known


def hermite(order: int, dims: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log masses (M,) and nodes (M, dims) of a standard Gaussian; masses below 1e-18 left out."""
    nodes, masses = np.polynomial.hermite_e.hermegauss(order)
    masses = masses / masses.sum()
    kept = masses > 1e-18
    grids = np.meshgrid(*[nodes[kept]] * dims, indexing="ij")
    log_masses = np.meshgrid(*[np.log(masses[kept])] * dims, indexing="ij")
    return np.sum(log_masses, axis=0).ravel(), np.stack(grids, axis=-1).reshape(-1, dims)


def states(site: Site) -> NDArray[Any]:
    """Every value of a discrete site, (M, event)."""
    if site.kind == "bernoulli":
        return np.array(list(itertools.product([0.0, 1.0], repeat=site.size)))
    return np.eye(site.size) if site.kind == "one_hot" else np.arange(site.size)


def stacked(nodes: NDArray[Any], rank: int) -> NDArray[Any]:
    """(M, event) as (M, 1, ..., 1, event) with `rank` ones."""
    return nodes.reshape(nodes.shape[:1] + (1,) * rank + nodes.shape[1:])


def normal_nodes(
    site: Site, parameters: Any, order: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log masses (M, ...) and Gauss-Hermite nodes (M, ..., size) of a Gaussian site."""
    log_mass, eps = hermite(order, site.size)
    loc = np.zeros(site.size) + parameters[0]
    rank = loc.ndim - 1
    log_masses = stacked(log_mass, rank) + np.zeros(loc.shape[:-1])
    return log_masses, loc + np.exp(parameters[1]) * stacked(eps, rank)


def _flatten(
    sites: Iterable[Site], log_mass: NDArray[Any], known: Arrays, keep: int
) -> tuple[NDArray[Any], Arrays]:
    """All axes but the last `keep` (the data) and the event as one."""
    batch = log_mass.shape
    kept = (-1, *batch[len(batch) - keep :])
    flat = {}
    for site in sites:
        event = () if site.kind == "integer" else (site.size,)
        flat[site.name] = np.broadcast_to(known[site.name], batch + event).reshape(kept + event)
    return log_mass.reshape(kept), flat


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


def _rounded(value: Any) -> NDArray[np.float64]:
    """Float64 that float32 represents, so that every engine has the very same numbers."""
    return np.asarray(value, dtype=np.float32).astype(np.float64)


def rounded(values: Mapping[str, Any]) -> Arrays:
    """Values as float64 arrays that float32 represents."""
    return {name: _rounded(value) for name, value in values.items()}


def _seeded(seed: int, scale: float, shapes: Mapping[str, tuple[int, ...]]) -> Arrays:
    random = np.random.default_rng(seed)
    return rounded({name: scale * random.normal(size=shape) for name, shape in shapes.items()})


def _affine(bias: str, **weights: str) -> Callable[..., Any]:
    """The sum of inputs times weights, named input="weight", plus a bias."""
    return lambda v, z: sum((z[name] @ v[weight].T for name, weight in weights.items()), v[bias])


def _gaussian(mean: Callable[..., Any], log_scale: str) -> Callable[..., Any]:
    return lambda v, z: (mean(v, z), v[log_scale])


def _reparameterised() -> Case:
    values = {
        "top_weight": [[0.8]],
        "top_bias": [0.3],
        "top_scale": -0.36,
        "weight": [[1.0], [-0.6]],
        "bias": [0.2, -0.4],
        "scale": -0.22,
        "guide_weight": [[0.45, -0.35]],
        "guide_bias": [-0.05],
        "guide_scale": -0.39,
        "guide_top_weight": [[0.65]],
        "guide_top_bias": [-0.1],
        "guide_top_scale": -0.25,
    }
    model = (
        Site("z2", "normal", 1, lambda v, z: (0.0, 0.0)),
        Site("z1", "normal", 1, _gaussian(_affine("top_bias", z2="top_weight"), "top_scale")),
        Site("x", "normal", 2, _gaussian(_affine("bias", z1="weight"), "scale")),
    )
    z1 = _gaussian(_affine("guide_bias", x="guide_weight"), "guide_scale")
    z2 = _gaussian(_affine("guide_top_bias", z1="guide_top_weight"), "guide_top_scale")
    guide = (Site("z1", "normal", 1, z1), Site("z2", "normal", 1, z2))
    return Case("reparameterised", rounded(values), model, guide, order=40, dream_order=4)


def _bernoulli() -> Case:
    shapes = {
        "prior": (2,),
        "top_weight": (2, 2),
        "top_bias": (2,),
        "weight": (3, 2),
        "bias": (3,),
        "guide_weight": (2, 3),
        "guide_bias": (2,),
        "guide_top_weight": (2, 2),
        "guide_top_bias": (2,),
    }
    model = (
        Site("b2", "bernoulli", 2, _affine("prior")),
        Site("b1", "bernoulli", 2, _affine("top_bias", b2="top_weight")),
        Site("x", "bernoulli", 3, _affine("bias", b1="weight")),
    )
    guide = (
        Site("b1", "bernoulli", 2, _affine("guide_bias", x="guide_weight")),
        Site("b2", "bernoulli", 2, _affine("guide_top_bias", b1="guide_top_weight")),
    )
    return Case("bernoulli", _seeded(2, 0.6, shapes), model, guide)


def _mixture(name: str, kind: Literal["one_hot", "integer"]) -> Case:
    shapes = {
        "prior": (3,),
        "means": (3, 2),
        "scale": (),
        "guide_weight": (3, 2),
        "guide_bias": (3,),
    }

    def mean(v: Mapping[str, Any], z: Mapping[str, Any]) -> Any:
        return z["k"] @ v["means"] if kind == "one_hot" else v["means"][z["k"]]

    model = (
        Site("k", kind, 3, _affine("prior")),
        Site("x", "normal", 2, _gaussian(mean, "scale")),
    )
    guide = (Site("k", kind, 3, _affine("guide_bias", x="guide_weight")),)
    return Case(name, _seeded(10, 0.6, shapes), model, guide, dream_order=60)


def _mixed() -> Case:
    values = {
        "prior": [-0.3],
        "top_weight": [[1.2]],
        "top_bias": [-0.5],
        "top_scale": -0.1,
        "weight": [[0.9]],
        "skip": [[0.5]],
        "bias": [0.1],
        "scale": -0.36,
        "guide_weight": [[1.1]],
        "guide_bias": [-0.7],
        "guide_top_weight": [[0.55]],
        "guide_top_skip": [[0.3]],
        "guide_top_bias": [-0.2],
        "guide_top_scale": -0.36,
    }
    model = (
        Site("k", "bernoulli", 1, _affine("prior")),
        Site("z", "normal", 1, _gaussian(_affine("top_bias", k="top_weight"), "top_scale")),
        Site("x", "normal", 1, _gaussian(_affine("bias", z="weight", k="skip"), "scale")),
    )
    z = _affine("guide_top_bias", x="guide_top_weight", k="guide_top_skip")
    guide = (
        Site("k", "bernoulli", 1, _affine("guide_bias", x="guide_weight")),
        Site("z", "normal", 1, _gaussian(z, "guide_top_scale")),
    )
    return Case("mixed", rounded(values), model, guide, order=60, dream_order=60)


CASES: dict[str, Case] = {
    case.name: case
    for case in (
        _reparameterised(),
        _bernoulli(),
        _mixture("categorical", "one_hot"),
        _mixture("integer", "integer"),
        _mixed(),
    )
}
