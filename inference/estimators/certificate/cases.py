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

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from inference.estimators.certificate.libraries import as_array, frameworks, parameters, sample
from inference.estimators.certificate.quadrature import flatten, score, walk
from inference.estimators.certificate.sites import Arrays, Site


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

    def log_drawn(
        self, values: Arrays, x: NDArray[Any], latents: Mapping[str, NDArray[Any]]
    ) -> NDArray[np.float64]:
        """The log density by which latents are drawn, (N, J): log q, with what masks leave out."""
        return self.log_q(values, x, latents)

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
        flat_mass, latents = flatten(self.guide, log_mass, latents, keep=1)
        return flat_mass.T, {name: np.moveaxis(z, 0, 1) for name, z in latents.items()}

    def dreams(self, values: Arrays) -> tuple[NDArray[np.float64], NDArray[np.float64], Arrays]:
        """Quadrature nodes of p(x, z): log masses (J,), x (J, D) and latents (J, ...)."""
        log_mass, known = walk(self.model, values, {}, self.dream_order)
        log_mass, latents = flatten(self.model, log_mass, known, keep=0)
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
