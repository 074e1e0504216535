"""What an engine's trainer is given and what it offers to the training loop."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol

from numpy.typing import NDArray

from inference.program.batches import Batch, Form, plain_form
from inference.program.phases import OWN, PAIR, Phase, Side, side
from inference.program.structure import Structure


@dataclass(frozen=True)
class Settings:
    """The engine's share of `fit`'s arguments.

    Attributes:
        seed: seed of initialisation, batch order, binarisation and draws.
        arrays: the training arrays, each with N rows; empty when batches come from an iterable.
        valid: the validation arrays; empty when there are none.
        form: how the training arrays make up what model and guide take; None if they are that.
        valid_form: the same for the validation arrays.
        batch_size: rows of a minibatch.
        binarise: whether real arrays hold probabilities to be drawn afresh in each step.
        optimiser: the engine's optimiser, or None for Adam.
        learning_rate: step size, or None for the optimiser's own.
        schedule: a factor on the learning rate, by name or as a function of the step.
        total_steps: the last step, if it is known.
        clip_norm: largest global norm of the gradient of the minibatch's loss, or None.
        device: name of the device.
        average_decay: of running averages of the pair's values, or None for none.
        apart: whether each training array has rows of its own, in an order of its own.
        judge: the objective whose bound is reported on the validation arrays, or None for the one
            that is trained under.
    """

    seed: int
    arrays: tuple[NDArray[Any], ...] = ()
    valid: tuple[NDArray[Any], ...] = ()
    batch_size: int = 100
    binarise: bool = False
    optimiser: Any = None
    learning_rate: float | None = None
    schedule: Any = None
    total_steps: int | None = None
    clip_norm: float | None = None
    device: str | None = None
    judge: Any = None
    average_decay: float | None = None
    apart: bool = False
    form: Form | None = None
    valid_form: Form | None = None
    steps_per_epoch: int = field(init=False)

    def __post_init__(self) -> None:
        steps = max(1, len(self.arrays[0]) // self.batch_size) if self.arrays else 1
        object.__setattr__(self, "steps_per_epoch", steps)

    def called_with(self, arrays: tuple[Any, ...]) -> Batch:
        """What model and guide are called with on some rows of the training arrays."""
        return Batch(arrays, self.form or plain_form(len(arrays)))

    @property
    def full_batch(self) -> bool:
        """Whether a batch is all rows; they keep their order then.

        A guide may have parameters for each row, by position.
        """
        whole = bool(self.arrays) and self.batch_size == len(self.arrays[0])
        return whole and not self.apart

    def sides(self, phases: Sequence[Phase]) -> tuple[Side, Side]:
        """How what the objective owns and how the pair learns, in a cycle of phases."""
        own, pair = (
            side(phases, whose, self.learning_rate, self.total_steps) for whose in (OWN, PAIR)
        )
        return own, pair


class Trainer(Protocol):
    """Gradient steps of one objective on one pair; every method but `running` is used inside it."""

    def running(self) -> AbstractContextManager[None]:
        """Hold what the steps need of the framework's global state; put it back afterwards."""
        ...

    def inspect(self, batch: Batch | tuple[Any, ...]) -> Structure:
        """Sites and plates on one batch; `argument` of a site counts the batch's arrays."""
        ...

    def start(self, batch: Batch | tuple[Any, ...]) -> None:
        """Initialise parameters and optimiser from one batch."""
        ...

    def run(self, start: int, stop: int) -> NDArray[Any]:
        """Take steps `start` to `stop`; the losses, cut after the first that is not finite."""
        ...

    def run_batch(self, batch: Batch, step: int) -> float:
        """Take one step on a batch that the caller brought; its loss."""
        ...

    def data_scale(self, batch: Batch) -> float:
        """How many data a row of this batch stands for; see `Structure.data_scale`."""
        ...

    def evaluate(self, rows: int) -> float:
        """The judge's bound summed over the validation set, `rows` data at a time.

        Each part is divided by what its rows stand for (`data_scale`), so that it does not matter
        how many rows a part has, nor how many the training data have.
        """
        ...

    def symptom(self) -> str:
        """What was wrong in a step whose loss is not finite, as far as the objective can tell."""
        ...

    def fitted(self, values: dict[str, NDArray[Any]]) -> Any:
        """The trained pair, with values that `values()` gave; the last call."""
        ...

    def values(self) -> dict[str, NDArray[Any]]:
        """The trained values under names from which the engine's `rebuild` restores the pair.

        They are the running averages where these are kept; what the steps go on from is in `state`.
        What the objective owns is among them, under names that `is_owned` tells.
        """
        ...

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that the next step depends on."""
        ...

    def restore(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Continue from a state."""
        ...
