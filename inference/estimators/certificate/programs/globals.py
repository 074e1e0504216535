"""One latent that all data share beside latents of their own.

    global, Gaussian    g ~ N(.),  z_n ~ N(a g + b, .),  x_n ~ N(W z_n + u g + m, .),
                        a plate that takes 4 of 12; all Gaussian, so that log w is quadratic
    global, Bernoulli   g ~ N(.),  b_n ~ B(a g + b),  x_n ~ N(W b_n + u g + m, .)
    switched            g ~ B(.) beside the same locals, which the guide draws first
    mixture             g ~ N(.) tilts the logits of k_n in {0, 1, 2},  x_n ~ N(M[k_n], .)
    switched mixture    g in {0, 1, 2} chooses the probabilities of k_n

Expectations are sums over states or quadrature nodes of g of those given g. Bounds of several
particles are nested: local latents are weighed for each datum given one draw of g,

    E_q(g)[ log p(g) - log q(g) + sum_n L_K(x_n | g) ].
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np

from inference.estimators.certificate import exact
from inference.estimators.certificate.cases import Case, rounded
from inference.estimators.certificate.expectations import Expected
from inference.estimators.certificate.libraries import as_array, frameworks, parameters, sample
from inference.estimators.certificate.programs.program import OfCase, by_bounds
from inference.estimators.certificate.quadrature import score, walk
from inference.estimators.certificate.sites import Arrays, Site
from inference.objectives import Objective


@dataclass(frozen=True, eq=False, kw_only=True)
class WithGlobal(OfCase):
    """A case whose sites depend on `v["g"]`, a latent outside of the data's plate.

    Its local sites are the case's, and the case's values are all parameters.

    Attributes:
        prior: the global's site in the model.
        proposal: the global's site in the guide.
        local_first: whether the guide draws the locals first.
        order: Gauss-Hermite nodes for a Gaussian g.
    """

    prior: Site
    proposal: Site
    local_first: bool = False
    order: int = 12

    @property
    def latents(self) -> list[str]:
        """The global and the locals."""
        return ["g", *(site.name for site in self.case.guide)]

    def pair(self, engine: str) -> Any:
        """g outside of the plate, the case's sites inside."""
        library, _ = frameworks(engine)
        values, case = self.values, self.case

        def rows(x: Any, run: Callable[[Any], None]) -> None:
            if self.full is None:
                with library.plate("data", len(x)):
                    run(x)
                return
            with library.plate("data", len(x), subsample_size=self.rows) as index:
                run(x[index])

        def model(x: Any) -> None:
            own = parameters(engine, values, set(values) - self.guide_names)
            known = sample(engine, (self.prior,), own, {})
            given = {**own, "g": known["g"]}
            rows(x, lambda x: void(sample(engine, case.model, given, {}, observed={"x": x})))

        def guide(x: Any) -> None:
            own = parameters(engine, values, self.guide_names)
            if not self.local_first:
                own = own | sample(engine, (self.proposal,), own, {})
            rows(x, lambda x: void(sample(engine, case.guide, own, {"x": x})))
            if self.local_first:
                sample(engine, (self.proposal,), own, {})

        if self.full is None:
            return SimpleNamespace(engine=engine, model=model, guide=guide)
        every = as_array(engine, self.data)
        return SimpleNamespace(
            engine=engine, model=lambda: model(every), guide=lambda: guide(every)
        )

    def expected(self, objective: Objective) -> Expected | None:
        """By sums over the global of what is exact given the global."""
        return by_bounds(objective, self.values, self.elbo, self.renyi)

    def elbo(self, values: Arrays) -> float:
        """E_q[log p - log q] of the global and all locals."""
        return self._over_globals(values, lambda v: exact.elbo(self.case, v, self.data))

    def renyi(self, values: Arrays, alpha: float, num_particles: int) -> float:
        """The nested bound of order alpha; 0 is that of IWAE."""
        return self._over_globals(
            values, lambda v: exact.renyi(self.case, v, self.data, alpha, num_particles)
        )

    def _over_globals(self, values: Arrays, local: Callable[[Arrays], float]) -> float:
        log_mass, known = walk((self.proposal,), values, {}, self.order)
        total = 0.0
        for mass, g in zip(np.exp(log_mass), known["g"], strict=True):
            own = score((self.prior,), values, {"g": g}) - score((self.proposal,), values, {"g": g})
            total += mass * (float(own) + local({**values, "g": g}))
        return float(total)


def void(_: Any) -> None:
    """Nothing, whatever it was given."""


_PRIOR = Site("g", "normal", 1, lambda v, z: (v["top_mean"], v["top_scale"]))
_PROPOSAL = Site("g", "normal", 1, lambda v, z: (v["guide_top_mean"], v["guide_top_scale"]))
_TOP = {
    "top_mean": [0.3],
    "top_scale": -0.2,
    "guide_top_mean": [0.5],
    "guide_top_scale": -0.9,
}
_LIKELIHOOD = {
    "middle_weight": [0.7],
    "middle_bias": [0.2],
    "weight": [1.3, -0.6],
    "skip": [0.4, 0.5],
    "bias": [0.1, -0.3],
    "scale": -0.2,
    "guide_weight": [[0.5, -0.3]],
    "guide_bias": [0.15],
}
_SIZE, _ROWS = 2, 12


