"""Pairs that a file names: model, engine and hyperparameters, beside what the data decide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from inference.cli.data import data_settings, fitting
from inference.cli.settings import hyperparameters
from inference.errors import ArgumentError
from ppl_models import create, info

if TYPE_CHECKING:
    from ppl_models.datasets import Dataset


def pair_maker(
    where: str,
    model: str,
    engine: str | None,
    settings: Mapping[str, Any],
    data: Dataset,
    batch_size: int | None = None,
) -> Callable[[int], Any]:
    """A function of the seed that makes the pair, which is tried out once.

    Args:
        where: the entry of the file, for messages.
        model: its name.
        engine: its engine; None for NumPyro where it has one.
        settings: hyperparameters; `bias_from_data` takes `data_mean` from the data.
        data: what it is for.
        batch_size: rows of a minibatch; None where all come at once, or the settings say it.

    Raises:
        ArgumentError: if there is no such pair.
    """
    card = info(model)
    engine = engine or ("numpyro" if "numpyro" in card.engines else card.engines[0])
    accepted = hyperparameters(card, engine)
    chosen = dict(settings)
    offered = data_settings(data, batch_size)
    if chosen.pop("bias_from_data", False):
        if accepted and "data_mean" not in accepted:
            raise ArgumentError(f"{where}: {model!r} has no data_mean; leave bias_from_data out.")
        chosen["data_mean"] = data.data_mean
    usual = fitting(offered, accepted, inherited=not accepted)
    make = partial(_made, model, engine, {**usual, **chosen})
    try:
        make(0)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{where}: {error}") from error
    return make


def _made(model: str, engine: str, settings: dict[str, Any], seed: int) -> Any:
    return create(model, engine=engine, **{"seed": seed, **settings})
