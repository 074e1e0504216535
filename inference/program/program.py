"""What an engine offers to objectives: the same names on both engines."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from numpy.typing import NDArray

from inference.errors import ObjectiveError
from inference.program.draws import Draws
from inference.program.energies import OfEnergies
from inference.program.network import Network
from inference.program.sequential import SequentialSite
from inference.program.sites import Site
from inference.program.structure import Structure

OWNED = "objective."  # how the names of what an objective owns begin, among parameter sites
OWNED_STATE = "objective.state."
DRAWS = ("mean", "sample", "relaxed", "straight-through", "score")
"""How data are drawn that are learnt from: the likelihood's mean; its draw, if that is
reparameterised; a Concrete draw; a discrete draw with a Concrete draw's gradient (with that of its
mean given the entries before, where it is drawn entry by entry); or a draw with its score."""
RELAXED_AT = 0.5  # temperature of the last two
_SMALLEST = 1e-6  # of a model's weight relative to the guide's: below the resolution of float32


@dataclass(frozen=True)
class Relaxation:
    """How discrete draws are relaxed.

    Attributes:
        temperature: of the Concrete distribution.
        hard: whether the value is discrete and only the gradient that of the relaxed draw.
    """

    temperature: Any
    hard: bool = False


@dataclass(frozen=True)
class Generated:
    """Data that the model has made of noise.

    Attributes:
        x: one row per datum, in the shape of the data: (size, *row).
        latents: the noise, and whatever else was drawn on the way, by site: (size, *event).
        given: what the model was given besides, such as labels, `size` rows each.
        log_p: log probability of what carries no gradient of its own, x and discrete latents, of
            each row, (size,), with a gradient; for `draw="score"` alone.
    """

    x: Any
    latents: Mapping[str, Any]
    given: tuple[Any, ...] = ()
    log_p: Any = None


class Program(OfEnergies, Protocol):
    """A model, a guide and a batch, ready to be drawn from.

    Several draws of one program share the rows of a plate that is subsampled inside of the pair.
    """

    ops: Any  # elementwise functions of the engine: exp, log, where, tanh, sigmoid, softplus ...

    @property
    def structure(self) -> Structure:
        """The sites and plates."""
        ...

    @property
    def observed(self) -> Any:
        """What the model observes, one row per datum, shape (N, D); known after a draw."""
        ...

    @property
    def data(self) -> tuple[Any, ...]:
        """The batch: x, and what the pair is given besides."""
        ...

    def at(self, *batch: Any) -> Program:
        """The same pair and parameters on another batch, to be drawn from by itself.

        Gradients go to the parameters, which are the same, and to the batch: so the data can be
        compared with what the model has drawn (contrastive divergence), and a chain or a cycle goes
        on from what was drawn. Rows of plates that are subsampled inside of the pair, and latents
        that all data share, are drawn anew. What the objective owns is the same.

        Args:
            batch: what model and guide take by position. By name they take what they do here.
        """
        ...

    def draw(
        self,
        num_particles: int,
        *,
        divergences: bool = False,
        detach: bool = False,
        values: Mapping[str, Any] | None = None,
        relax: Relaxation | None = None,
    ) -> Draws:
        """Draw K times from the guide and score the draws under both, in one pass.

        Args:
            num_particles: K.
            divergences: whether to work out KL(q || p) where it is valid and known.
            detach: whether the draws carry no gradient, so that log p has the model's gradient
                alone and log q the guide's.
            values: values for some sites in place of draws, each (K, *batch, *event).
            relax: how to draw the discrete sites that have no value. Their log densities are
                extended linearly to values in between.
        """
        ...

    def weighted(
        self,
        num_particles: int,
        weigh: Callable[[Any], tuple[Any, Any]],
        *,
        through_draws_only: bool,
        exact: bool = False,
    ) -> tuple[Any, Any]:
        """log w of K draws, without gradient, and a term with weighted gradients; both (K, N).

        The term has the value zero. Its gradient is a_k grad log p(x, z_k) for the model and
        b_k grad log w(z_k) for the guide, where (a, b) = weigh(log w). With `through_draws_only`
        the guide's part is taken through the draws alone, as if log q had no parameters.

        A draw that a mask leaves out is none of the weights': its law is a part of what they are
        weights of, and its parameters have the gradient of the model's. What counted draws before
        it change by it is then weighed by a, too, and not by b. Where that matters, `exact` takes
        a_k grad log w(z_k) of such data, with that of log q.
        """
        ...

    def dream(self) -> Any:
        """log q(z | x) of one draw (z, x) from the model for each datum, shape (N,).

        The draw carries no gradient.
        """
        ...

    def generate(
        self, size: int, *, draw: str = "mean", values: Mapping[str, Any] | None = None
    ) -> Generated:
        """`size` rows of data from the model, with a gradient to its parameters.

        What the model is given besides x is taken from the batch, from its beginning again where
        it has fewer rows.

        Args:
            size: how many.
            draw: one of `DRAWS`.
            values: values for some latents in place of draws, each (size, *event).
        """
        ...

    def sequential(self) -> SequentialSite:
        """The law of the site that observes the data and is drawn entry by entry."""
        ...

    def propose(self) -> Mapping[str, Any]:
        """One draw of the guide's for each datum, by site: (N, *event)."""
        ...

    def input_gradient(self, function: Callable[[Any], Any], at: Any) -> Any:
        """Gradient of the sum of a function's values by its argument; with a gradient itself."""
        ...

    def network(self, name: str, module: Any, *, trained: bool = True) -> Network:
        """A network of the engine (torch.nn, flax.nnx) as something that the objective owns.

        Args:
            name: what the objective calls it.
            module: the network.
            trained: whether it is one of the objective's parameters, or stays as it is.
        """
        ...

    def slope(
        self, value: Any, site: str, *, values: Mapping[str, Any], relax: Relaxation
    ) -> tuple[Any, Any]:
        """log w with a relaxed value at one site, (K, N), and its derivative by that value.

        Sites in `values` are held, all others drawn, discrete ones relaxed. Neither result carries
        a gradient.
        """
        ...

    def parameter(self, name: str, initial: NDArray[Any]) -> Any:
        """An array that the objective owns and the optimiser trains."""
        ...

    def state(self, name: str, initial: Any) -> Any:
        """A number or array that the objective carries from one training step to the next."""
        ...

    def keep(self, name: str, value: Any) -> None:
        """Set it for the next training step; evaluation leaves it as it is."""
        ...

    def uniform(self, like: Any) -> Any:
        """Uniform noise in the shape of an array, inside of (0, 1)."""
        ...

    def normal(self, like: Any) -> Any:
        """Standard normal noise in the shape of an array."""
        ...

    def choose(self, number: Any, branches: Sequence[Callable[[], Any]]) -> Any:
        """What one of several functions returns, arrays of one shape; the others do not run.

        They may draw: what is drawn first comes before, outside of them.

        Args:
            number: which, a whole number that may be drawn at each step.
            branches: functions without arguments.
        """
        ...

    def stop(self, value: Any) -> Any:
        """The value without its gradient."""
        ...

    def total(self, per_datum: Any) -> Any:
        """Sum (N,) over the data, times what scales a datum.

        That is the one scale of all its sites (of plates, of handlers, of rows), or, where sites
        differ, the scale of subsampled shared plates. Where latents lie outside of the weights,
        log p - log q of their one draw is added.
        """
        ...

    def logmeanexp(self, values: Any) -> Any:
        """log of the mean of exp over the first axis: (K, N) to (N,)."""
        ...

    def score(self, signal: Any, log_q_scored: Any | None) -> Any:
        """A score-function term: zero in value, signal * grad log q in gradient; (K, N).

        For one signal of a draw and datum, with `Draws.log_q_scored`; it is zero where every draw
        is reparameterised (None). `inference.objectives._score` has signals of a site each.
        """
        ...

    def diagonal(self, values: Any) -> Any:
        """A (K, K, N) array with (K, N) values on its diagonal and zeros elsewhere."""
        ...


