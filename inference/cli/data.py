"""Data sets as words: options, ids, and what they decide about a pair."""

from __future__ import annotations

import re
from collections.abc import Container, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from inference.cli.text import answering, whole_number
from inference.descriptions import shown
from inference.errors import ArgumentError
from inference.literals import literal
from ppl_models.datasets import is_own_file, list_datasets, options_of

if TYPE_CHECKING:
    from ppl_models.datasets import Dataset

first_is_rows = Annotated[int | None, typer.Option("--first", hidden=True)]
"""The old word of `--rows`, which `refuse_first` answers."""

_DATA_ID = re.compile(
    r"(?P<name>[^/]*\.(?i:npz|csv|parquet)|[^/+]+)(\+(?P<variant>[^/]+))?"
    r"/train/(?P<binarisation>[a-z]+)(/seed=(?P<seed>\d+))?/[0-9a-f]+"
)


data_file = Annotated[
    str | None,
    typer.Option(
        help="The file that the run was trained on, where that was one.", show_default=False
    ),
]


def data_of_run(recorded: str, file: str | None) -> Dataset:
    """The data set that a run was trained on, from its id; of a file of one's own, from that.

    What is wrong is a sentence and exit code 2.
    """
    with answering():
        name, options = parse_data_id(recorded)
        if is_own_file(name):
            place = Path(file or name)
            if place.name != name:
                raise ArgumentError(f"--data {file}: the run was trained on a file {name}.")
            if not place.is_file():
                raise ArgumentError(
                    f"the run was trained on a file {name}, and there is none at {place}; name it: "
                    f"--data path/to/{name}."
                )
            name = str(place)
        elif file is not None:
            raise ArgumentError(f"the run was trained on {name}; leave --data out.")
    return load_data(name, options)


def refuse_first(first: int | None) -> None:
    """Say what took the place of `--first`.

    Raises:
        ArgumentError: if it was given.
    """
    if first is not None:
        from inference.data.drawn_rows import FIRST_IS_ROWS

        raise ArgumentError(FIRST_IS_ROWS.format("--first", "--rows", "--rows-seed"))


def parse_data_id(identity: str) -> tuple[str, dict[str, Any]]:
    """Name and options with which `ppl_models.datasets.load` gives the data of an id again.

    Args:
        identity: for example `"mnist/train/dynamic/seed=0/0123456789ab"`.

    Raises:
        ArgumentError: if it is the id of something else, such as an array.
    """
    found = _DATA_ID.fullmatch(identity)
    if found is None:
        raise ArgumentError(
            f"the run was trained on {identity!r}, which is no data set of ppl_models.datasets and "
            "no file; "
            "score it in Python with inference.log_likelihood(inference.load_run(RUN).pair, x)."
        )
    seed = found["seed"]
    options = data_options(found["binarisation"], None if seed is None else int(seed))
    for part in filter(None, (found["variant"] or "").split(",")):
        key, _, value = part.partition("=")
        options[key] = literal(value)
    if found["name"] in list_datasets() or is_own_file(found["name"]):
        # What is no option of `load`, such as real values, is a property of the data set.
        accepted = options_of(found["name"])
        options = {key: value for key, value in options.items() if key in accepted}
    return found["name"], options


def data_options(binarisation: str | None, seed: int | None) -> dict[str, Any]:
    """Keywords for `ppl_models.datasets.load`, without what was not given."""
    options: dict[str, Any] = {} if seed is None else {"seed": seed}
    if binarisation is not None:
        grey = binarisation.lower() in ("grey", "none")
        options["binarisation"] = None if grey else binarisation
    return options


def own_options(items: Sequence[str]) -> dict[str, Any]:
    """Keywords for `ppl_models.datasets.load` from `KEY=VALUE` words, such as `fold=3`.

    Raises:
        ArgumentError: if an item is not of that form.
    """
    options: dict[str, Any] = {}
    for item in items:
        key, equals, text = (part.strip() for part in item.partition("="))
        if not equals or not key.isidentifier() or not text:
            raise ArgumentError(
                "--data-option must be KEY=VALUE, for example --data-option fold=3; got "
                f"{shown(item)}."
            )
        if key in options:
            raise ArgumentError(f"--data-option {key} is given twice; give it once.")
        options[key] = literal(text)
    return options


def load_data(name: str, options: Mapping[str, Any]) -> Dataset:
    """A data set; what is wrong with name or options is a sentence and exit code 2."""
    from ppl_models.datasets import load

    with answering(ValueError, TypeError, OSError):
        return load(name, **options)


def data_settings(dataset: Dataset, batch_size: int | None = None) -> dict[str, Any]:
    """The hyperparameters that the data decide, for pairs that have them.

    Args:
        dataset: the data.
        batch_size: rows of a minibatch; None where all rows come at once. Pairs whose latents are
            of all data are told of minibatches how many rows there are.
    """
    settings: dict[str, Any] = {"data_dim": dataset.train.shape[-1]}
    rows = len(dataset.train)
    most = max(len(dataset.valid), len(dataset.test))  # may not have more than all rows
    if isinstance(batch_size, int) and rows > batch_size and rows >= most:
        settings["data_size"] = rows
    if dataset.train.ndim == 3:
        settings["length"] = dataset.train.shape[1]
    if len(dataset.image_shape) == 2:
        settings["image_shape"] = tuple(dataset.image_shape)
    if dataset.y and dataset.y["train"].ndim > 1:
        settings["condition_dim"] = dataset.y["train"].shape[1]
    if dataset.y and dataset.y["train"].ndim == 1 and dataset.labels:
        settings["classes"] = int(dataset.labels["train"].max()) + 1
    return settings


def fitting(
    offered: Mapping[str, Any], accepted: Container[str], *, inherited: bool = False
) -> dict[str, Any]:
    """What the data decide, as far as a pair takes it.

    Args:
        offered: by name.
        accepted: the pair's hyperparameters.
        inherited: the pair inherits its constructor, so that these are not known; it is offered
            what nearly all have.
    """
    if inherited:
        return {key: value for key, value in offered.items() if key not in ("data_size", "length")}
    if "symbols" in accepted and "length" in accepted and "length" not in offered:
        # Each row of a table is a sequence of symbols, one a step.
        offered = {**offered, "data_dim": 1, "length": offered["data_dim"]}
    return {key: value for key, value in offered.items() if key in accepted}


def second_argument(
    labels: str | None, label_seed: int, quadrants: int | None
) -> dict[str, int | str]:
    """Keywords for `ppl_models.datasets.load` from the options of the second argument.

    Raises:
        ArgumentError: if `labels` is no count.
    """
    options: dict[str, int | str] = {}
    if labels is not None:
        count = whole_number(labels)
        if labels != "all" and count is None:
            raise ArgumentError(
                f"--labels must be all or a count such as 100; got {shown(labels)}."
            )
        options = (
            {"labels": "all"} if count is None else {"labels": count, "label_seed": label_seed}
        )
    if quadrants is not None:
        options["quadrants"] = quadrants
    return options


def check_data(dataset: Dataset, recorded: str, split: str) -> None:
    """Refuse other data than the run's, and a split that cannot be scored.

    Raises:
        ArgumentError: saying which data the run was trained on, or which splits there are.
    """
    found = str(dataset.data_id("train"))
    if found != recorded:
        raise ArgumentError(
            f"the run was trained on {recorded}, but this machine has {found}; point the "
            "environment variable PPL_DATA at the files that the run was trained on."
        )
    if split == "train" and dataset.dynamic:
        raise ArgumentError(
            "--split train holds grey values here, which each step of the training binarised "
            "afresh; score --split valid or --split test."
        )
