"""Make a weight file of the zoo anew from its record: `python -m benchmarks.pretrain mnist-iwae5`.

The record `ppl_models/pretrained/NAME.toml` begins with the recipe: model, objective, data,
training, and how the weights are scored. This trains by it (a run that was stopped goes on where it
was), writes `NAME.safetensors` in half precision where that moves the score by less than 0.01 nat,
scores what it wrote, and replaces what the record says below the recipe. New weights begin with a
recipe of their own, given by its path.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import platform
import subprocess
import tomllib
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import optax
import typer
from safetensors.numpy import save

from benchmarks.finished import finished
from benchmarks.pretrain_score import Rows, Score, score
from inference import Run, fit
from inference.cli.data import data_options
from inference.descriptions import versions
from ppl_models import create
from ppl_models._pretrained import FOLDER
from ppl_models.datasets import Dataset, load

VALID = 1_000  # rows of the validation split that are looked at after each epoch
FEW, FEW_PARTICLES = 200, 100  # a score that a test repeats in seconds
BELOW = "# What follows is written by the command in `result`.\n"


def loaded(options: dict[str, Any]) -> Dataset:
    """The data set of a recipe."""
    options = dict(options)
    name, binarisation = options.pop("name"), options.pop("binarisation", None)
    return load(name, **options, **data_options(binarisation, None))


def for_training(data: Dataset, labelled_share: float | None) -> Dataset:
    """The rows to train on: few for validation, labelled ones as often as they are to be seen."""
    train, y = data.train, dict(data.y)
    if labelled_share is not None:
        known = np.flatnonzero(y["train"] >= 0)
        repeats = round(len(train) * labelled_share / (1 - labelled_share) / len(known))
        rows = np.concatenate([np.arange(len(train)), np.tile(known, repeats)])
        train, y["train"] = train[rows], y["train"][rows]
    if y:
        y["valid"] = y["valid"][:VALID]
    return replace(data, train=train, valid=data.valid[:VALID], labels={}, y=y)


def trained(recipe: dict[str, Any], data: Dataset, out: Path) -> Run:
    """The run of a recipe, from where its folder stands."""
    settings, options = dict(recipe["training"]), dict(recipe["options"])
    if settings.pop("start_at_mean", False):
        options["data_mean"] = data.data_mean
    if "b1" in settings:
        settings["optimizer"] = functools.partial(optax.adam, b1=settings.pop("b1"))
    rows = for_training(data, settings.pop("labelled_share", None))
    pair = create(recipe["model"], engine=recipe["engine"], seed=recipe["seed"], **options)
    return finished(
        fit(
            pair,
            rows,
            objective=recipe["objective"],
            seed=recipe["seed"],
            out=out,
            resume=True,
            **settings,
        )
    )


def in_precision(weights: dict[str, Any], dtype: str) -> dict[str, Any]:
    """The values as the file keeps them."""
    return {name: np.ascontiguousarray(value.astype(dtype)) for name, value in weights.items()}


def with_weights(recipe: dict[str, Any], weights: dict[str, Any]) -> Any:
    """The pair of a recipe at given values."""
    pair = create(recipe["model"], engine=recipe["engine"], **recipe["options"])
    pair.set_weights(in_precision(weights, "float32"))
    return pair


def chosen(recipe: dict[str, Any], weights: dict[str, Any], rows: Rows) -> tuple[str, Score, Score]:
    """The precision that the file gets, the score of it, and that of full precision."""
    asked = dict(recipe["score"])
    asked.pop("rows")
    full = score(with_weights(recipe, weights), rows, **asked)
    half = score(with_weights(recipe, in_precision(weights, "float16")), rows, **asked)
    return ("float16", half, full) if half.is_near(full) else ("float32", full, full)


def as_toml(tables: dict[str, dict[str, Any]]) -> str:
    """Tables of plain values; JSON writes strings, numbers and lists as TOML does."""
    text = ""
    for title, table in tables.items():
        lines = (f"{key} = {json.dumps(value, ensure_ascii=False)}" for key, value in table.items())
        text += f"\n[{title}]\n" + "\n".join(lines) + "\n"
    return text


def rounded(found: Score, data: Dataset) -> dict[str, Any]:
    """A score as the record has it."""
    return {
        "value": round(found.value, 4),
        "standard_error": round(found.standard_error, 4),
        "unit": found.unit,
        "estimator": found.estimator,
        "data_id": str(data.data_id("test")),
    }


def made(recipe: dict[str, Any], data: Dataset, run: Run, command: str) -> tuple[bytes, str]:
    """The file of values, and what the record says of it."""
    weights, asked = run.pair.get_weights(), recipe["score"]
    dtype, found, full = chosen(recipe, weights, Rows.of(data, asked["rows"]))
    kept = in_precision(weights, dtype)
    pair = with_weights(recipe, kept)
    few = score(pair, Rows.of(data, FEW), asked["estimator"], FEW_PARTICLES)
    content = save(kept)
    held = {key: value for key, value in pair.hyperparameters.items() if value is not None}
    commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True)
    tables: dict[str, dict[str, Any]] = {
        "file": {
            "sha256": hashlib.sha256(content).hexdigest(),
            "bytes": len(content),
            "dtype": dtype,
        },
        "hyperparameters": {key: value for key, value in held.items() if key != "seed"},
        "result": {
            **rounded(found, data),
            "rows": min(asked["rows"], len(data.test)),
            "full_precision": round(full.value, 4),
            "trained_on": str(data.data_id("train")),
            "steps": run.step,
            "seconds": round(run.rows[-1]["seconds"]),
            "hardware": f"{os.cpu_count()} {platform.machine()} cores without a GPU, shared",
            "threads": os.environ.get("OMP_NUM_THREADS", "not limited"),
            "date": datetime.now(UTC).date().isoformat(),
            "commit": commit.stdout.strip(),
            "versions": ", ".join(f"{name} {number}" for name, number in versions().items()),
            "command": command,
        },
        "result.few": {**rounded(few, data), "rows": FEW},
    }
    return content, as_toml(tables)


def main(
    name: Annotated[str, typer.Argument(help="A record of ppl_models/pretrained, or its path.")],
    runs: Annotated[Path, typer.Option(help="Where runs are kept.")] = Path("runs/pretrain"),
) -> None:
    """Train, write the file, score it, and say so in the record."""
    record = Path(name) if name.endswith(".toml") else FOLDER / f"{name}.toml"
    text, _, _ = record.read_text(encoding="utf-8").partition(f"\n{BELOW}")
    recipe = tomllib.loads(text)
    data = loaded(recipe["data"])
    run = trained(recipe, data, runs / record.stem)
    content, below = made(recipe, data, run, f"python -m benchmarks.pretrain {record.stem}")
    record.with_suffix(".safetensors").write_bytes(content)
    record.write_text(f"{text}\n{BELOW}{below}", encoding="utf-8")
    print(f"{record.stem}: {len(content):,} bytes\n{below}")


if __name__ == "__main__":
    typer.run(main)
