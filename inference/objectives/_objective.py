"""What an objective is: one scalar over a program, usable as `loss=` in both engines' SVI."""

from __future__ import annotations

import copy
import inspect
import math
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray

from inference.engines import engine_name, load_engine
from inference.errors import ObjectiveError, PairError
from inference.objectives._beside import check_finite
from inference.objectives.estimates import Estimates
from inference.objectives.registry import what_fits
from inference.objectives.requirements import Requirement
from inference.objectives.rows_apart import check_rows_apart
from inference.objectives.spelling import unusual
from inference.program.batches import leading
from inference.program.phases import Phase
from inference.program.structure import NothingDrawnError
from inference.program.surrogate import Surrogate, nothing_to_learn

if TYPE_CHECKING:
    from inference.program.program import Program
    from inference.program.structure import Structure


class Objective(Surrogate):
    """A way of learning, written once for both engines.

    A subclass states its bound over a program's weighted draws (`surrogate`) and what it needs of
    a pair (`needs`). The rest makes it a loss of both engines:

        pyro.infer.SVI(pair.model, pair.guide, optim, loss=IWAE(num_particles=5))
        numpyro.infer.SVI(pair.model, pair.guide, optim, loss=IWAE(num_particles=5))

    Every argument of the constructor is kept as an attribute of the same name.

    Attributes:
        needs: what is asked of a pair, in the order in which it is looked at: see
            `inference.objectives.requirements`.
        estimates: what the gradient is in expectation: see `inference.objectives.estimates`; None
            where that is stated by no bound.
        usual: the settings of an example, where the constructor does not know them itself.
        certified: by variant the settings under which the certificate measures it, besides K.
        least_particles: the smallest K.
        constant_cancels: whether, learning by the score of draws, it needs log p only up to a
            constant that all draws share.
        nests: whether data are weighed given one draw of global latents.
        scores_rows: whether draws without a pathwise gradient are scored by what their rows cost.
        unit: of the value; anything else than the usual one is no bound on a likelihood.
        keeps: how many arrays at the end of a batch are the objective's, and not given to the pair.
        beside: what they are, in words.
        relaxes: where it takes slopes of log p by relaxed draws: only `"inside"` of the way between
            their values, `"everywhere"`, or not at all.
        owns: whether the objective has parameters or state of its own.
        turn: the name of the phase that it is made for; None: everybody learns.
        among_others: whether a batch may draw nothing of what it is for, such as a batch whose
            labels are known, because an earlier batch of the run does.
    """

    needs: ClassVar[tuple[Requirement, ...]]
    estimates: Estimates | None = None
    usual: ClassVar[Mapping[str, Any]] = {}
    certified: ClassVar[Mapping[str, Mapping[str, Any]]] = {"": {}}
    least_particles: ClassVar[int] = 1

    can_infer_discrete: ClassVar[bool] = True  # read by numpyro.infer.SVI; check() is exact
    multi_sample_guide: ClassVar[bool] = False  # read by numpyro.infer.SVI
    constant_cancels: ClassVar[bool] = False
    nests: ClassVar[bool] = False
    scores_rows: ClassVar[bool] = True
    relaxes: ClassVar[Literal["", "inside", "everywhere"]] = ""
    unit: str = "nats per datum"
    owns: bool = False
    beside: ClassVar[str] = ""
    turn: str | None = None
    among_others: bool = False

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if not hasattr(cls, "needs") and cls.check is Objective.check:
            raise TypeError(
                f"class {cls.__name__} does not say which pairs it fits; give it needs = (...) of "
                "inference.objectives.requirements, for example (OBSERVED, LOCAL, REPARAMETERISED, "
                "WEIGHTS) where weights of several draws are differentiated through the draws."
            )

    @abstractmethod
    def surrogate(self, program: Program) -> Any:
        """The scalar to maximise, in nats summed over the data.

        Its value is the bound that the objective reports, its gradient the estimator's. Terms that
        have a gradient alone are zero in value.
        """

    def check(self, structure: Structure) -> None:
        """Refuse a pair that does not fulfil what the objective needs.

        Raises:
            ObjectiveError: naming the site and what would work.
        """
        for requirement in self.needs:
            try:
                requirement.check(self, structure)
            except NothingDrawnError:
                if not self.among_others:
                    raise

    def check_beside(self, array: NDArray[Any], name: str = "data") -> None:
        """Refuse an array of the objective's own that it would learn something wrong from.

        Args:
            array: the last of the data, which the pair is not given: see `keeps`.
            name: what to call the data in a message.

        Raises:
            DataError: saying what was expected, and in which row what came.
        """
        check_finite(array, name, self.beside or "what the objective looks at,")

    @classmethod
    def example(cls) -> Self:
        """One with usual settings."""
        return cls(**cls.usual)

    def bound(self, program: Program) -> Any:
        """The bound to report in evaluation, in nats summed over the data: the surrogate's."""
        return self.surrogate(program)

    @property
    def uses_guide(self) -> bool:
        """Whether the guide is trained, and so has to match the model."""
        return True

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Whose turn a step is, over and over; none: everybody's, always."""
        return ()

    @property
    def networks(self) -> dict[str, Any]:
        """The engine's networks that the objective trains, by the attribute that holds them."""
        return {}

    def during(self, phase: str | None) -> Self:
        """The objective for the steps of the phase of that name; for everybody's of None."""
        twin = copy.copy(self)
        twin.turn = phase
        return twin

    def for_later_batches(self) -> Self:
        """The objective for batches after the first, which may draw less than that one."""
        twin = copy.copy(self)
        twin.among_others = True
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
        """`check`, that there is something to learn, and all draws of a datum have the same sites.

        Raises:
            ObjectiveError: naming the site.
        """
        self.check(seen)
        if not self.uses_guide and getattr(self, "draw", "") in seen.still:
            raise nothing_to_learn(self)
        seen.check_same_in_all_draws(self.draws_per_datum(seen))
        check_rows_apart(self, seen)

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
            raise ObjectiveError(f"{error} {what_fits(structure)}") from None
        return seen

    def refusal(self, structure: Structure) -> str | None:
        """Why `require` would refuse a pair; None if it would not."""
        seen = self.seen(structure)
        try:
            if self.uses_guide:
                structure.check_match(summed=self.summed(seen))
            self.check_draws(seen)
        except (ObjectiveError, PairError) as error:
            return str(error)
        return None

    def ask_of_values(self, engine: str, pair: Any, rows: Any, structure: Structure) -> None:
        """Refuse what only values tell: see `inference.objectives.values_asked`."""
        from inference.objectives.values_asked import ask_of_values  # which has objectives

        ask_of_values(self, engine, pair, rows, structure)

    def perturbation(
        self, latents: Sequence[str], random: np.random.Generator
    ) -> dict[str, NDArray[Any]]:
        """Values of what it owns, away from where it starts: a zero baseline would hide nothing."""
        del latents, random
        return {}

    def attach(self, model: Any, guide: Any) -> tuple[Any, Any]:
        """Model and guide for `numpyro.infer.SVI`, which has to be told what an objective owns.

            SVI(*objective.attach(pair.model, pair.guide), optim, loss=objective)

        Only objectives with parameters or state of their own need it, such as `NVIL`; for others,
        and in `pyro.infer.SVI`, it changes nothing.
        """
        model = leading(model, self.keeps)
        if not self.owns:
            return model, leading(guide, self.keeps)
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
        words = [f"{name}={value!r}" for name, value in unusual(self).items()]
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
