"""The program on NumPyro: particles are a `vmap` over keys, so every network runs once."""

from __future__ import annotations

import functools
import math
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax, random
from numpy.typing import NDArray
from numpyro.handlers import seed, substitute, trace, uncondition

from inference.engines.numpyro import discrete
from inference.engines.numpyro.dataflow import parents_of
from inference.engines.numpyro.divergences import divergence
from inference.engines.numpyro.factors import sources
from inference.engines.numpyro.handlers import Steer
from inference.engines.numpyro.inspection import describe
from inference.engines.numpyro.networks import Owned
from inference.engines.numpyro.ops import Ops
from inference.engines.numpyro.traces import (
    Trace,
    computed,
    networks_state,
    samples,
    scale_of,
    traces,
    without_observations,
)
from inference.errors import ObjectiveError
from inference.program.draws import Cells, Draws
from inference.program.generators import rows_drawn
from inference.program.program import (
    OWNED,
    OWNED_STATE,
    RELAXED_AT,
    Generated,
    Relaxation,
    split_weights,
)
from inference.program.sites import Site
from inference.program.structure import Structure, can_draw

_LATER = 2**31 - 1  # more than a key is ever split into


class NumPyroProgram:
    """A NumPyro model and guide with a batch; implements `inference.program.program.Program`."""

    ops = Ops

    def __init__(
        self,
        rng_key: Array,
        params: Mapping[str, Any],
        model: Callable[..., Any],
        guide: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        check: Callable[[Structure], Structure | None],
        *,
        nests: bool = False,
    ) -> None:
        self.rng_key, self.params = rng_key, dict(params)
        self.model, self.guide = model, getattr(guide, "unattached", guide)
        self.args, self.kwargs = args, kwargs
        self.check = check
        self.nests = nests  # whether globals are drawn once and local latents weighed given them
        self.owned: dict[str, Any] | None = None  # what `attach` finds out: see parameter()
        self.attached = hasattr(guide, "unattached")
        self._network_state: dict[str, Any] = {}
        self._own_state = {n: s for n, s in self.params.items() if n.startswith(OWNED_STATE)}
        self._structure: Structure | None = None
        self._observed: Array | None = None
        self._draws = 0
        self._rows_fixed = False
        self._outside: Any = 1.0  # the scale that stays outside of the weights, as a site has it
        self._scale: Any = 1.0  # the same as a number or (N,)
        self._held: dict[str, Array] = {}  # the globals' draw
        self._of_globals: Any = 0.0  # its log p - log q

    @property
    def structure(self) -> Structure:
        """The sites and plates."""
        if self._structure is None:
            # Of this run, compilation keeps nothing.
            both = self._traces(self.rng_key)
            self._describe(*both)
        assert self._structure is not None
        return self._structure

    @property
    def mutable_state(self) -> dict[str, Any] | None:
        """What the networks and the objective carry from step to step; None if there is nothing."""
        return {**self._network_state, **self._own_state} or None

    @property
    def observed(self) -> Array:
        """What the model observes, shape (N, D)."""
        if self._observed is None:
            raise RuntimeError("the program has not been drawn from yet")
        return self._observed

    def draw(
        self,
        num_particles: int,
        *,
        divergences: bool = False,
        detach: bool = False,
        values: Mapping[str, Array] | None = None,
        relax: Relaxation | None = None,
    ) -> Draws:
        """Draw and score in one pass; the only particle of a first draw uses the key as it is."""
        whole = self.structure.left_out if values else ()
        steer = functools.partial(Steer, detach=detach, relax=relax, whole=whole)
        particle = functools.partial(self._particle, steer=steer, divergences=divergences)
        self._hold_globals()
        key = self._next_key(num_particles)
        values = dict(values or {})
        if num_particles == 1:
            one = {name: value[0] for name, value in values.items()}
            result = jax.tree.map(lambda leaf: leaf[None], particle(key, one))
        else:
            keys = random.split(key, num_particles)
            result = jax.vmap(particle)(keys, values)
        self._network_state = jax.tree.map(lambda leaf: leaf[0], result["mutable"])
        self._observed = result["observed"][0]
        self._scale = self._outside if result["scale"] is None else result["scale"][0]
        return Draws(
            log_p_sites=result["log_p"],
            log_q_sites=result["log_q"],
            divergences=result["divergences"],
            scored=frozenset(site.name for site in self._scored),
            values=self._padded(result["values"]),
            logits=self._padded(result["logits"]),
            cells=Cells(**result["cells"], gather=self.structure.gather)
            if result["cells"]
            else None,
        )

    @property
    def _scored(self) -> list[Site]:
        """The guide's sites whose draw carries no gradient."""
        return [site for site in self.structure.proposals if not site.reparameterised]

    def _hold_globals(self) -> None:
        """Draw the latents that lie outside of the weights, once for all particles."""
        if not self.nests or self._held or not self.structure.outside:
            return
        key, outside = self._next_key(1), self.structure.outside
        guide_trace, model_trace = self._traces(key)
        self._held = {n: s["value"] for n, s in samples(guide_trace) if n in outside}
        self._of_globals = _sum(
            sign * (_scored_density(site) * scale_of(site)).sum()
            for sign, sites in ((1, model_trace), (-1, guide_trace))
            for name, site in samples(sites)
            if name in outside
        )

    def weighted(
        self,
        num_particles: int,
        weigh: Callable[[Array], tuple[Array, Array]],
        *,
        through_draws_only: bool,
    ) -> tuple[Array, Array]:
        """See `inference.program.program.Program.weighted`.

        The pair is written out twice, once to find the weights and once with the draws' gradient
        scaled by them; compilation merges what the two have in common, which is everything but the
        backward pass.
        """
        keys = random.split(self._next_key(num_particles), num_particles)
        first = jax.vmap(functools.partial(self._particle, steer=Steer, divergences=False))
        result = first(keys, {})
        self._network_state = jax.tree.map(lambda leaf: leaf[0], result["mutable"])
        self._scale = self._outside if result["scale"] is None else result["scale"][0]
        log_p, log_q = (_sum(result[name].values()) for name in ("log_p", "log_q"))
        log_w = lax.stop_gradient(log_p - log_q)
        weights = lax.stop_gradient(weigh(log_w))
        model_weight, factor = split_weights(*weights, self.ops)

        def again(key: Array, values: dict[str, Array], factor: Array) -> tuple[Array, Array]:
            sites = {site.name: site for site in self.structure.proposals}
            scaled = {
                name: _scaled(value, self.structure.spread(factor[None], sites[name])[0])
                for name, value in values.items()
            }
            fixed = functools.partial(Steer, values=scaled)
            params = dict(self.params)
            guide_params = lax.stop_gradient(params)
            both = traces(
                key, params, self.model, self.guide, self.args, self.kwargs, fixed, guide_params
            )
            self._scale_outside(both[1])
            log_q, log_p = (_sum(self._log_prob(site) for _, site in samples(t)) for t in both)
            return log_p, log_q

        values = {site.name: result["values"][site.name] for site in self.structure.proposals}
        log_p, log_q_through = jax.vmap(again)(keys, values, factor)
        if through_draws_only:
            term = _weighed(model_weight, log_p - log_q_through)
        else:
            term = _weighed(model_weight, log_p) - _weighed(weights[1], log_q)
        term = jnp.where(jnp.isinf(lax.stop_gradient(term)), 0.0, term)
        return log_w, term - lax.stop_gradient(term)

    def dream(self) -> Array:
        """log q of the latents of one draw from the model per datum, given its data: (N,)."""
        self._fix_subsamples()
        model_key, guide_key = random.split(self._next_key(1))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            params = lax.stop_gradient(self.params)
            blind = uncondition(substitute(seed(self.model, model_key), data=params))
            dreamt = trace(blind).get_trace(*self.args, **self.kwargs)
            args = list(self.args)
            for site in self.structure.observed:
                assert site.argument is not None, "check_dreams() comes first"
                own = jnp.asarray(args[site.argument])
                value = jnp.reshape(dreamt[site.name]["value"], own.shape)
                args[site.argument] = value.astype(own.dtype)
            values = {site.name: dreamt[site.name]["value"] for site in self.structure.latents}
            guide = Steer(seed(self.guide, guide_key), values=lax.stop_gradient(values))
            run = trace(substitute(guide, data=self.params)).get_trace(*args, **self.kwargs)
        run = without_observations(run)
        return _sum(self._log_prob(site) for _, site in samples(run))

    @property
    def data(self) -> tuple[Any, ...]:
        """The batch."""
        return tuple(map(jnp.asarray, self.args))

    def generate(
        self, size: int, *, draw: str = "mean", values: Mapping[str, Array] | None = None
    ) -> Generated:
        """See `inference.program.program.Program.generate`."""
        name = self.structure.generated.name if self.structure.observed else None
        relax = Relaxation(RELAXED_AT, hard=draw == "straight-through")
        soft = relax if draw in ("relaxed", "straight-through") else None
        given = tuple(jnp.resize(a, (size, *a.shape[1:])) for a in self.data[1:])
        run = trace(substitute(seed(self.model, self._next_key(1)), data=self.params))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            means = Steer(run, values=values, relax=soft)(None, *given, size=size)
        sites = run.trace
        self._network_state |= networks_state(sites)
        if name is None:
            means = rows_drawn(means, computed(sites))
        return Generated(
            x=means if name is None or draw == "mean" else sites[name]["value"],
            latents={n: site["value"] for n, site in samples(sites) if n != name},
            given=given,
        )

    def propose(self) -> dict[str, Array]:
        """One draw of the guide's for each datum, by site."""
        run = trace(substitute(seed(self.guide, self._next_key(1)), data=self.params))
        sites = run.get_trace(*self.args, **self.kwargs)
        self._network_state |= networks_state(sites)
        return {name: s["value"] for name, s in samples(sites) if not s["is_observed"]}

    def input_gradient(self, function: Callable[[Array], Array], at: Array) -> Array:
        """Gradient of the sum of a function's values by its argument; with a gradient itself."""
        before = dict(self._own_state)
        slope = jax.grad(lambda value: function(value).sum())(at)
        self._own_state = before  # what was kept inside belongs to the differentiation
        return slope

    def network(self, name: str, module: Any, *, trained: bool = True) -> Owned:
        """A flax NNX module as something that the objective owns."""
        owned = Owned(name, module)
        if not trained:
            return owned.bind(owned.params, owned.rest, None)
        values = self._own(f"{OWNED}{name}$params", owned.params)
        state = self._own(OWNED_STATE + name, owned.rest) if owned.rest else {}
        return owned.bind(values, state, lambda new: self.keep(name, new))

    def slope(
        self, value: Array, site: str, *, values: Mapping[str, Array], relax: Relaxation
    ) -> tuple[Array, Array]:
        """log w with a relaxed value at a site, (K, N), and its derivative by that value."""

        def log_w(value: Array) -> tuple[Array, Array]:
            each = self.draw(len(value), values={**values, site: value}, relax=relax).log_w
            return each.sum(), each

        before = self._network_state, self._observed
        slope, each = jax.grad(log_w, has_aux=True)(lax.stop_gradient(value))
        self._network_state, self._observed = before
        return lax.stop_gradient(each), lax.stop_gradient(slope)

    def parameter(self, name: str, initial: NDArray[Any]) -> Array:
        """A trained array that the objective owns.

        Raises:
            ObjectiveError: under a plain SVI, which has not been told of it.
        """
        return self._own(OWNED + name, _in_precision(initial))

    def state(self, name: str, initial: Any) -> Array:
        """A number or array that the objective carries from step to step."""
        return self._own(OWNED_STATE + name, _in_precision(np.asarray(initial, np.float32)))

    def keep(self, name: str, value: Array) -> None:
        """Set it for the next step."""
        self._own_state[OWNED_STATE + name] = _in_precision(lax.stop_gradient(value))

    def _own(self, name: str, initial: Any) -> Array:
        if self.owned is not None:
            self.owned[name] = initial
        # SVI.evaluate leaves the state out, which then is as it was in the beginning.
        left_out = self.attached and name.startswith(OWNED_STATE)
        if name not in self.params and self.owned is None and not left_out:
            raise ObjectiveError(
                "the objective has parameters or state of its own, which NumPyro's SVI has to be "
                "told of: SVI(*objective.attach(model, guide), optim, loss=objective)."
            )
        return jax.tree.map(jnp.asarray, self.params.get(name, initial))

    def normal(self, like: Array) -> Array:
        """Standard normal noise in the shape of an array."""
        return random.normal(self._next_key(1), like.shape, like.dtype)

    def uniform(self, like: Array) -> Array:
        """Uniform noise in the shape of an array, inside of (0, 1)."""
        tiny = jnp.finfo(like.dtype).tiny
        return random.uniform(self._next_key(1), like.shape, like.dtype, minval=tiny)

    def stop(self, value: Any) -> Any:
        """The value without its gradient."""
        return lax.stop_gradient(value)

    def total(self, per_datum: Array) -> Array:
        """Sum (N,) over the data, times what scales a datum, and the globals' own term."""
        if jnp.ndim(self._scale) == 0:
            return per_datum.sum() * self._scale + self._of_globals
        return (per_datum * self._scale).sum() + self._of_globals

    def logmeanexp(self, values: Array) -> Array:
        """log of the mean of exp over the first axis: (K, N) to (N,)."""
        if len(values) == 1:
            return values[0]
        return logmeanexp(values)

    def score(self, signal: Array, log_q_scored: Array | None) -> Array:
        """A score-function term: zero in value, signal * grad log q in gradient; (K, N)."""
        if log_q_scored is None:
            return jnp.zeros_like(signal)
        return lax.stop_gradient(signal) * (log_q_scored - lax.stop_gradient(log_q_scored))

    def diagonal(self, values: Array) -> Array:
        """A (K, K, N) array with (K, N) values on its diagonal and zeros elsewhere."""
        return jnp.eye(len(values))[..., None] * values

    def _next_key(self, num_particles: int) -> Array:
        """The program's key for its first draw, as upstream has it, and then others."""
        if num_particles > 1 or self._draws > 0:
            self._fix_subsamples()
        key = self.rng_key
        if self._draws:
            # The parts that a key splits into are its own fold_in with 0, 1, 2, ...: to fold in the
            # number of the draw alone would give out keys that the first draw has used.
            key = random.fold_in(random.fold_in(key, _LATER), self._draws)
        self._draws += 1
        return key

    def _fix_subsamples(self) -> None:
        """Settle the rows that subsampled plates choose, once for all draws.

        Left to themselves, particles under vmap would each choose their own, and weights of
        different data would be averaged. Of this trace, compilation keeps only the choice.
        """
        if self._rows_fixed:
            return
        self._rows_fixed = True
        both = self._traces(self.rng_key)
        self.params |= {
            name: site["value"]
            for trace in both
            for name, site in trace.items()
            if site["type"] == "plate" and site["args"][0] != site["args"][1]
        }

    def _traces(self, key: Array, steer: Callable[..., Any] = Steer) -> tuple[Trace, Trace]:
        """Traces of guide and model on the batch."""
        return traces(key, self.params, self.model, self.guide, self.args, self.kwargs, steer)

    def _describe(self, guide_trace: Trace, model_trace: Trace) -> None:
        if self._structure is None:
            draws = can_draw(self.model)
            factors = sources(self.model, model_trace, self.args, self.kwargs)
            both = guide_trace, model_trace
            found = describe(*both, self.args, can_draw=draws, factors=factors)
            found = self.check(found) or found
            self._structure = self._with_parents(found, guide_trace, model_trace)

    def _with_parents(self, found: Structure, guide_trace: Trace, model_trace: Trace) -> Structure:
        """Find out what each site depends on, where that makes scores less noisy."""
        if not found.follows_scores:
            return found
        every = (*samples(guide_trace), *samples(model_trace))
        latents = {n: site["value"] for n, site in every if not site["is_observed"]}

        def densities(values: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
            both = self._traces(self.rng_key, functools.partial(Steer, values=values))
            of_guide, of_model = (
                {n: (_scored_density(site), scale_of(site)) for n, site in samples(each)}
                for each in both
            )
            return of_model, of_guide

        try:
            return found.with_parents(*parents_of(densities, latents))
        except Exception:  # whatever it is: in doubt, a site depends on all before it
            return found

    def _particle(
        self, key: Array, values: dict[str, Array], *, steer: Any, divergences: bool
    ) -> dict[str, Any]:
        """Log densities of one draw, each (N,), with its values and the networks' new state."""
        given = {
            name: value.reshape(site.batch_shape + site.event_shape)
            for name, value in values.items()
            for site in [self.structure.model.get(name) or self.structure.guide[name]]
        }
        given = self._held | given
        guide_trace, model_trace = self._traces(key, functools.partial(steer, values=given))
        self._describe(guide_trace, model_trace)
        known = {}
        if divergences:
            for name in self.structure.closed_form_sites():
                exact = divergence(guide_trace[name], model_trace[name])
                if exact is not None:
                    known[name] = exact
        scale = self._scale_outside(model_trace)
        outside = self.structure.outside
        model = {n: site for n, site in samples(model_trace) if n not in outside}
        guide = {n: site for n, site in samples(guide_trace) if n not in outside}
        log_p = {name: _scored_density(site) for name, site in model.items()}
        log_q = {name: _scored_density(site) for name, site in guide.items()}
        cells: dict[str, dict[str, Array]] = {}
        if self._scored:
            cells = {
                "log_p_sites": {n: self._cell(value, model[n]) for n, value in log_p.items()},
                "log_q_sites": {n: self._cell(value, guide[n]) for n, value in log_q.items()},
                "divergences": {n: self._cell(value, guide[n]) for n, value in known.items()},
                "scores": {
                    site.name: self.structure.framed(_score(guide_trace[site.name]))
                    for site in self._scored
                    if site.name not in outside
                },
            }
        observed = [
            self._flat(site["value"], name)
            for name, site in samples(model_trace)
            if site["is_observed"]
        ]
        latents = [*samples(guide_trace), *samples(model_trace)]
        return {
            "log_p": {n: self._per_datum(value, model[n]) for n, value in log_p.items()},
            "log_q": {n: self._per_datum(value, guide[n]) for n, value in log_q.items()},
            "divergences": {n: self._per_datum(value, guide[n]) for n, value in known.items()},
            "cells": cells,
            "scale": scale,
            "values": {name: s["value"] for name, s in latents if not s["is_observed"]},
            "logits": {
                name: discrete.logits(site["fn"])
                for name, site in samples(guide_trace)
                if discrete.family(site["fn"])[0]
            },
            "observed": jnp.concatenate(observed, -1) if observed else jnp.zeros((1, 0)),
            "mutable": networks_state(guide_trace) | networks_state(model_trace),
        }

    def _padded(self, values: dict[str, Array]) -> dict[str, Array]:
        """(K, *batch, *event) with as many batch dimensions as the deepest site has."""
        shaped = {}
        for name, value in values.items():
            site = self.structure.guide.get(name) or self.structure.model[name]
            beyond = value.shape[1 + len(site.batch_shape + site.event_shape) :]  # of integers
            shaped[name] = value.reshape(-1, *self.structure.padded_shape(site), *beyond)
        return shaped

    def _flat(self, value: Array, name: str) -> Array:
        """An observed value as (N, D), in real numbers."""
        site = self.structure.model[name]
        batch = len(site.batch_shape)
        plates = self.structure.nested.shared_plates  # of the data, globals or not
        kept = [batch + plate.dim for plate in plates]
        rest = [dim for dim in range(batch + len(site.event_shape)) if dim not in kept]
        size = math.prod(plate.size for plate in plates)
        whole = jnp.broadcast_to(value, site.batch_shape + site.event_shape)
        return whole.transpose(*kept, *rest).reshape(size, -1).astype(jnp.result_type(float))

    def _log_prob(self, site: Mapping[str, Any]) -> Array:
        return self._per_datum(_scored_density(site), site)

    def _scale_outside(self, model_trace: Trace) -> Array | None:
        """Note what multiplies a datum's bound: one scale of all its sites, or the shared plates'.

        Found for each run, because the weights of rows may come with the batch; (N,) or a scalar
        if it is no plain number.
        """
        weighing = (site for n, site in samples(model_trace) if n in self.structure.unscaled)
        site = next(weighing, None)
        self._outside = self.structure.scale if site is None else scale_of(site)
        if jnp.ndim(self._outside) == 0:
            return self._outside if isinstance(self._outside, jax.Array) else None
        framed = self.structure.framed(jnp.asarray(self._outside))
        return jnp.broadcast_to(framed, self.structure.row_shape).reshape(-1)

    def _scaled(self, log_prob: Array, site: Mapping[str, Any]) -> Array:
        """Times the site's scale, as far as that is not outside: see total()."""
        if site["name"] in self.structure.unscaled:
            return log_prob
        scale = _ratio(scale_of(site), self._outside)
        return log_prob if isinstance(scale, (int, float)) and scale == 1 else scale * log_prob

    def _cell(self, log_prob: Array, site: Mapping[str, Any]) -> Array:
        """A log density entry by entry, (*batch,)."""
        return self.structure.framed(self._scaled(log_prob, site))

    def _per_datum(self, log_prob: Array, site: Mapping[str, Any]) -> Array:
        """Apply the scale and sum the plates that are not shared: (N,)."""
        log_prob = self._scaled(log_prob, site)
        shared = self.structure.shared_plates
        rank = max([jnp.ndim(log_prob), *(-plate.dim for plate in shared)])
        log_prob = jnp.reshape(log_prob, (1,) * (rank - jnp.ndim(log_prob)) + jnp.shape(log_prob))
        kept = {plate.dim % rank for plate in shared}
        private = tuple(dim for dim in range(rank) if dim not in kept)
        return log_prob.sum(private).reshape(-1)


def _in_precision(value: Any) -> Any:
    """Real numbers in what jax computes in, for what is carried from step to step."""
    real = getattr(value, "dtype", None) in (np.float32, np.float64)
    return value.astype(jnp.result_type(float)) if real else value


def _ratio(scale: Any, outside: Any) -> Any:
    known = isinstance(outside, (int, float))
    return scale if known and outside == 1 else scale / outside


def _scored_density(site: Mapping[str, Any]) -> Array:
    """The log density of a site's value with its mask, before scale and sums."""
    if site.get("soft"):
        return discrete.relaxed_log_prob(site["fn"], site["value"])
    if site.get("intermediates"):
        return site["fn"].log_prob(site["value"], site["intermediates"])
    # Of data, thousands of entries a step, NumPyro's own slope is taken: see `with_slopes`.
    fn = site["fn"] if site["is_observed"] else discrete.with_slopes(site["fn"])
    return fn.log_prob(site["value"])


def _score(site: Mapping[str, Any]) -> Array:
    """The log density of a draw, whether it is masked or not: what was drawn has a score."""
    return discrete.with_slopes(discrete.unmasked(site["fn"])).log_prob(site["value"])


def _weighed(weight: Array, value: Array) -> Array:
    """weight * value, zero where the weight is, though the value be -inf."""
    return weight * jnp.where(weight == 0, 0.0, value)


def logmeanexp(values: Array) -> Array:
    """log of the mean of exp over the first axis, -inf and without gradient where all are -inf."""
    possible = lax.stop_gradient(values.max(0)) != -jnp.inf  # true of NaN, which stays one
    total = jax.nn.logsumexp(jnp.where(possible, values, 0.0), axis=0)
    return jnp.where(possible, total, -jnp.inf) - math.log(len(values))


def _sum(terms: Iterable[Array]) -> Array:
    return sum(terms, start=jnp.zeros(()))


@jax.custom_vjp
def _scaled(value: Array, factor: Array) -> Array:
    """The value; its gradient is multiplied by the factor."""
    return value


def _scaled_forward(value: Array, factor: Array) -> tuple[Array, Array]:
    return value, factor


def _scaled_backward(factor: Array, gradient: Array) -> tuple[Array, Array]:
    return (gradient * factor).reshape(gradient.shape), jnp.zeros_like(factor)


_scaled.defvjp(_scaled_forward, _scaled_backward)
