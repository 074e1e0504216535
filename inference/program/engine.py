"""What an engine is: the names that `load_engine` returns, the same on both engines.

Pairs, optimisers and data of users, and arrays of either framework, are `Any`; all else is named.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from inference.program.batches import Form
from inference.program.chains import Chains
from inference.program.completion import Completed
from inference.program.draws import Draws
from inference.program.instruments import Annealer, FittedPair, FreedGuide, Probe, Rows, Tempering
from inference.program.moments import GradientMoments
from inference.program.posterior_scores import GuideDraws, ScoredDraws
from inference.program.structure import Structure
from inference.program.trainer import Settings, Trainer

Named = dict[str, NDArray[Any]]


class Engine(Protocol):
    """Pyro or NumPyro, as others know it; arguments are explained at the functions themselves."""

    # How the libraries' own SVI calls its losses, which is not the same.
    loss: Callable[..., Any]

    def attach(
        self, objective: Any, model: Callable[..., Any], guide: Callable[..., Any]
    ) -> Callable[..., Any]:
        """The guide, as the library's own SVI finds what the objective owns."""
        ...

    def Trainer(self, pair: Any, objective: Any, settings: Settings) -> Trainer:  # noqa: N802
        """Gradient steps of one objective on one pair."""
        ...

    def device_name(self, name: str | None) -> str:
        """What a device is called, such as "NVIDIA H200"; empty for the CPU."""
        ...

    # pairs and their parameters

    def on_arrays(self, pair: Any, form: Form, rows: Rows = ()) -> Any:
        """The pair on a batch's arrays alone; looks at it on `rows` leave no trace in functions."""
        ...

    def precision(self, pair: Any) -> type[np.floating[Any]]:
        """The type of real numbers that a pair computes in."""
        ...

    def parameters(self, pair: Any) -> Named:
        """Every parameter by its public name, in the space that the model sees."""
        ...

    def params(self, pair: Any) -> dict[str, Any]:
        """The parameters as the library keeps them."""
        ...

    def rebuild(
        self, pair: Any, values: Mapping[str, NDArray[Any]], batch: Rows, form: Form | None = None
    ) -> FittedPair:
        """The fitted pair from the values that its trainer gave."""
        ...

    def snapshot(self, pair: Any, batch: Rows, seed: int) -> FittedPair:
        """The pair at its present parameters, which nothing that is done with it changes."""
        ...

    # looks at a pair

    def inspect(
        self,
        model: Callable[..., Any],
        guide: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: Mapping[str, Any],
    ) -> Structure:
        """Sites and plates of model and guide, on the engine's own arrays."""
        ...

    def structure(self, pair: Any, batch: Rows) -> Structure:
        """Sites and plates of a pair on one batch."""
        ...

    def Probe(self, pair: Any, batch: tuple[Any, ...]) -> Probe:  # noqa: N802
        """Runs of the pair that leave a record."""
        ...

    # densities and draws

    def log_weights(
        self, pair: Any, check: Callable[..., None], batch: Rows, rng_seed: int
    ) -> Callable[..., tuple[NDArray[Any], NDArray[Any]]]:
        """A function (rows, K, (chunk, set)) to log sums of K weights, and of squares, (N,)."""
        ...

    def site_densities(
        self,
        pair: Any,
        check: Callable[..., None],
        batch: Rows,
        rng_seed: int,
        *,
        divergences: bool = False,
    ) -> Callable[..., Draws]:
        """A function (rows, K, (chunk, set)) to log p and log q of K draws per datum, by site."""
        ...

    def guide_log_probs(self, pair: Any, batch: Rows, site: str) -> NDArray[Any]:
        """The guide's log probability of each value of a categorical latent, (N, values)."""
        ...

    def critic_scores(
        self,
        pair: Any,
        objective: Any,
        owned: Mapping[str, NDArray[Any]],
        batch: Rows,
        asked: str = "scores",
    ) -> NDArray[Any]:
        """What an objective's method of a name says of each datum by the critic that it owns."""
        ...

    def log_evidence(self, pair: Any, *batch: NDArray[Any]) -> NDArray[Any]:
        """The pair's own closed form of log p(x), (N,)."""
        ...

    def draw(
        self, pair: Any, size: int, rng_seed: int, *given: NDArray[Any]
    ) -> tuple[NDArray[Any] | None, NDArray[Any]]:
        """`size` rows from the model: the likelihood's means and the draws of the data."""
        ...

    def complete(
        self,
        pair: Any,
        batch: Rows,
        held: NDArray[np.bool_],
        temperature: float,
        num_particles: int,
        rng_seed: int,
    ) -> Completed:
        """K draws of each row of a sequential site with some of its entries held."""
        ...

    def encode(self, pair: Any, *batch: NDArray[Any], rng_seed: int, num_draws: int) -> Named:
        """The guide's mean of each latent, a category's mode, or else the average of draws."""
        ...

    def ask(
        self, pair: Any, ability: str, *batch: NDArray[Any], rng_seed: int = 0
    ) -> NDArray[Any] | None:
        """What a distribution of the model makes of its value; None where none has that method."""
        ...

    def decode(
        self,
        pair: Any,
        latents: Mapping[str, NDArray[Any]],
        rng_seed: int = 0,
        *given: NDArray[Any],
        size: int,
    ) -> NDArray[Any]:
        """The likelihood's mean of `size` rows at latents, of which all rows may share some."""
        ...

    def guide_draws(
        self,
        pair: Any,
        check: Callable[[Structure], None],
        batch: Rows,
        num_draws: int,
        rng_seed: int,
    ) -> GuideDraws:
        """S draws of the latents of a whole batch from the guide."""
        ...

    def score_draws(
        self,
        pair: Any,
        batch: Rows,
        latents: Mapping[str, NDArray[Any]],
        num_draws: int,
        rng_seed: int,
    ) -> ScoredDraws:
        """What the model says about a batch at S values of its latents."""
        ...

    def prior_draws(
        self, pair: Any, batch: Rows, num_draws: int, rng_seed: int
    ) -> tuple[Named, Named]:
        """S draws of (latents, data) from the model, by site."""
        ...

    def complete_with_latents(
        self, pair: Any, batch: Rows, held: NDArray[np.bool_], steps: int, rng_seed: int
    ) -> NDArray[Any]:
        """Where chains of latents and data are after some steps in which the held entries stay.

        They begin at the data and the guide's draws. Where the prior of the only latent has a
        kernel that draws the data as well, `transition_given(value, x, held, key)`, a step is one
        of its; elsewhere it draws each entry of the latents in turn, and then the missing data.
        """
        ...

    # Markov chains, and guides of a datum's own

    def nuts(
        self,
        pair: Any,
        check: Callable[[Structure], None],
        batch: Rows,
        *,
        num_warmup: int,
        num_samples: int,
        num_chains: int,
        target_accept: float,
        rng_seed: int,
    ) -> Chains:
        """Chains of the no-U-turn sampler over the latents of a model; NumPyro's alone."""
        ...

    def gibbs(
        self,
        pair: Any,
        check: Callable[[Structure], None],
        batch: Rows,
        *,
        num_warmup: int,
        num_samples: int,
        num_chains: int,
        rng_seed: int,
    ) -> Chains:
        """Chains of single-entry Gibbs sweeps over the discrete latents of a model."""
        ...

    def Annealer(  # noqa: N802
        self, pair: Any, batch: Rows, *, leapfrog_steps: int, noise_scale: float | None
    ) -> Annealer:
        """Moves of a model's latents from its prior to its posterior."""
        ...

    def Tempering(self, pair: Any) -> Tempering:  # noqa: N802
        """Chains of a density that is known up to a constant, at all temperatures."""
        ...

    def simulate(
        self, pair: Any, size: int, rng_seed: int, noise_scale: float | None, *given: NDArray[Any]
    ) -> tuple[NDArray[Any], Named]:
        """`size` rows of data from the model, and the values of all other sites in that draw."""
        ...

    def FreedGuide(  # noqa: N802
        self, pair: Any, check: Callable[[Structure], None], batch: Rows
    ) -> FreedGuide:
        """Distributions of the guide's families with parameters for each datum."""
        ...

    # gradients

    def gradients(
        self,
        pair: Any,
        objective: Any,
        batch: Rows,
        repeats: int,
        *,
        values: Mapping[str, NDArray[Any]] | None = None,
        seed: int = 0,
    ) -> tuple[dict[str, NDArray[np.float64]], NDArray[np.float64]]:
        """Gradients of the objective's loss by parameter, (repeats, ...) each, and its values."""
        ...

    def gradient_moments(
        self,
        pair: Any,
        objective: Any,
        batch: Rows,
        *,
        blocks: int,
        block_size: int,
        owned: Mapping[str, NDArray[Any]] | None = None,
        seed: int = 0,
    ) -> GradientMoments:
        """Moments of the gradients of the objective's loss, by parameter."""
        ...

    def means_learn(self, pair: Any, batch: Rows) -> bool:
        """Whether what the model returns, drawing data, changes with what is trained."""
        ...

    def parameter_groups(self, pair: Any, batch: Rows) -> dict[str, str]:
        """Whose each parameter is: `"model"`, `"guide"`, or `"shared"` by both."""
        ...