def _mean(local: str) -> Callable[[Mapping[str, Any], Mapping[str, Any]], Any]:
    return lambda v, z: (z[local] * v["weight"] + v["g"] * v["skip"] + v["bias"], v["scale"])


def _middle(v: Mapping[str, Any], z: Mapping[str, Any]) -> Any:
    del z
    return v["g"] * v["middle_weight"] + v["middle_bias"]


def _read(v: Mapping[str, Any], z: Mapping[str, Any]) -> Any:
    return z["x"] @ v["guide_weight"].T + v["guide_bias"]


def _gaussian() -> WithGlobal:
    values = {
        **_TOP,
        **_LIKELIHOOD,
        "middle_scale": -0.3,
        "guide_skip": [0.3],
        "guide_scale": -0.35,
    }

    def z(v: Mapping[str, Any], known: Mapping[str, Any]) -> Any:
        return _read(v, known) + v["g"] * v["guide_skip"], v["guide_scale"]

    model = (
        Site("z", "normal", 1, lambda v, z: (_middle(v, z), v["middle_scale"])),
        Site("x", "normal", _SIZE, _mean("z")),
    )
    guide = (Site("z", "normal", 1, z),)
    case = Case("global, Gaussian", rounded(values), model, guide, order=30)
    return WithGlobal(case, 4, 12, prior=_PRIOR, proposal=_PROPOSAL)


def _bernoulli() -> WithGlobal:
    values = {**_TOP, **_LIKELIHOOD, "guide_skip": [0.3]}

    def b(v: Mapping[str, Any], known: Mapping[str, Any]) -> Any:
        return _read(v, known) + v["g"] * v["guide_skip"]

    model = (
        Site("b", "bernoulli", 1, _middle),
        Site("x", "normal", _SIZE, _mean("b")),
    )
    guide = (Site("b", "bernoulli", 1, b),)
    case = Case("global, Bernoulli", rounded(values), model, guide)
    return WithGlobal(case, 4, 12, prior=_PRIOR, proposal=_PROPOSAL, order=40)


def _switched() -> WithGlobal:
    values = {**_LIKELIHOOD, "top": [0.35], "guide_top": [0.6]}
    model = (
        Site("b", "bernoulli", 1, _middle),
        Site("x", "normal", _SIZE, _mean("b")),
    )
    case = Case("switched", rounded(values), model, (Site("b", "bernoulli", 1, _read),))
    prior = Site("g", "bernoulli", 1, lambda v, z: v["top"])
    proposal = Site("g", "bernoulli", 1, lambda v, z: v["guide_top"])
    return WithGlobal(case, _ROWS, prior=prior, proposal=proposal, local_first=True)


_MIXTURE = {
    "tilt": [0.8, -0.5, 0.2],
    "prior": [0.3, -0.2, 0.1],
    "means": [[1.1, -0.4], [-0.7, 0.6], [0.2, 1.3]],
    "scale": -0.2,
    "guide_weight": [[0.6, -0.4], [-0.5, 0.3], [0.2, 0.7]],
    "guide_bias": [0.1, 0.3, -0.2],
}


def _mixture(
    name: str, values: Mapping[str, Any], prior: Site, proposal: Site, logits: Callable[..., Any]
) -> WithGlobal:
    model = (
        Site("k", "integer", 3, logits),
        Site("x", "normal", _SIZE, lambda v, z: (v["means"][z["k"]], v["scale"])),
    )
    case = Case(name, rounded(values), model, (Site("k", "integer", 3, _read),))
    return WithGlobal(case, _ROWS, prior=prior, proposal=proposal, order=40)


def _tilted(v: Mapping[str, Any], z: Mapping[str, Any]) -> Any:
    del z
    return v["g"] * v["tilt"] + v["prior"]


def _chosen(v: Mapping[str, Any], z: Mapping[str, Any]) -> Any:
    del z
    return v["tables"][v["g"]]


_CHOICE = {n: v for n, v in _MIXTURE.items() if n not in ("tilt", "prior")} | {
    "top": [0.2, -0.3, 0.4],
    "tables": [[0.9, -0.2, 0.1], [-0.6, 0.8, 0.3], [0.2, -0.1, 0.7]],
    "guide_top": [-0.2, 0.5, 0.1],
}
GLOBAL = (
    _gaussian(),
    _bernoulli(),
    _switched(),
    _mixture("mixture", {**_TOP, **_MIXTURE}, _PRIOR, _PROPOSAL, _tilted),
    _mixture(
        "switched mixture",
        _CHOICE,
        Site("g", "integer", 3, lambda v, z: v["top"]),
        Site("g", "integer", 3, lambda v, z: v["guide_top"]),
        _chosen,
    ),
)
