"""What an engine makes of a pair: a fitted pair, an annealer, a freed guide, a probe."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from inference.program.draws import Draws
from inference.program.obstacles import Obstacle
from inference.program.records import Array, Parameter, Recorded, Slopes
from inference.program.sites import Site
from inference.program.structure import Structure

Rows = tuple[NDArray[Any], ...]
Free = Mapping[str, Mapping[str, NDArray[Any]]]


class FittedPair(Protocol):
    """A pair with values for its parameters; every other attribute is the pair's."""

    engine: str
    wrapped: Any

    def model(self, *args: Any, **kwargs: Any) -> Any:
        """The model, with these values."""
        ...

    def guide(self, *args: Any, **kwargs: Any) -> Any:
        """The guide, with these values."""
        ...

    def __getattr__(self, name: str) -> Any: ...


class Annealer(Protocol):
    """Hamiltonian Monte Carlo on p(z) p(x | z)^beta, all rows at once.

    A state has `log_prior`, log p(z) as a density of the unbounded latents, and `log_likelihood`,
    log p(x | z), for each row; their gradients are its own.

    Attributes:
        structure: the model's sites and plates.
    """

    structure: Structure

    def prior(self, rows: Rows, rng_seed: int) -> Any:
        """Chains at draws from p(z)."""
        ...

    def at(self, rows: Rows, latents: dict[str, NDArray[Any]]) -> Any:
        """Chains at given latents, site to (R, *event)."""
        ...

    def move(
        self, state: Any, beta: float, step_size: NDArray[Any], rng_seed: int
    ) -> tuple[Any, NDArray[Any]]:
        """One move that leaves p(z) p(x | z)^beta as it is, and the chance of each row's."""
        ...


class Tempering(Protocol):
    """The site whose density is known up to a constant, between a base and itself.

    Laws in between are `law.tempered(beta, base)`; a base is `"data"`, `"uniform"`, or an array of
    means, (D,).

    Attributes:
        name: the site.
        holds: whether some entries can be held at values while its kernel draws the others: a step
            draws them independently, given whatever else it draws (`factorial = True` on the
            class), or `transition` takes `held=`.
        bits: the event's shape, where every entry is 0 or 1; None where it is not so.
        normalised: whether the law's `log_prob` is less its constant.
    """

    name: str
    holds: bool
    bits: tuple[int, ...] | None
    normalised: bool

    def log_partition(self) -> float:
        """The exact log of the constant; a ValueError where it cannot be summed."""
        ...

    def base_log_partition(self, base: Any) -> float:
        """That of the base; an ObjectiveError where the law has none."""
        ...

    def begin(self, base: Any, rows: int, rng_seed: int) -> NDArray[Any]:
        """Draws from the base, (rows, *event)."""
        ...

    def draw(self, rows: int, rng_seed: int) -> NDArray[Any]:
        """Draws from the law itself, by its chains, (rows, *event)."""
        ...

    def move(
        self, value: NDArray[Any], steps: int, rng_seed: int, beta: float | None = None
    ) -> NDArray[Any]:
        """Where chains of the law are after some steps, or of the law at a temperature."""
        ...

    def complete(
        self, value: NDArray[Any], held: NDArray[np.bool_], steps: int, rng_seed: int
    ) -> NDArray[Any]:
        """Where chains are after some steps in which the entries that are held stay."""
        ...

    def log_density(self, value: NDArray[Any], beta: float | None = None) -> NDArray[np.float64]:
        """What the law scores, (rows,), or what it does at a temperature, from the base of data."""
        ...

    def log_conditionals(self, value: NDArray[Any]) -> NDArray[np.float64] | None:
        """log p(entry | all others) as the law has it, (rows, *event); None where it has not."""
        ...

    def ends(self, value: NDArray[Any], base: Any) -> NDArray[np.float64]:
        """What the base, `tempered(0, base)`, `tempered(1, base)` and the law score, (4, rows)."""
        ...

    def anneal(
        self, value: NDArray[Any], base: Any, betas: NDArray[np.float64], rng_seed: int
    ) -> NDArray[np.float64]:
        """Log weights of chains that are led through temperatures, up or down: (rows,).

        At each, log f_new(v) - log f_old(v) is added, and the chain moves by a step of f_new's.
        """
        ...

    def increments(
        self, value: NDArray[Any], base: Any, betas: NDArray[np.float64], rng_seed: int
    ) -> NDArray[np.float64]:
        """What such chains add at each temperature, mean and deviation over them: (T, 2)."""
        ...