def is_owned(name: str) -> bool:
    """Whether an array belongs to the objective, by its name among a run's values."""
    return name.startswith((OWNED, f'["{OWNED}'))  # NumPyro's names are lists of keys, as JSON


def split_weights(model_weight: Any, guide_weight: Any, ops: Any) -> tuple[Any, Any]:
    """A weight c for the whole term, and the factor on the draws' gradient that makes it b.

    c is the model's weight a, but at least a millionth of b, so that b / c is finite and c times a
    gradient does not vanish in float32.
    """
    least = _SMALLEST * guide_weight
    whole = ops.where(model_weight > least, model_weight, least)
    safe = ops.where(whole > 0, whole, 1.0)
    return whole, ops.where(whole > 0, guide_weight / safe, 0.0)


class OtherSitesError(ObjectiveError):
    """A draw has other sites than were looked at, or other scales."""


def check_same_sites(kind: str, found: Iterable[str], known: Mapping[str, Site]) -> None:
    """Refuse a draw that has other sites than the first, which is what was looked at.

    Args:
        kind: model or guide, for the error.
        found: names of the draw's sites.
        known: the sites of the first draw.

    Raises:
        OtherSitesError: naming the sites that differ.
    """
    names = set(found)
    if names == set(known):
        return
    differ = ", ".join(repr(name) for name in sorted(names ^ set(known)))
    raise OtherSitesError(
        f"the {kind} draws other sites from one draw to the next: {differ} is not in all of them. "
        "Gradients and weights are worked out site by site, so draw every site each time: choose "
        "between values with where(), or give the choice to a mask or a mixture."
    )
