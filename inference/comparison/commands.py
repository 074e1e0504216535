"""The command that repeats a run from nothing."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

_CLASS = re.compile(r"ppl_models\.\w+\.(?P<name>\w+?)(_numpyro)?:\w+")
_DATA = re.compile(
    r"(?P<name>\w+)(\+(?P<variant>[\w=,]+))?/train/(?P<kind>\w+)(/seed=(?P<seed>\d+))?/\w+"
)
_SECOND_ARGUMENT = ("labels", "label_seed", "quadrants")
_OPTIONS = ("batch_size", "learning_rate", "clip_norm", "patience", "seed", "device")
_FROM_DATA = ("data_dim", "seed", "data_mean", "image_shape", "condition_dim", "classes")


def train_command(spec: dict[str, Any], folder: Path | None) -> str | None:
    """The `ppl-zoo train` command of a run's spec; None where only Python can say it.

    That is so for pairs that are not the zoo's or were given tables of numbers, data that are no
    data set of the zoo's, and optimisers, schedules and networks that have no name.
    """
    pair, training = spec["pair"], spec["training"]
    known, data = _CLASS.fullmatch(pair.get("class") or ""), _DATA.fullmatch(spec["data"]["id"])
    nameless = training["optimizer"] is not None or training["schedule"] not in (None, "cosine")
    if known is None or data is None or nameless or re.search(r"[({]", spec["objective"]):
        return None
    words = ["ppl-zoo", "train", known["name"], "--engine", pair["engine"]]
    if pair.get("pretrained"):
        words += ["--pretrained", pair["pretrained"].rpartition("#")[0]]
    hyperparameters = pair["hyperparameters"] or {}
    if any(map(is_table, hyperparameters.values())):
        return None
    for key, value in hyperparameters.items():
        if key not in _FROM_DATA and value is not None:
            text = ",".join(map(str, value)) if isinstance(value, list) else str(value)
            words += ["--set", f"{key}={text}{',' if _is_one(value) else ''}"]
    if hyperparameters.get("seed", training["seed"]) != training["seed"]:
        words += ["--set", f"seed={hyperparameters['seed']}"]
    words += ["--bias-from-data"] if hyperparameters.get("data_mean") is not None else []
    words += ["--data", data["name"], *_data_options(data)]
    words += ["--objective", spec["objective"]]
    options = {key: training[key] for key in _OPTIONS} | {"schedule": training["schedule"]}
    options["average_decay"] = training.get("average_decay")
    for key, value in {**options, **spec["budget"]}.items():
        words += [] if value is None else [f"--{key.replace('_', '-')}", str(value)]
    return shlex.join([*words, *([] if folder is None else ["--out", str(folder)])])


def is_table(value: Any) -> bool:
    """Whether a setting is an array of rows, such as of data, which no name or option says."""
    return isinstance(value, list) and any(isinstance(row, list) for row in value)


def _is_one(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 1


def _data_options(data: re.Match[str]) -> list[str]:
    words = []
    if data["kind"] in ("dynamic", "static", "threshold", "grey") and data["name"] == "mnist":
        words += ["--binarisation", data["kind"]]
    words += [] if data["seed"] is None else ["--data-seed", data["seed"]]
    for part in filter(None, (data["variant"] or "").split(",")):
        key, equals, value = part.partition("=")
        if key in _SECOND_ARGUMENT:
            words += [f"--{key.replace('_', '-')}", value]
        elif equals:  # a word without a value is what the data set always has, such as lengths
            words += ["--data-option", part]
    return words