class FreedGuide(Protocol):
    """Distributions of the guide's families, with parameters of their own for each datum.

    Attributes:
        structure: of the pair, with the amortised guide.
    """

    structure: Structure

    def start(self, rows: Rows) -> Free:
        """The amortised guide's parameters for each datum, by site and name."""
        ...

    def optimise(
        self,
        rows: Rows,
        start: Free,
        objective: Any,
        *,
        steps: int,
        learning_rate: float,
        rng_seed: int,
    ) -> Free:
        """Parameters after so many steps of Adam, the model's own held fixed."""
        ...

    def draw(self, rows: Rows, parameters: Free, num_draws: int, rng_seed: int) -> Draws:
        """Densities of K draws per datum, by site."""
        ...


class Probe(Protocol):
    """Runs of a pair that leave a record, and what the checks ask of it; the pair stays."""

    def record(
        self,
        part: str,
        batch: tuple[Any, ...],
        values: Mapping[str, Array] | None = None,
        *,
        rng_seed: int = 0,
        size: int | None = None,
        double: bool = False,
        fresh: bool = False,
    ) -> Recorded:
        """Run the model or the guide once."""
        ...

    def may_mix_rows(self, latents: Iterable[Site], rows: int) -> bool:
        """Whether a latent of one row may change the model's density of another, at a glance.

        Args:
            latents: the model's.
            rows: how many rows there are.
        """
        ...

    def anew(self) -> Probe:
        """A probe that has run nothing."""
        ...

    def tempering(self) -> Tempering:
        """What moves by the kernel of the copy that is run here."""
        ...

    def structure(self) -> Structure:
        """Sites and plates of model and guide, as objectives see them."""
        ...

    def log_weights(
        self, num_particles: int, sets: int, check: Callable[[Structure], None]
    ) -> tuple[Array, Array]:
        """log w per datum of S single draws, (S, N), and of S sets of K, (S, K, N)."""
        ...

    def entry_densities(
        self, site: str, batch: tuple[Any, ...], values: Mapping[str, Array], inputs: Array
    ) -> list[tuple[Array, Array, Array]]:
        """Log densities of the entries of a sequential site's data, each given other inputs.

        Args:
            site: its name.
            batch: what the model is called with.
            values: latents at values.
            inputs: (C, N, *event).

        Returns:
            For each law that the site's is a mean of, or for itself: the ranks of the entries,
            their densities, (C, N, *entries), and the law's own density of the data, (N,).
        """
        ...

    def log_evidence(self) -> Array:
        """The pair's own closed form of log p(x), (N,)."""
        ...

    def obstacle(self, structure: Structure) -> Obstacle | None:
        """Why particles go through the pair one by one, if they do."""
        ...

    @property
    def parameters(self) -> dict[str, Parameter]:
        """The parameters that the runs so far have asked for, by public name."""
        ...

    def unregistered(self, latents: Collection[str]) -> list[str]:
        """Networks that the pair holds, and of which no parameter was asked for.

        Args:
            latents: the model's, which may be weights of a network.
        """
        ...

    def frozen(self) -> list[str]:
        """Parameters of its networks that are set to stay as they are."""
        ...

    def without_gradients(self, part: str) -> set[str]:
        """Parameters that a part of the pair uses only where gradients are switched off."""
        ...

    def children_left_out(self, unused: Collection[str]) -> set[str]:
        """Those of some unused parameters that came with an object which is registered whole.

        The pair's functions are methods of it, and use nothing of the parts that these belong to.
        """
        ...

    def networks_used(self, names: Collection[str]) -> tuple[set[str], set[str]]:
        """Of networks that the pair holds those that it uses with gradients, and without."""
        ...

    def slopes(
        self,
        which: str,
        values: Mapping[str, Array],
        along: Collection[str],
        *,
        rng_seed: int = 0,
        shift: float = 0.1,
        double: bool = True,
    ) -> Slopes:
        """Gradient of a log density by all parameters, near their present values."""
        ...
