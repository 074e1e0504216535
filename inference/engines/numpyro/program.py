"""The program on NumPyro: particles are a `vmap` over keys, so every network runs once."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, random
from numpyro.distributions.kl import kl_divergence
from numpyro.handlers import replay, seed, substitute, trace

from inference.engines.draws import Draws
from inference.engines.structure import Plate, Site, Structure

Trace = Mapping[str, Mapping[str, Any]]


class NumPyroProgram:
    """A NumPyro model and guide with a batch; implements `inference.engines.program.Program`."""

    def __init__(
        self,
        rng_key: Array,
        params: Mapping[str, Any],
        model: Callable[..., Any],
        guide: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        check: Callable[[Structure], None],
    ) -> None:
        self.rng_key, self.params = rng_key, dict(params)
        self.model, self.guide = model, guide
        self.args, self.kwargs = args, kwargs
        self.check = check
        self.mutable_state: dict[str, Any] | None = None
        self._structure: Structure | None = None

    @property
    def structure(self) -> Structure:
        """The sites and plates of the last draw."""
        if self._structure is None:
            raise RuntimeError("the program has not been drawn from yet")
        return self._structure

    def draw(self, num_particles: int, *, divergences: bool = False) -> Draws:
        """Draw and score in one pass; one particle uses the key as it is, as upstream does."""
        if num_particles == 1:
            draws, mutable = self._particle(self.rng_key, divergences=divergences)
            draws = jax.tree.map(lambda leaf: leaf[None], draws)
        else:
            self.params |= self._subsamples()
            keys = random.split(self.rng_key, num_particles)
            particle = functools.partial(self._particle, divergences=divergences)
            draws, mutable = jax.vmap(particle)(keys)
            mutable = jax.tree.map(lambda leaf: leaf[0], mutable)
        self.mutable_state = mutable or None
        scored = {site.name for site in self.structure.proposals if not site.reparameterised}
        log_p, log_q, known = draws
        return Draws(log_p, log_q, known, frozenset(scored))

    def total(self, per_datum: Array) -> Array:
        """Sum (N,) over the data, times the scale of subsampled shared plates."""
        return per_datum.sum() * self.structure.scale

    def logmeanexp(self, values: Array) -> Array:
        """log of the mean of exp over the first axis: (K, N) to (N,)."""
        if len(values) == 1:
            return values[0]
        return jax.nn.logsumexp(values, axis=0) - math.log(len(values))

    def score(self, signal: Array, log_q_scored: Array | None) -> Array:
        """A score-function term: zero in value, signal * grad log q in gradient; (K, N)."""
        if log_q_scored is None:
            return jnp.zeros_like(signal)
        signal = jax.lax.stop_gradient(signal)
        return signal * (log_q_scored - jax.lax.stop_gradient(log_q_scored))

    def diagonal(self, values: Array) -> Array:
        """A (K, K, N) array with (K, N) values on its diagonal and zeros elsewhere."""
        return jnp.eye(len(values))[..., None] * values

    def _subsamples(self) -> dict[str, Array]:
        """The rows that subsampled plates choose, once for all particles.

        Left to themselves, particles under vmap would each choose their own, and weights of
        different data would be averaged. Of this trace, compilation keeps only the choice.
        """
        both = traces(self.rng_key, self.params, self.model, self.guide, self.args, self.kwargs)
        return {
            name: site["value"]
            for trace in both
            for name, site in trace.items()
            if site["type"] == "plate" and site["args"][0] != site["args"][1]
        }

    def _particle(self, key: Array, *, divergences: bool) -> tuple[Any, dict[str, Any]]:
        """Log densities of one draw, each (N,), and the networks' new mutable state."""
        guide_trace, model_trace = traces(
            key, self.params, self.model, self.guide, self.args, self.kwargs
        )
        if self._structure is None:
            self._structure = describe(guide_trace, model_trace, self.args)
            self._structure.check_match()
            self.check(self._structure)
        log_p = {name: self._log_prob(site) for name, site in _samples(model_trace)}
        log_q = {name: self._log_prob(site) for name, site in _samples(guide_trace)}
        known = {}
        if divergences:
            for name in self.structure.closed_form_sites():
                divergence = _divergence(guide_trace[name], model_trace[name])
                if divergence is not None:
                    known[name] = self._per_datum(divergence, guide_trace[name])
        mutable = {
            name: site["value"]
            for name, site in (*guide_trace.items(), *model_trace.items())
            if site["type"] == "mutable"
        }
        return (log_p, log_q, known), mutable

    def _log_prob(self, site: Mapping[str, Any]) -> Array:
        if site.get("intermediates"):
            return self._per_datum(site["fn"].log_prob(site["value"], site["intermediates"]), site)
        return self._per_datum(site["fn"].log_prob(site["value"]), site)

    def _per_datum(self, log_prob: Array, site: Mapping[str, Any]) -> Array:
        """Apply the scale and sum the plates that are not shared: (N,)."""
        structure = self.structure
        # The shared plates' own scale belongs outside the logarithm: see total().
        scale = 1.0 if site["scale"] is None else site["scale"]
        if structure.scale != 1:
            scale = scale / structure.scale
        if not (isinstance(scale, (int, float)) and scale == 1):
            log_prob = scale * log_prob
        shared = structure.shared_plates
        rank = max([jnp.ndim(log_prob), *(-plate.dim for plate in shared)])
        log_prob = jnp.reshape(log_prob, (1,) * (rank - jnp.ndim(log_prob)) + jnp.shape(log_prob))
        kept = {plate.dim % rank for plate in shared}
        private = tuple(dim for dim in range(rank) if dim not in kept)
        return log_prob.sum(private).reshape(-1)


