"""Deep pairs of machines that were trained layer by layer, each on the codes of the one below."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from inference.errors import ArgumentError
from inference.pairs import fitted


def stack(runs: Sequence[Any], kind: str = "dbn", **hyperparameters: Any) -> Any:
    """One deep pair of restricted Boltzmann machines that learnt each other's codes.

        run1 = fit(create("rbm", data_dim=784, hidden_dim=500), x, objective="cd:chains=100", ...)
        codes = run1.encode(x)
        run2 = fit(create("rbm", data_dim=500, hidden_dim=2000), codes, ...)
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
    if isinstance(runs, (str, bytes)) or not isinstance(runs, Sequence):
        raise ArgumentError(
            f"stack takes a list of runs, such as stack([run1, run2]), got {type(runs).__name__}."
        )
    given = [fitted(run) for run in runs]
    engines = {each.engine for each in given}
    if len(engines) > 1:
        raise ArgumentError(
            f"stack takes runs of one engine, got {' and '.join(sorted(engines))}; fit all of them "
            "on the same."
        )
    for number, each in enumerate(given, start=1):
        if not hasattr(each.pair, "stacked"):
            raise ArgumentError(
                f"run {number} cannot be stacked: its pair has no stacked(machines, kind). Fit "
                "create('rbm', ...) on the data, and the next one on run.encode(x)."
            )
    machines = [(each.pair.hyperparameters, each.pair.get_weights()) for each in given]
    if not machines:
        raise ArgumentError("stack takes two runs or more, got none.")
    try:
        return given[0].pair.stacked(machines, kind, **hyperparameters)
    except (ValueError, TypeError) as error:
        raise ArgumentError(f"stack: {error}") from None
