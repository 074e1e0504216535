"""Sites and plates as a trace shows them, in words of no framework."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

DATA, LATENTS, PARAMETERS = "the data", "the latents", "the parameters"
"""What a factor statement's value may be computed from, in words for errors."""


@dataclass(frozen=True)
class Plate:
    """A conditional-independence plate as a trace shows it.

    Attributes:
        name: the plate's name.
        dim: the batch dimension that it occupies, negative, counted from the right.
        size: how many rows are inside, after subsampling.
        full_size: how many there would be without subsampling.
    """

    name: str
    dim: int
    size: int
    full_size: int


@dataclass(frozen=True)
class Site:
    """A sample statement.

    Attributes:
        name: the site's name.
        observed: whether its value is data.
        reparameterised: whether its draw carries a gradient to its parameters.
        event_shape: shape of one draw.
        batch_shape: shape of its independent draws, particles not counted.
        plates: the plates around it.
        auxiliary: whether a guide declares it as not belonging to the model.
        support: name of the distribution's support, such as `"boolean"` or `"real"`.
        inside: whether values lie in the support, entry by entry; None if that is not known.
        argument: position of the batch array that an observed site observes, if it is one.
        family: `"bernoulli"`, `"categorical"` (integers) or `"one-hot"` for draws with finitely
            many values, otherwise empty.
        cardinality: how many values one element of such a draw can take.
        training_only: whether an observed site steers training and is no part of the likelihood
            (a model says so with `infer={"training_only": True}`).
        scorable: whether the density of any value is known, not only of the site's own draw; it is
            not for a flow whose transform has no inverse.
        enumerated: whether the program marks it for enumeration (`infer={"enumerate": ...}`), so
            that a loss which sums over such sites needs no draw of it.
        scale: factor on its log density, from plates and handlers: a number, an array that
            broadcasts over the batch, or what is known of one that is being compiled.
        parents: the latents that its distribution depends on; None if that is not known, and it
            may be all that were drawn before it.
        value_shape: shape of the value that the site has, drawn or observed; None if not known.
        density_shape: shape of the log density of that value; None if not known.
        normalised: whether its density integrates to one over the values of the site. A class of
            distributions says that it does not with an attribute `normalised = False`.
        sequential: whether one entry of a draw is drawn given others of the same draw, so that the
            mean of such a law depends on its own draw (`sequential = True` on the class).
        conditional: whether its distribution has `conditionals(inputs)`, the law of every entry
            given those before it.
        one_order: whether that is one order, and not a mean over several.
        any_order: whether its distribution has `conditionals_given(inputs, held)`, the law of every
            entry given some others, whatever the order.
        hidden_states: whether its distribution has `features(inputs)`, the hidden states from which
            the conditionals are made.
        kernel: whether its distribution has `transition(value, key)`, a step of a Markov chain that
            leaves it invariant; it is drawn by that, and may be known up to a constant.
        full_conditionals: whether its distribution has `log_conditionals(value, columns)`, the log
            density of each entry given all others.
        predicts: whether its distribution has `predict(x, held, sweeps)`, log odds of the data's
            entries given those that are held.
        factor: of a `factor` statement what its value is computed from, among `DATA`, `LATENTS` and
            `PARAMETERS`; empty for a constant, which only weighs the rows; None at other sites.
        made_of: the same of an observed value that is no argument, where the prior of a latent is
            flat, which such a value may score; None if it is not known.
        discrete: whether its support says that its values are discrete.
        by_row: whether the support comes with the rows, such as totals of a Binomial, so that
            `inside` is about these rows only.
        totals_unknown: whether it cannot be drawn in a compiled step, which has to know how large
            totals can be: of a Multinomial of NumPyro's whose totals come with the rows.
        is_nan: whether the log density of some element is not a number, on data with missing
            values; it is not where the program masks them.
        point: whether it is a Delta, or says `point`: all its mass lies at one value, computed
            before.
        angle: whether its distribution is periodic, one of angles in [-pi, pi].
        stepwise: whether chances of a guide's discrete draw depend on other entries of it, or on
            draws after it, as in a scan that goes on with its draws.
        direct: what of a guide's point or factor is computed of parameters themselves, and not only
            of draws before it, among `"value"` and `"density"`: such a guide tells its parameters'
            part through draws from that through log q no longer apart.
        flat: why its density is one everywhere: `"improper"`, of a law that cannot be drawn from
            either, or `"masked"`, all of it; empty of other sites.
    """

    name: str
    observed: bool
    reparameterised: bool
    event_shape: tuple[int, ...]
    batch_shape: tuple[int, ...]
    plates: frozenset[Plate]
    auxiliary: bool = False
    support: str = ""
    inside: Callable[[NDArray[Any]], NDArray[np.bool_]] | None = None
    argument: int | None = None
    family: str = ""
    cardinality: int = 0
    training_only: bool = False
    scorable: bool = True
    enumerated: bool = False
    scale: Any = field(default=1.0, compare=False)
    parents: frozenset[str] | None = None
    value_shape: tuple[int, ...] | None = None
    density_shape: tuple[int, ...] | None = None
    normalised: bool = True
    sequential: bool = False
    conditional: bool = False
    one_order: bool = True
    any_order: bool = False
    hidden_states: bool = False
    kernel: bool = False
    full_conditionals: bool = False
    predicts: bool = False
    factor: tuple[str, ...] | None = None
    made_of: tuple[str, ...] | None = None
    discrete: bool = False
    by_row: bool = False
    totals_unknown: bool = False
    is_nan: bool = False
    point: bool = False
    angle: bool = False
    stepwise: bool = False
    direct: frozenset[str] = frozenset()
    flat: str = ""

    @property
    def whole_shape(self) -> tuple[int, ...]:
        """Batch and event shape in one, without ones on the left."""
        return without_ones(self.batch_shape + self.event_shape)


def without_ones(shape: tuple[int, ...]) -> tuple[int, ...]:
    """A shape without ones on the left, which broadcasting adds."""
    first = next((position for position, size in enumerate(shape) if size != 1), len(shape))
    return shape[first:]
