"""What an objective is: one scalar over a program, usable as `loss=` in both engines' SVI."""

from __future__ import annotations

import copy
import inspect
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Self

from inference.engines import engine_name, load_engine
from inference.errors import ObjectiveError

if TYPE_CHECKING:
    from inference.program.program import Program
    from inference.program.structure import Structure


class Objective(ABC):
    """A way of learning, written once for both engines.

    A subclass states its bound over a program's weighted draws (`surrogate`) and what it needs of
    a pair (`check`). The rest makes it a loss of both engines:

        pyro.infer.SVI(pair.model, pair.guide, optim, loss=IWAE(num_particles=5))
        numpyro.infer.SVI(pair.model, pair.guide, optim, loss=IWAE(num_particles=5))

    Every argument of the constructor is kept as an attribute of the same name.
    """

    can_infer_discrete: ClassVar[bool] = True  # read by numpyro.infer.SVI; check() is exact
    multi_sample_guide: ClassVar[bool] = False  # read by numpyro.infer.SVI
    nests: ClassVar[bool] = False  # whether data are weighed given one draw of global latents
    unit: str = "nats per datum"  # of the value; anything else is no bound on a likelihood
    owns: bool = False  # whether the objective has parameters or state of its own
    phase: str | None = None  # whose turn it is; None: everybody's
    critic_learning_rate: float | None = None  # of what the objective owns, where there are phases
    clip: float | None = None  # largest absolute value of an own parameter, likewise

    @abstractmethod
    def surrogate(self, program: Program) -> Any:
        """The scalar to maximise, in nats summed over the data.

        Its value is the bound that the objective reports; its gradient is the estimator's.
        Terms that have a gradient alone are zero in value.
        """

    @abstractmethod
    def check(self, structure: Structure) -> None:
        """Refuse a pair that the objective is not valid for.

        Raises:
            ObjectiveError: naming the site and what would work.
        """

    def bound(self, program: Program) -> Any:
        """The bound to report in evaluation, in nats summed over the data: the surrogate's."""
        return self.surrogate(program)

    @property
    def uses_guide(self) -> bool:
        """Whether the guide is trained, and so has to match the model."""
        return True

    @property
    def phases(self) -> tuple[str, ...]:
        """Whose turn a step is, over and over; none: everybody's, always."""
        return ()

    @property
    def networks(self) -> dict[str, Any]:
        """The engine's networks that the objective trains, by the attribute that holds them."""
        return {}

    def during(self, phase: str | None) -> Self:
        """The objective for one phase's steps."""
        twin = copy.copy(self)
        twin.phase = phase
        return twin

    def symptom(self, carried: Mapping[str, Any]) -> str:
        """What was wrong in a step whose loss is not finite, from the objective's state."""
        del carried
        return ""

    def arguments(self) -> dict[str, Any]:
        """The constructor's arguments by name."""
        return {name: getattr(self, name) for name in inspect.signature(type(self)).parameters}

    def summed(self, structure: Structure) -> set[str]:
        """Latents of the model that need no site in the guide, because they are summed over."""
        del structure
        return set()

    def draws_per_datum(self, structure: Structure) -> int:
        """How many values of the latents are held at a time, which is what memory grows with."""
        del structure
        return getattr(self, "num_outer", 1) * getattr(self, "num_particles", 1)

    def check_draws(self, seen: Structure) -> None:
        """`check`, and that all draws of a datum have the same sites.

        Raises:
            ObjectiveError: naming the site.
        """
        self.check(seen)
        seen.check_same_in_all_draws(self.draws_per_datum(seen))

    def seen(self, structure: Structure) -> Structure:
        """The structure as the objective looks at it: which latents its weights are of."""
        return structure.nested if self.nests else structure

    def require(self, structure: Structure) -> Structure:
        """Refuse a pair whose model and guide do not match, or that `check` refuses.

        Returns:
            The structure as the objective looks at it.

        Raises:
            PairError: naming the sites that do not match.
            ObjectiveError: naming the site, and the objectives that would work.
        """
        seen = self.seen(structure)
        if self.uses_guide:
            structure.check_match(summed=self.summed(seen))
        try:
            self.check_draws(seen)
        except ObjectiveError as error:
            from inference.objectives.validity import valid_for

            names = ", ".join(valid_for(structure).valid) or "none"
            raise ObjectiveError(f"{error} Objectives that fit this pair: {names}.") from None
        return seen

    def attach(self, model: Any, guide: Any) -> tuple[Any, Any]:
        """Model and guide for `numpyro.infer.SVI`, which has to be told what an objective owns.

            SVI(*objective.attach(pair.model, pair.guide), optim, loss=objective)

        Only objectives with parameters or state of their own need it, such as `NVIL`; for others,
        and in `pyro.infer.SVI`, it changes nothing.
        """
        if not self.owns:
            return model, guide
        engine = load_engine(engine_name((model, guide)))
        return model, engine.attach(self, model, guide)

    def __call__(self, model: Any, guide: Any, *args: Any, **kwargs: Any) -> Any:
        """The negative surrogate as a torch scalar: the protocol of `pyro.infer.SVI`."""
        return load_engine("pyro").loss(self, model, guide, *args, **kwargs)

    def loss(
        self, rng_key: Any, param_map: Any, model: Any, guide: Any, *args: Any, **kwargs: Any
    ) -> Any:
        """The negative surrogate as a jax scalar: the protocol of `numpyro.infer.SVI`."""
        state = self.loss_with_mutable_state(rng_key, param_map, model, guide, *args, **kwargs)
        return state["loss"]

    def loss_with_mutable_state(
        self, rng_key: Any, param_map: Any, model: Any, guide: Any, *args: Any, **kwargs: Any
    ) -> dict[str, Any]:
        """As `loss`, with the state that networks such as batch normalisation carry along."""
        return load_engine("numpyro").loss(self, rng_key, param_map, model, guide, *args, **kwargs)

    def __repr__(self) -> str:
        usual = inspect.signature(type(self)).parameters
        given = {n: in_words(v) for n, v in self.arguments().items()}
        words = [f"{n}={v!r}" for n, v in given.items() if v != usual[n].default]
        return f"{type(self).__name__}({', '.join(words)})"


def normalised_weights(program: Program, log_w: Any) -> Any:
    """Self-normalised weights of K draws per datum, (K, N); without a gradient.

    They are zero, all of them, where no draw has any.
    """
    log_w = program.stop(log_w)
    mean = program.logmeanexp(log_w)
    return program.ops.exp(log_w - program.ops.where(mean == -math.inf, 0.0, mean)) / len(log_w)


def weighed(program: Program, weights: Any, values: Any) -> Any:
    """weights * values, zero where the weight is, though the value be -inf."""
    return weights * program.ops.where(weights == 0, 0.0, values)


def gradient_only(program: Program, term: Any) -> Any:
    """A term with its gradient, and zero in value; where it is infinite, without either."""
    term = program.ops.where(abs(program.stop(term)) == math.inf, 0.0, term)
    return term - program.stop(term)


def possible(program: Program, signal: Any) -> Any:
    """A signal, zero where it is not finite: the bound says so, and no gradient can."""
    return program.ops.where(abs(signal) < math.inf, signal, 0.0)


def in_words(setting: Any) -> Any:
    """A setting as it is; of a network of either engine its class, with what it was built of."""
    if setting is None or isinstance(setting, (bool, int, float, str, tuple)):
        return setting
    built_of = getattr(setting, "hyperparameters", None)
    return f"{type(setting).__name__}({built_of or ''})"
