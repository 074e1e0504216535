"""Machines that were trained one upon the other's codes, made into one deep pair."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ppl_models._pair import Pair
from ppl_models._registry import create
from ppl_models.networks.arguments import as_numbers, check_choice, check_size
from ppl_models.networks.energies.centring import HIDDEN, Centre, shifts

KINDS = ("dbn", "dbm")
_NEXT_TO_NOTHING = 1e-3  # size of the weights of units that are to change nothing yet


class Machine(NamedTuple):
    """A restricted Boltzmann machine as it was trained.

    Attributes:
        hyperparameters: the constructor's arguments.
        weights: `weight`, `visible_bias` and `hidden_bias`.
    """

    hyperparameters: Mapping[str, Any]
    weights: Mapping[str, NDArray[Any]]

    @property
    def means(self) -> NDArray[np.float64] | None:
        """The mean of what it learnt, where it was told."""
        known = self.hyperparameters["data_mean"]
        return None if known is None else np.asarray(known, np.float64)

    def biases(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """Of visible and hidden units, in the energy that is not centred."""
        weight, told = self.weights["weight"], self.hyperparameters
        centre = Centre(self.means, subtracted=told["centred"])
        biases = self.weights["visible_bias"], self.weights["hidden_bias"]
        return centre.plain(weight, *biases, self.means)

    def upward(self) -> tuple[NDArray[Any], NDArray[Any]]:
        """W and c of the hidden units' log odds given the visible ones, W' v + c."""
        weight, told = self.weights["weight"], self.hyperparameters
        if told["visible"] == "gaussian-variance":
            weight = np.exp(-2 * self.weights["log_scale"])[:, None] * weight
        unknown = HIDDEN if told["visible"] == "bernoulli" else 0.0
        centre = Centre(self.means, subtracted=told["centred"], unknown=unknown)
        hidden = self.weights["hidden_bias"]
        return weight, centre.plain(weight, self.weights["visible_bias"], hidden, self.means)[1]


def assemble(
    engine: str,
    trained: Sequence[tuple[Mapping[str, Any], Mapping[str, NDArray[Any]]]],
    kind: str,
    **more: Any,
) -> Pair:
    """A deep pair with the weights of machines, the one that has learnt the data first.

    A belief net (`dbn`) has each machine's weights both ways, down in the model and up in the
    guide, and the last machine for its top. In a Boltzmann machine (`dbm`) the layer between two
    machines would hear of the data twice, from below and from the codes that the upper one learnt,
    so each has half a say: the geometric mean of what the two say of that layer,

        c1 = (c of the lower + b of the upper) / 2,    W1 / 2,    W2 / 2

    and the biases of the ends are moved so that the mean of what comes from that layer stays.

    Args:
        engine: `"pyro"` or `"numpyro"`.
        trained: hyperparameters and weights of two machines or more; of two for a `dbm`.
        kind: `"dbn"` or `"dbm"`.
        **more: hyperparameters of the deep pair that do not follow from the machines.

    Raises:
        ValueError: if the machines do not fit on each other, or none of that kind is made of them.
    """
    check_choice("kind", kind, KINDS)
    machines = [Machine(*each) for each in trained]
    _check_fit(machines, kind)
    lowest, top = machines[0].hyperparameters, machines[-1].hyperparameters
    told: dict[str, Any] = {
        "data_dim": lowest["data_dim"],
        "hidden_dims": tuple(machine.hyperparameters["hidden_dim"] for machine in machines),
        "data_mean": lowest["data_mean"],
    }
    if kind == "dbn":
        told |= {"centred": top["centred"], "top_mean": top["data_mean"], **more}
        made, weights = create("dbn", engine=engine, **told), _of_dbn(machines)
    else:
        made = create("dbm", engine=engine, **{"centred": lowest["centred"], **told, **more})
        weights = _of_dbm(*machines, centred=made.hyperparameters["centred"])
    made.set_weights({name: value.astype(np.float32) for name, value in weights.items()})
    return made


def turned_over(
    engine: str,
    machine: Machine,
    *,
    hidden_dim: int | None = None,
    data_mean: ArrayLike | None = None,
    seed: int = 0,
) -> Pair:
    """A machine for the codes of another, which begins with just their law under that one.

    It is the other turned over, hidden units for visible ones, and has more hidden units whose
    weights are next to nothing, but random, so that they can become different ones. What these add
    to log f is nearly linear, and is taken from the visible biases. Where it takes the place of the
    top of a belief net the bound is the lower machine's own log-likelihood, and rises with its own
    of the codes (Hinton, Osindero & Teh 2006).

    Args:
        engine: `"pyro"` or `"numpyro"`.
        machine: the lower one.
        hidden_dim: hidden units, at least as many as the lower machine has visible ones; None for
            so many.
        data_mean: mean of the codes, where it is known.
        seed: of the weights of the units that are new.

    Raises:
        ValueError: if there are too few hidden units, or the lower machine's visible ones are not
            binary.
    """
    told = machine.hyperparameters
    if told["visible"] != "bernoulli":
        raise ValueError(
            f"a machine with visible={told['visible']!r} cannot be turned over, as hidden units "
            "are binary."
        )
    size, codes = told["data_dim"], told["hidden_dim"]
    units = size if hidden_dim is None else check_size("hidden_dim", hidden_dim)
    if units < size:
        raise ValueError(
            f"hidden_dim must be at least {size}, the visible units of the machine that is turned "
            f"over, got {units}; or begin with a new machine."
        )
    more = {"centred": told["centred"], "normaliser": told["normaliser"]}
    made = create(
        "rbm",
        engine=engine,
        data_dim=codes,
        hidden_dim=units,
        burn_in=told["burn_in"],
        data_mean=data_mean,
        seed=seed,
        **more,
    )
    visible, hidden = machine.biases()
    weight = _NEXT_TO_NOTHING * np.random.default_rng([seed, 2]).normal(size=(codes, units))
    hidden = hidden - 0.5 * weight[:, size:].sum(1)
    weight[:, :size] = machine.weights["weight"].T
    own = np.zeros(units)
    own[:size] = visible
    if told["centred"]:
        mean = HIDDEN if data_mean is None else as_numbers("data_mean", data_mean)
        below, above = shifts(weight, mean)
        hidden, own = hidden + above, own + below
    start = {"weight": weight, "visible_bias": hidden, "hidden_bias": own}
    made.set_weights({name: value.astype(np.float32) for name, value in start.items()})
    return made


def upward_of_nets(
    trained: Sequence[tuple[Mapping[str, Any], Mapping[str, NDArray[Any]]]],
) -> list[tuple[NDArray[Any], NDArray[Any]]]:
    """W and c of each layer of a belief net, upwards: those of its guide, and its top machine's.

    Args:
        trained: hyperparameters and weights of one net.

    Raises:
        ValueError: if there are several nets.
    """
    if len(trained) != 1:
        raise ValueError(f"one deep belief net has all layers, got {len(trained)} of them.")
    ((told, weights),) = trained
    top = Machine(
        {"visible": "bernoulli", "centred": told["centred"], "data_mean": told["top_mean"]},
        {name: weights[f"top.{name}"] for name in ("weight", "visible_bias", "hidden_bias")},
    )
    guide = range(len(told["hidden_dims"]) - 1)
    lower = [(weights[f"encoder.{i}.weight"].T, weights[f"encoder.{i}.bias"]) for i in guide]
    return [*lower, top.upward()]


def _of_dbn(machines: Sequence[Machine]) -> dict[str, NDArray[Any]]:
    """The parameters of a belief net, by name."""
    found = {f"top.{name}": value for name, value in machines[-1].weights.items()}
    for depth, machine in enumerate(machines[:-1]):
        visible, hidden = machine.biases()
        found[f"decoder.{depth}.weight"], found[f"decoder.{depth}.bias"] = (
            machine.weights["weight"],
            visible,
        )
        found[f"encoder.{depth}.weight"], found[f"encoder.{depth}.bias"] = (
            machine.weights["weight"].T,
            hidden,
        )
    return found


def _of_dbm(lower: Machine, upper: Machine, *, centred: bool) -> dict[str, NDArray[Any]]:
    """The parameters of a Boltzmann machine of two hidden layers, by name."""
    below, above = 0.5 * lower.weights["weight"], 0.5 * upper.weights["weight"]
    (data, from_below), (from_above, top) = lower.biases(), upper.biases()
    codes = np.full(len(above), 0.5) if upper.means is None else upper.means
    data, top = data + below @ codes, top + codes @ above  # what the other half gave on average
    middle = 0.5 * (from_below + from_above)
    if centred:
        at_middle, at_data = shifts(below, HIDDEN if lower.means is None else lower.means)
        at_top, from_top = shifts(above, HIDDEN)
        middle = middle + at_middle + from_top
        data, top = data + at_data, top + at_top
    return {
        "weight_1": below,
        "weight_2": above,
        "data_bias": data,
        "bias_1": middle,
        "bias_2": top,
    }


def _check_fit(machines: Sequence[Machine], kind: str) -> None:
    """Check that each machine has learnt codes of the one below it.

    Raises:
        ValueError: naming the machine that does not fit, counted from 1.
    """
    if len(machines) < 2 or (kind == "dbm" and len(machines) > 2):
        count = "two machines" if kind == "dbm" else "two machines or more"
        raise ValueError(f"a {kind} is made of {count}, got {len(machines)}.")
    for number, machine in enumerate(machines, start=1):
        visible = machine.hyperparameters["visible"]
        if visible != "bernoulli":
            raise ValueError(
                f"machine {number} has visible={visible!r}, but the layers of a {kind}, the data "
                "among them, are binary: fit machines with visible='bernoulli'."
            )
    for number, (below, above) in enumerate(pairwise(machines), start=2):
        size, learnt = below.hyperparameters["hidden_dim"], above.hyperparameters["data_dim"]
        if size != learnt:
            raise ValueError(
                f"machine {number} has data_dim={learnt}, but the one below it has codes of "
                f"hidden_dim={size} units: fit it on run.encode(x) of that one."
            )