def loss(
    objective: Any,
    rng_key: Array,
    params: Mapping[str, Any],
    model: Callable[..., Any],
    guide: Callable[..., Any],
    *args: Any,
    **kwargs: Any,
) -> dict[str, Any]:
    """The negative surrogate of an objective, for `numpyro.infer.SVI`."""
    program = NumPyroProgram(rng_key, params, model, guide, args, kwargs, objective.check)
    value = -objective.surrogate(program)
    return {"loss": value, "mutable_state": program.mutable_state}


def traces(
    key: Array,
    params: Mapping[str, Any],
    model: Callable[..., Any],
    guide: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> tuple[Trace, Trace]:
    """Trace the guide, then the model on its draws, from one key split as upstream splits it."""
    model_key, guide_key = random.split(key)
    params = dict(params)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what upstream only warns about is refused by name later
        guide_trace = trace(substitute(seed(guide, guide_key), data=params)).get_trace(
            *args, **kwargs
        )
        # A network that model and guide share sees the state that the guide left.
        params |= {n: s["value"] for n, s in guide_trace.items() if s["type"] == "mutable"}
        replayed = replay(seed(model, model_key), guide_trace)
        model_trace = trace(substitute(replayed, data=params)).get_trace(*args, **kwargs)
    return guide_trace, model_trace


def inspect(
    model: Callable[..., Any],
    guide: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: Mapping[str, Any],
) -> Structure:
    """Run the pair once and describe its sites."""
    return describe(*traces(random.PRNGKey(0), {}, model, guide, args, kwargs), args)


def describe(guide_trace: Trace, model_trace: Trace, args: tuple[Any, ...]) -> Structure:
    """Sites and plates of two traces."""
    full = {
        name: site["args"][0]
        for name, site in (*guide_trace.items(), *model_trace.items())
        if site["type"] == "plate"
    }
    return Structure(
        model={name: _site(name, site, full, args) for name, site in _samples(model_trace)},
        guide={name: _site(name, site, full, args) for name, site in _samples(guide_trace)},
    )


def _samples(trace: Trace) -> list[tuple[str, Mapping[str, Any]]]:
    return [(name, site) for name, site in trace.items() if site["type"] == "sample"]


def _site(
    name: str, site: Mapping[str, Any], full: Mapping[str, int], args: tuple[Any, ...]
) -> Site:
    support = getattr(site["fn"], "support", None)
    while (base := getattr(support, "base_constraint", None)) is not None:
        support = base
    positions = [position for position, arg in enumerate(args) if arg is site["value"]]
    plates = frozenset(
        Plate(frame.name, frame.dim, int(frame.size), int(full.get(frame.name, frame.size)))
        for frame in site["cond_indep_stack"]
    )
    return Site(
        name=name,
        observed=bool(site["is_observed"]),
        reparameterised=bool(site["fn"].has_rsample),
        event_shape=tuple(site["fn"].event_shape),
        batch_shape=tuple(site["fn"].batch_shape),
        plates=plates,
        auxiliary=bool(site["infer"].get("is_auxiliary", False)),
        support=type(support).__name__.strip("_").lower(),
        inside=None if support is None else lambda a: np.asarray(support(a)),
        argument=positions[0] if positions else None,
    )


def _divergence(guide_site: Mapping[str, Any], model_site: Mapping[str, Any]) -> Array | None:
    try:
        return kl_divergence(guide_site["fn"], model_site["fn"])
    except NotImplementedError:
        return None
