"""The text of the command line: words to arguments, source to hyperparameters, errors to sentences.

Nothing here imports a framework.
"""

from __future__ import annotations

import ast
import contextlib
import inspect
import re
import shlex
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text
from tqdm import tqdm
from typer.core import TyperGroup

from inference.errors import ArgumentError, ZooError
from inference.literals import literal
from ppl_models import Card
from ppl_models._registry import find_place
from ppl_models.datasets import list_datasets, options_of

if TYPE_CHECKING:
    from inference.training.run import Run
    from ppl_models.datasets import Dataset

# Nothing that a user or a spec contains is read as markup or as the name of an emoji.
console = Console(markup=False, emoji=False, highlight=False)
_errors = Console(markup=False, emoji=False, highlight=False, stderr=True)

_DATA_ID = re.compile(
    r"(?P<name>[^/+]+)(\+(?P<variant>[a-z0-9_=,]+))?/train/(?P<binarisation>[a-z]+)(/seed=(?P<seed>\d+))?/[0-9a-f]+"
)
_KEYWORDS = (
    *("out", "resume", "epochs", "steps", "seconds", "batch_size", "learning_rate", "schedule"),
    *("clip_norm", "patience", "seed", "device", "objective", "method", "num_particles"),
)
_KEYWORD = re.compile(rf"(?:(?<=\s)|^)({'|'.join(_KEYWORDS)})=(True\b)?(?=(\S)?)")
_SETTING = re.compile(r"(?<=\s)(?=(data_dim|likelihood)=)")


@dataclass(frozen=True)
class Hyperparameter:
    """A keyword of a pair's constructor: its default as written, and what its docstring says."""

    default: str
    meaning: str


def hyperparameters(card: Card, engine: str) -> dict[str, Hyperparameter]:
    """The constructor's keywords, read from the pair's source, so that no framework is imported.

    Returns:
        Name to hyperparameter; empty where the model is not on this engine, or inherits its
        constructor.
    """
    if engine not in card.engines:
        return {}
    pair = find_place(card.name).pair_class(engine)
    meanings = _described(ast.get_docstring(pair) or "")
    for node in pair.body:
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            keywords = zip(node.args.kwonlyargs, node.args.kw_defaults, strict=True)
            return {
                keyword.arg: Hyperparameter(
                    default="required" if default is None else ast.unparse(default),
                    meaning=meanings.get(keyword.arg, ""),
                )
                for keyword, default in keywords
            }
    return {}


def _described(docstring: str) -> dict[str, str]:
    """Name to text of the `Args:` section of a Google-style docstring."""
    _, _, section = inspect.cleandoc(docstring).partition("\nArgs:\n")
    section = re.split(r"\n(?=\S)", section)[0]
    found = re.findall(r"^    (\w+): (.*(?:\n {8,}.*)*)", section, flags=re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}


def parse_settings(items: Sequence[str], accepted: dict[str, Hyperparameter]) -> dict[str, Any]:
    """Hyperparameters from `KEY=VALUE` words: see `literal`.

    Args:
        items: for example `["latent_dim=20", "hidden=200,200", "activation=relu"]`.
        accepted: what the pair takes; a single value becomes a tuple where the default is one.

    Raises:
        ArgumentError: if an item is not of that form.
    """
    settings: dict[str, Any] = {}
    for item in items:
        key, equals, text = (part.strip() for part in item.partition("="))
        if not equals or not key.isidentifier() or not text:
            raise ArgumentError(
                f"--set must be KEY=VALUE, for example --set latent_dim=20; got {item!r}."
            )
        value = literal(text)
        listed = key in accepted and isinstance(literal(accepted[key].default), tuple)
        settings[key] = (value,) if listed and not isinstance(value, (tuple, list)) else value
    return settings


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
            f"the run was trained on {identity!r}, which is no data set of ppl_models.datasets; "
            "score it in Python with inference.log_likelihood(inference.load_run(RUN).pair, x)."
        )
    seed = found["seed"]
    options = data_options(found["binarisation"], None if seed is None else int(seed))
    for part in filter(None, (found["variant"] or "").split(",")):
        key, _, value = part.partition("=")
        options[key] = int(value) if value.isdecimal() else value
    if found["name"] in list_datasets():
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


def load_data(name: str, options: Mapping[str, Any]) -> Dataset:
    """A data set; what is wrong with name or options is a sentence and exit code 2."""
    from ppl_models.datasets import load

    with answering(ValueError, TypeError, OSError):
        return load(name, **options)


def data_settings(dataset: Dataset) -> dict[str, Any]:
    """The hyperparameters that the data decide, for pairs that have them."""
    settings: dict[str, Any] = {"data_dim": dataset.train.shape[-1]}
    if len(dataset.image_shape) == 2:
        settings["image_shape"] = tuple(dataset.image_shape)
    if dataset.y and dataset.y["train"].ndim > 1:
        settings["condition_dim"] = dataset.y["train"].shape[1]
    if dataset.y and dataset.y["train"].ndim == 1 and dataset.labels:
        settings["classes"] = int(dataset.labels["train"].max()) + 1
    return settings


def second_argument(
    labels: str | None, label_seed: int, quadrants: int | None
) -> dict[str, int | str]:
    """Keywords for `ppl_models.datasets.load` from the options of the second argument.

    Raises:
        ArgumentError: if `labels` is no count.
    """
    options: dict[str, int | str] = {}
    if labels is not None:
        if labels != "all" and not labels.isdecimal():
            raise ArgumentError(f"--labels must be all or a count such as 100; got {labels!r}.")
        options = {"labels": "all"}
        if labels != "all":
            options = {"labels": int(labels), "label_seed": label_seed}
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


