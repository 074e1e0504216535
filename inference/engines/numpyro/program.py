"""The program on NumPyro: particles are a `vmap` over keys, so every network runs once."""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax, random

from inference.engines.numpyro.arithmetic import Arithmetic
from inference.engines.numpyro.belongings import Belongings
from inference.engines.numpyro.draws import draws_of, sum_of
from inference.engines.numpyro.energies import Energies
from inference.engines.numpyro.handlers import Steer
from inference.engines.numpyro.passes import Check
from inference.engines.numpyro.sequential import SequentialSite
from inference.engines.numpyro.traces import networks_state, run
from inference.engines.numpyro.weights import Weights
from inference.program.distributions import sequential_part
from inference.program.draws import Draws
from inference.program.generators import by_row, check_means, rows_drawn
from inference.program.program import RELAXED_AT, Generated, Relaxation

_ELSEWHERE = 2**31 - 2  # folded into the keys of programs on other batches: see `Passes.next_key`


class NumPyroProgram(Energies, Weights, Belongings, Arithmetic):
    """A NumPyro model and guide with a batch; implements `inference.program.program.Program`.

    Args:
        rng_key: of the first draw.
        params: values of parameter sites, and state of the step before.
        model: the model.
        guide: the guide.
        args: the batch: what they take by position.
        kwargs: what they take by name.
        check: refuses a structure, or returns it as the objective looks at it.
        nests: whether globals are drawn once and local latents weighed given them.
    """

    def __init__(
        self,
        rng_key: Array,
        params: Mapping[str, Any],
        model: Callable[..., Any],
        guide: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
        check: Check,
        *,
        nests: bool = False,
    ) -> None:
        super().__init__(rng_key, params, model, guide, args, kwargs, check, nests=nests)
        self.owned: dict[str, Any] | None = None
        self.attached = hasattr(guide, "unattached")
        self._observed: Array | None = None
        self._elsewhere = 0

    @property
    def observed(self) -> Array:
        """What the model observes, shape (N, D)."""
        if self._observed is None:
            raise RuntimeError("the program has not been drawn from yet")
        return self._observed

    @property
    def data(self) -> tuple[Any, ...]:
        """The batch."""
        return tuple(map(jnp.asarray, self.args))

    def at(self, *batch: Any) -> NumPyroProgram:
        """See `inference.program.program.Program.at`."""
        key = random.fold_in(random.fold_in(self.rng_key, _ELSEWHERE), self._elsewhere)
        self._elsewhere += 1
        own = {name: value for name, value in self.params.items() if name not in self.rows}
        pair = self.model, self.guide, batch, self.kwargs
        twin = NumPyroProgram(key, own, *pair, self.check, nests=self.nests)
        twin.owned, twin.attached, twin.carried = self.owned, self.attached, self.carried
        return twin

    def draw(
        self,
        num_particles: int,
        *,
        divergences: bool = False,
        detach: bool = False,
        values: Mapping[str, Array] | None = None,
        relax: Relaxation | None = None,
    ) -> Draws:
        """Draw and score in one pass; the only particle of a first draw uses the key as it is.

        At given values it is the key under which they were drawn: what networks draw themselves,
        such as dropout, is then the same, as it has to be where their density is asked for.
        """
        whole = self.structure.left_out if values else ()
        steer = functools.partial(Steer, detach=detach, relax=relax, whole=whole)
        particle = functools.partial(self.particle, steer=steer, divergences=divergences)
        self.hold_globals()
        values = dict(values or {})
        key = self._noise.get(num_particles) if values else None
        if key is None:
            key = self.next_key(num_particles)
        if not values:
            self._noise[num_particles] = key
        if num_particles == 1:
            one = {name: value[0] for name, value in values.items()}
            result = jax.tree.map(_alone, particle(key, one))
        else:
            keys = random.split(key, num_particles)
            result = jax.vmap(particle)(keys, values)
        self.carried.networks = jax.tree.map(lambda leaf: leaf[0], result["mutable"])
        self._observed = result["observed"][0]
        self.scale = self.frames.outside if result["scale"] is None else result["scale"][0]
        return draws_of(self.frames, result)

    def dream(self) -> Array:
        """log q of the latents of one draw from the model per datum, given its data: (N,)."""
        self.fix_rows()
        model_key, guide_key = random.split(self.next_key(1))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            params = lax.stop_gradient(self.params)
            dreamt = run(
                self.model, model_key, self.args, self.kwargs, params=params, blind=True
            ).sites
            args = list(self.args)
            for site in self.structure.observed:
                assert site.argument is not None, "check_dreams() comes first"
                own = jnp.asarray(args[site.argument])
                value = jnp.reshape(dreamt[site.name]["value"], own.shape)
                args[site.argument] = value.astype(own.dtype)
            values = {site.name: dreamt[site.name]["value"] for site in self.structure.latents}
            held = lax.stop_gradient(values)
            scored = run(self.guide, guide_key, args, self.kwargs, params=self.params, values=held)
        return sum_of(map(self.frames.log_prob, scored.proposals.values()))

    def generate(
        self, size: int, *, draw: str = "mean", values: Mapping[str, Array] | None = None
    ) -> Generated:
        """See `inference.program.program.Program.generate`."""
        name = self.structure.generated.name if self.structure.observed else None
        relax = Relaxation(RELAXED_AT, hard=draw == "straight-through")
        soft = relax if draw in ("relaxed", "straight-through") else None
        given = tuple(jnp.resize(a, (size, *a.shape[1:])) for a in self.data[1:])
        steer = functools.partial(Steer, values=values, relax=soft)
        key, args = self.next_key(1), (None, *given)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made = run(self.model, key, args, params=self.params, steer=steer, size=size)
        self.carried.networks |= networks_state(made.trace)
        sites, x = made.sites, made.returned
        if name is None:
            x = rows_drawn(x, made.computed)
        elif draw == "mean":
            check_means(x, sites[name]["value"], name)
        else:
            x = sites[name]["value"]
            if draw == "straight-through" and self.structure.generated.sequential:
                x = x + made.returned - lax.stop_gradient(made.returned)
        log_p = None
        if draw == "score":
            x = lax.stop_gradient(x)
            held = [(sites[n]["fn"], sites[n]["value"]) for n in self.structure.by_score]
            log_p = sum_of(by_row(fn.log_prob(lax.stop_gradient(v)), size) for fn, v in held)
        return Generated(
            x=x,
            latents={n: site["value"] for n, site in sites.items() if n != name},
            given=given,
            log_p=log_p,
        )

    def sequential(self) -> SequentialSite:
        """See `inference.program.program.Program.sequential`."""
        key = self.next_key(1)
        made = run(self.model, key, self.args, self.kwargs, params=self.params)
        self.carried.networks |= networks_state(made.trace)
        fn = made.sites[self.structure.generated.name]["fn"]
        return SequentialSite(sequential_part(fn), lambda: self.next_key(1))

    def propose(self) -> dict[str, Array]:
        """One draw of the guide's for each datum, by site."""
        key = self.next_key(1)
        made = run(self.guide, key, self.args, self.kwargs, params=self.params)
        self.carried.networks |= networks_state(made.trace)
        return made.values

    def choose(self, number: Array, branches: Sequence[Callable[[], Array]]) -> Array:
        """What one of several functions returns; the others do not run."""
        before = self.carried.networks, self._observed, self.scale

        def isolated(branch: Callable[[], Array]) -> Array:
            found = branch()
            # What a draw leaves behind belongs to its branch.
            self.carried.networks, self._observed, self.scale = before
            return found

        return lax.switch(number, [functools.partial(isolated, each) for each in branches])

    def input_gradient(self, function: Callable[[Array], Array], at: Array) -> Array:
        """Gradient of the sum of a function's values by its argument; with a gradient itself."""
        before = dict(self.carried.own)
        slope = jax.grad(lambda value: function(value).sum())(at)
        self.carried.own = before  # what was kept inside belongs to the differentiation
        return slope

    def slope(
        self, value: Array, site: str, *, values: Mapping[str, Array], relax: Relaxation
    ) -> tuple[Array, Array]:
        """log w with a relaxed value at a site, (K, N), and its derivative by that value."""

        def log_w(value: Array) -> tuple[Array, Array]:
            each = self.draw(len(value), values={**values, site: value}, relax=relax).log_w
            return each.sum(), each

        before = self.carried.networks, self._observed
        slope, each = jax.grad(log_w, has_aux=True)(lax.stop_gradient(value))
        self.carried.networks, self._observed = before
        return lax.stop_gradient(each), lax.stop_gradient(slope)

    def normal(self, like: Array) -> Array:
        """Standard normal noise in the shape of an array."""
        return random.normal(self.next_key(1), like.shape, like.dtype)

    def uniform(self, like: Array) -> Array:
        """Uniform noise in the shape of an array, inside of (0, 1)."""
        tiny = jnp.finfo(like.dtype).tiny
        return random.uniform(self.next_key(1), like.shape, like.dtype, minval=tiny)

    def total(self, per_datum: Array) -> Array:
        """Sum (N,) over the data, times what scales a datum, and the globals' own term."""
        if jnp.ndim(self.scale) == 0:
            return per_datum.sum() * self.scale + self.of_globals
        return (per_datum * self.scale).sum() + self.of_globals


def _alone(leaf: Any) -> Any:
    """A leaf of one particle among several; a program's state may be a plain number."""
    return (leaf if hasattr(leaf, "ndim") else jnp.asarray(leaf))[None]
