"""Deep pairs of machines that were trained layer by layer, each on the codes of the one below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from numpy.typing import ArrayLike

from inference.arguments import check_count, check_one_of, check_seed
from inference.errors import ArgumentError
from inference.pairs import Fitted, fitted


def stack(runs: Sequence[Any], kind: str = "dbn", **hyperparameters: Any) -> Any:
    """One deep pair of restricted Boltzmann machines that learnt each other's codes.

        run1 = fit(create("rbm", data_dim=784, hidden_dim=500), x, objective="cd:chains=100", ...)
        codes = run1.encode(x)
        run2 = fit(turn_over(run1, hidden_dim=2000, data_mean=codes.mean(0)), codes, ...)
        run = fit(stack([run1, run2], kind="dbn"), x, objective="updown:chains=100", ...)

    The pair begins where the machines are, and `fit` goes on from there. With `kind="dbn"` it is a
    deep belief net, whose variational bound is not below that of the net with the upper machine
    turned into the lower one, if the upper machine fits the codes at least as well (Hinton,
    Osindero & Teh 2006). With `kind="dbm"` it is a deep Boltzmann machine of two hidden layers, of
    which each machine has half a say on the layer between (Salakhutdinov & Hinton 2009).

    Args:
        runs: runs of machines, or their pairs, the one that has learnt the data first.
        kind: `"dbn"` or `"dbm"`.
        **hyperparameters: of the deep pair, such as `normaliser=`, `burn_in=` or `sweeps=`.

    Returns:
        A pair of the machines' engine, with their weights.

    Raises:
        ArgumentError: if it is no list of machines, they do not fit on each other, or none of that
            kind is made of them.
    """
    check_one_of("kind", kind, ("dbn", "dbm"))
    if isinstance(runs, (str, bytes)) or not isinstance(runs, Sequence):
        raise ArgumentError(
            f"stack takes a list of runs, such as stack([run1, run2]), got {type(runs).__name__}."
        )
    given = [_able(run, number, "stacked") for number, run in enumerate(runs, start=1)]
    machines = _of_one_engine(given, "stack")
    if not machines:
        raise ArgumentError("stack takes two runs or more, got none.")
    try:
        return given[0].pair.stacked(machines, kind, **hyperparameters)
    except (ValueError, TypeError, OverflowError) as error:
        raise ArgumentError(f"stack: {error}") from None


def to_classifier(runs: Any, *, classes: int, seed: int = 0) -> Any:
    """A `conditional_network` to classes whose hidden layers begin as machines that were fitted.

        labels = np.eye(10)[y]                                     # zeros where y is not known
        run = fit(to_classifier([run1, run2], classes=10), (labels, x), ...)
        chances = run.sample(len(x), x)                            # p(class | x), (N, classes)

    Its hidden units compute the codes, h = s(W' x + c) layer by layer, and only the weights to the
    classes are new: learning by labels goes on from what was learnt without (Hinton &
    Salakhutdinov 2006, Science). All layers learn.

    Args:
        runs: runs of restricted Boltzmann machines, the one that has learnt the data first, each
            fitted on `run.encode(x)` of the one below; one such run; or a run of a deep belief net,
            of which the guide's layers and the top machine's are taken. Pairs will do.
        classes: how many.
        seed: of the weights to the classes.

    Returns:
        A pair of the runs' engine.

    Raises:
        ArgumentError: if the runs are none of these, do not fit on each other, or an argument is
            out of range.
    """
    check_seed(seed)
    classes = check_count("classes", classes)
    several = isinstance(runs, Sequence) and not isinstance(runs, (str, bytes))
    given = [_able(run, i, "classifier") for i, run in enumerate(runs if several else [runs], 1)]
    machines = _of_one_engine(given, "to_classifier")
    if not machines:
        raise ArgumentError("to_classifier takes a run or more, got none.")
    try:
        return given[0].pair.classifier(machines, classes=classes, seed=seed)
    except (ValueError, TypeError, KeyError, OverflowError) as error:
        raise ArgumentError(f"to_classifier: {error}") from None


def turn_over(
    run: Any,
    *,
    hidden_dim: int | None = None,
    data_mean: ArrayLike | None = None,
    seed: int = 0,
) -> Any:
    """A machine for the codes of a run's machine that begins with just their law under that one.

    It is that machine with its sides exchanged, and with more hidden units that change nothing yet.
    A deep belief net with it on top is the lower machine exactly, so that the net's bound begins at
    that machine's log-likelihood, and rises as the new machine learns the codes of data.

    Args:
        run: a run of a machine with binary visible units, or its pair.
        hidden_dim: hidden units, at least as many as that machine has visible ones; None for so
            many.
        data_mean: mean of the codes, `run.encode(x).mean(0)`.
        seed: of the weights of the new units, which are next to nothing.

    Returns:
        A pair of the machine's engine, not trained yet.

    Raises:
        ArgumentError: if it is no such machine, or an argument is out of range.
    """
    check_seed(seed)
    given = _able(run, 1, "turned")
    machine = given.pair.hyperparameters, given.pair.get_weights()
    try:
        return given.pair.turned(machine, hidden_dim=hidden_dim, data_mean=data_mean, seed=seed)
    except (ValueError, TypeError, OverflowError) as error:
        raise ArgumentError(f"turn_over: {error}") from None


_HOW = {
    "stacked": "be stacked: its pair has no stacked(machines, kind)",
    "turned": "be turned over: its pair has no turned(machine)",
    "classifier": "begin a classifier: its pair has no classifier(machines)",
}


def _able(run: Any, number: int, method: str) -> Fitted:
    """A run's pair, which has a method.

    Raises:
        ArgumentError: if it has not.
    """
    given = fitted(run)
    if not hasattr(given.pair, method):
        raise ArgumentError(
            f"run {number} cannot {_HOW[method]}. Fit create('rbm', ...) on the data, and the next "
            "one on run.encode(x)."
        )
    return given


def _of_one_engine(given: Sequence[Fitted], what: str) -> list[tuple[Any, Any]]:
    """Hyperparameters and weights of each pair.

    Raises:
        ArgumentError: if they are of several engines.
    """
    engines = {each.engine for each in given}
    if len(engines) > 1:
        raise ArgumentError(
            f"{what} takes runs of one engine, got {' and '.join(sorted(engines))}; fit all of "
            "them on the same."
        )
    return [(each.pair.hyperparameters, each.pair.get_weights()) for each in given]