def known_words(option: str, words: Sequence[str] | None, known: Sequence[str]) -> list[str]:
    """The words given to an option, or all that there are.

    Raises:
        ArgumentError: if one of them is not known.
    """
    for word in words or ():
        if word not in known:
            raise ArgumentError(f"{option} {word!r}: expected one of {', '.join(known)}.")
    return list(words or known)


def whole_numbers(option: str, text: str) -> list[int]:
    """The numbers of a list such as `"1,2,5"`.

    Raises:
        ArgumentError: if one of them is not a positive whole number.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() and int(part) > 0 for part in parts):
        raise ArgumentError(f"{option} {text!r}: expected positive whole numbers, as in 1,2,5.")
    return [int(part) for part in parts]


@contextlib.contextmanager
def progress_bar(unit: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on the terminal's error stream; yields what sets it to so many."""
    often = 0.1 if sys.stderr.isatty() else 60.0  # seconds
    with tqdm(total=total, unit=f" {unit}", mininterval=often) as bar:

        def show(done: int) -> None:
            bar.update(done - bar.n)

        yield show


def resume_command(context: typer.Context, folder: Path) -> str:
    """The command that goes on with an interrupted `train`, quoted for a shell."""
    words = ["ppl-zoo", "train"]
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if source is None or source.name != "COMMANDLINE" or name in ("out", "resume"):
            continue
        value = context.params[name]
        for item in value if isinstance(value, (list, tuple)) else [value]:
            if parameter.param_type_name == "option":
                words.append(parameter.opts[0])
            if item is not True:
                words.append(str(item))
    return shlex.join([*words, "--out", str(folder), "--resume"])


class Commands(TyperGroup):
    """Says what typer refuses in the same way as what the library refuses."""

    def main(self, *args: Any, **settings: Any) -> Any:
        """Run a command and leave with its exit code."""
        settings["standalone_mode"] = False
        try:
            code = super().main(*args, **settings)
        except Exception as error:
            # The classes of these errors have moved between releases; this method has not.
            message = getattr(error, "format_message", None)
            if message is None:
                raise
            complain(message())
            code = 2
        sys.exit(code or 0)


def complain(message: str) -> None:
    """Print an error of the library as a sentence about the command's options."""
    _errors.print(Text.assemble(("error: ", "bold red"), _in_options(message)), soft_wrap=True)


@contextlib.contextmanager
def answering(*kinds: type[Exception], about: Mapping[str, Any] | None = None) -> Iterator[None]:
    """Turn what the library refuses, and errors of these kinds, into a sentence and exit code 2.

    Args:
        *kinds: kinds of errors that come from what the user passed, besides the library's own.
        about: the hyperparameters; they are named if the error names none of them.
    """
    try:
        yield
    except (ZooError, *kinds) as error:
        message = str(error)
        if isinstance(error, OSError) and error.strerror:
            message = f"{error.filename} cannot be used: {error.strerror}; choose another path."
        if about and not any(key in message for key in about):
            given = " ".join(f"{key}={value!r}" for key, value in about.items())
            message = f"--set was refused ({given}): {message}"
        complain(message)
        raise typer.Exit(2) from error


@contextlib.contextmanager
def plain_warnings() -> Iterator[None]:
    """Show a warning as a line, without the place in the source that it comes from."""

    def show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
        text = Text.assemble(("warning: ", "bold yellow"), _in_options(str(message)))
        _errors.print(text, soft_wrap=True)

    with warnings.catch_warnings():
        warnings.showwarning = show_warning
        yield


def _in_options(message: str) -> str:
    """A message on one line, in which `batch_size=` is called `--batch-size`."""

    def option(found: re.Match[str]) -> str:
        name = found[1].removeprefix("num_").replace("_", "-")
        return f"--{name}" + (" " if (found[3] or ",").isalnum() or found[3] in ("'", '"') else "")

    return _SETTING.sub("--set ", _KEYWORD.sub(option, " ".join(message.splitlines())))


def print_facts(facts: Mapping[str, str]) -> None:
    """Print names and values as a table."""
    table = Table(show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for name, fact in facts.items():
        table.add_row(name, fact)
    console.print(table)


def print_run(run: Run) -> None:
    """Print how a training went, and the command that scores it."""
    last = run.rows[-1] if run.rows else {}
    # The value of an objective that is no bound on a likelihood is shown as the loss that it is.
    sign, what = (-1, "bound") if run.unit == "nats per datum" else (1, "loss")
    print_facts(
        {
            "engine": run.spec["pair"]["engine"],
            "objective": run.spec["objective"],
            "steps": str(run.step),
            f"training {what}": f"{sign * last['loss']:.3f} {run.unit}" if last else "none",
            f"validation {what}": (
                f"{-sign * last['valid_bound']:.3f} {run.unit}" if "valid_bound" in last else "none"
            ),
            "seconds": f"{last['seconds']:.1f}" if last else "0",
            "status": run.status,
            "folder": str(run.folder),
        }
    )
    command = shlex.join(["ppl-zoo", "evaluate", str(run.folder)])
    console.print(f"Score it with: {command}", soft_wrap=True)
