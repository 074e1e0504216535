"""The density of an energy over real vectors, known up to a constant, and its kernel (jax)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar, Self

import jax
import jax.numpy as jnp
from jax import Array, lax, random
from jax.nn import logsumexp
from numpyro.distributions import constraints

from ppl_models.networks.energies.energy_arguments import POINTS, ROOM, describe_base, no_constant
from ppl_models.networks.energies.energy_law_numpyro import EnergyLaw


class LangevinEnergy(EnergyLaw):
    """Real x with an energy, held together by a Gaussian: see `langevin.LangevinEnergy`."""

    arg_constraints: ClassVar[Any] = {}
    support: Any = constraints.real_vector
    normalised = False
    pytree_data_fields = ("mean_of_base", "coupling", "offset")
    pytree_aux_fields = ("energy", "scale", "step_size", "burn_in")

    def __init__(
        self,
        energy: Callable[[Array], Array],
        mean: Array,
        scale: float,
        *,
        step_size: float,
        coupling: Any = 1.0,
        offset: Any = 0.0,
        burn_in: int = 100,
    ) -> None:
        self.energy, self.mean_of_base, self.scale = energy, mean, scale
        self.step_size, self.coupling, self.offset = step_size, coupling, offset
        self.burn_in = burn_in
        super().__init__((), mean.shape[-1:], validate_args=False)

    def log_factor(self, value: Any) -> Array:
        """log f(x), shape (...,): up to a constant the log density."""
        value = jnp.asarray(value)
        base = self.offset - 0.5 * ((value - self.mean_of_base) ** 2).sum(-1) / self.scale**2
        return base if self._is_base else base - self.coupling * self.energy(value)[..., 0]

    @property
    def _is_base(self) -> bool:
        return isinstance(self.coupling, float) and self.coupling == 0

    def transition(self, value: Any, key: Any, held: Array | None = None) -> Array:
        """A Langevin step with a Metropolis decision, in which the entries that are held stay."""
        free = 1.0 if held is None else (~held).astype(jnp.result_type(value))
        of_noise, of_chance = random.split(key)
        size, half = self.step_size, 0.5 * self.step_size**2
        value = jnp.asarray(value)
        here, slope = self._slope(value)
        noise = free * random.normal(of_noise, value.shape, value.dtype)
        moved = value + half * free * slope + size * noise
        there, back = self._slope(moved)
        returning = (value - moved - half * free * back) / size
        log_ratio = there - here + 0.5 * (noise**2 - returning**2).sum(-1)
        chance = random.uniform(of_chance, log_ratio.shape, log_ratio.dtype)
        return jnp.where((jnp.log(chance) < log_ratio)[..., None], moved, value)

    def _slope(self, value: Array) -> tuple[Array, Array]:
        """log f and its gradient by x."""

        def total(value: Array) -> tuple[Array, Array]:
            found = self.log_factor(value)
            return found.sum(), found

        slope, found = jax.grad(total, has_aux=True)(value)
        return found, slope

    def tempered(self, beta: Any, base: Self) -> Self:
        """f^beta g^(1 - beta), g the base."""
        mean = beta * self.mean_of_base + (1 - beta) * base.mean_of_base
        squares = beta * self.mean_of_base**2 + (1 - beta) * base.mean_of_base**2
        offset = beta * self.offset + (1 - beta) * base.offset
        return self._with(
            mean=mean,
            coupling=beta * self.coupling,
            offset=offset - 0.5 * (squares - mean**2).sum(-1) / self.scale**2,
        )

    def base(self, kind: Any = "data") -> Self:
        """The Gaussian alone, at which chains begin; `describe_base` says the kinds."""
        size = self.mean_of_base.shape[-1]
        known = describe_base(kind, units=size, binary=False, knows_means=True)
        mean = self.mean_of_base
        if known == "uniform":
            mean = jnp.zeros_like(mean)
        elif known == "given":
            mean = jnp.asarray(kind, mean.dtype)
        return self._with(mean=mean, coupling=0.0, offset=0.0, burn_in=0)

    def _with(self, *, mean: Array, coupling: Any, offset: Any, burn_in: int | None = None) -> Self:
        return type(self)(
            self.energy,
            mean,
            self.scale,
            step_size=self.step_size,
            coupling=coupling,
            offset=offset,
            burn_in=self.burn_in if burn_in is None else burn_in,
        )

    def sample(self, key: Any, sample_shape: tuple[int, ...] = ()) -> Array:
        """The ends of chains that begin at the Gaussian and take `burn_in` steps."""
        start, key = random.split(key)
        mean = self.mean_of_base
        shape = (*sample_shape, *self.batch_shape, *self.event_shape)
        begun = mean + self.scale * random.normal(start, shape, mean.dtype)

        def step(number: Any, value: Array) -> Array:
            return self.transition(value, random.fold_in(key, number))

        return lax.fori_loop(0, self.burn_in, step, begun)

    def log_partition(self) -> Array:
        """The constant of the Gaussian alone.

        Raises:
            ValueError: where there is an energy.
        """
        if not self._is_base:
            raise ValueError(no_constant())
        size = self.mean_of_base.shape[-1]
        return 0.5 * size * math.log(2 * math.pi * self.scale**2) + jnp.asarray(self.offset)

    def log_conditionals(self, value: Any, columns: Any = None) -> Array:
        """log p(x_i | all others), by quadrature, for all entries or some columns of each row.

        Args:
            value: x, (N, D).
            columns: (N, n); all entries without it.

        Returns:
            Shape (N, n), or (N, D).
        """
        value = jnp.asarray(value)
        size = value.shape[-1]
        if columns is None:
            columns = jnp.broadcast_to(jnp.arange(size), value.shape)
        own = self.log_factor(value)
        steps = jnp.linspace(-ROOM, ROOM, POINTS) * self.scale

        def of(column: Array) -> Array:
            points = self.mean_of_base[column.astype(int)][..., None] + steps  # (N, G)
            here = jnp.arange(size) == column[..., None]
            moved = jnp.where(here[..., None, :], points[..., None], value[..., None, :])
            total = logsumexp(self.log_factor(moved), axis=-1) + jnp.log(steps[1] - steps[0])
            return own - total

        return jnp.moveaxis(lax.map(of, jnp.moveaxis(columns, -1, 0)), 0, -1)
