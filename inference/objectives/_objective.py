"""What an objective is: one scalar over a program, usable as `loss=` in both engines' SVI."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, ClassVar

from inference.engines import load_engine

if TYPE_CHECKING:
    from inference.engines.program import Program
    from inference.engines.structure import Structure


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

    @abstractmethod
    def surrogate(self, program: Program) -> Any:
        """The scalar to maximise, in nats summed over the data.

        Its value is the bound that the objective reports; its gradient is the estimator's.
        """

    @abstractmethod
    def check(self, structure: Structure) -> None:
        """Refuse a pair that the objective is not valid for.

        Raises:
            ObjectiveError: naming the site and what would work.
        """

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
        names = inspect.signature(type(self)).parameters
        return f"{type(self).__name__}({', '.join(f'{n}={getattr(self, n)!r}' for n in names)})"


def check_num_particles(count: int, name: str = "num_particles", *, least: int = 1) -> int:
    """Return `count` if it is a whole number of at least `least`.

    Raises:
        ValueError: if it is not; the message names the argument.
    """
    if isinstance(count, bool) or not isinstance(count, int) or count < least:
        raise ValueError(f"{name} must be a whole number of at least {least}, got {count!r}.")
    return count
