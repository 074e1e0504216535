"""What the command line reads: `--set`, hyperparameters from source, data ids; no framework."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer

import ppl_models
from inference.errors import ArgumentError
from ppl_models import Card

_SUFFIX = {"pyro": "", "numpyro": "_numpyro"}
_DATA_ID = re.compile(
    r"(?P<name>[^/]+)/train/(?P<binarisation>[a-z]+)(/seed=(?P<seed>\d+))?/[0-9a-f]+"
)
_OPTIONS = {
    **{
        name: f"--{name.replace('_', '-')}"
        for name in (
            *("out", "resume", "epochs", "steps", "seconds", "batch_size", "learning_rate"),
            *("schedule", "clip_norm", "patience", "seed", "device", "objective", "method"),
        )
    },
    "num_particles": "--particles",
}
_KEYWORD = re.compile(rf"(?:(?<=\s)|^)({'|'.join(_OPTIONS)})=(True\b)?(?P<value>[\w'\"])?")
_SETTING = re.compile(r"(?<=\s)(?=(data_dim|likelihood)=)")


@dataclass(frozen=True)
class Hyperparameter:
    """A keyword of a pair's constructor: its default as written, and what its docstring says."""

    default: str
    meaning: str


def hyperparameters(card: Card, engine: str) -> dict[str, Hyperparameter]:
    """The constructor's keywords, read from the pair's source, so that no framework is imported.

    Returns:
        Name to hyperparameter; empty where the class inherits its constructor.
    """
    source = Path(ppl_models.__file__).parent / card.family / f"{card.name}{_SUFFIX[engine]}.py"
    tree = ast.parse(source.read_text(encoding="utf-8"))
    public: list[str] = []
    classes: dict[str, ast.ClassDef] = {}
    for node in tree.body:
        if isinstance(node, ast.ClassDef):
            classes[node.name] = node
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            public = ast.literal_eval(node.value)
    pair = classes[public[0]]
    meanings = _described(ast.get_docstring(pair) or "")
    for node in pair.body:
        if isinstance(node, ast.FunctionDef) and node.name == "__init__":
            return {
                argument.arg: Hyperparameter(
                    default="required" if default is None else ast.unparse(default),
                    meaning=meanings.get(argument.arg, ""),
                )
                for argument, default in zip(
                    node.args.kwonlyargs, node.args.kw_defaults, strict=True
                )
            }
    return {}


def _described(docstring: str) -> dict[str, str]:
    """Name to text of the `Args:` section of a Google-style docstring."""
    _, _, section = inspect.cleandoc(docstring).partition("\nArgs:\n")
    section = re.split(r"\n(?=\S)", section)[0]
    found = re.findall(r"^    (\w+): (.*(?:\n {8,}.*)*)", section, flags=re.MULTILINE)
    return {name: " ".join(text.split()) for name, text in found}


def parse_settings(items: Sequence[str], accepted: dict[str, Hyperparameter]) -> dict[str, Any]:
    """Hyperparameters from `KEY=VALUE` words: Python literals, and bare words as strings.

    Args:
        items: for example `["latent_dim=20", "hidden=200,200", "activation=relu"]`.
        accepted: what the pair takes; a single value becomes a tuple where the default is one.

    Raises:
        ArgumentError: if an item is not of that form.
    """
    settings: dict[str, Any] = {}
    for item in items:
        key, equals, text = item.partition("=")
        if not equals or not key.strip().isidentifier():
            raise ArgumentError(
                f"--set must be KEY=VALUE, for example --set latent_dim=20; got {item!r}."
            )
        known = accepted.get(key.strip())
        value = _value(text)
        if known is not None and not isinstance(value, (tuple, list)):
            value = (value,) if isinstance(_value(known.default), tuple) else value
        settings[key.strip()] = value
    return settings


def _value(text: str) -> Any:
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError):
        return text.strip()


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
            "score it in Python: inference.log_likelihood(inference.load_run(RUN).pair, x)."
        )
    options: dict[str, Any] = {"binarisation": binarisation(found["binarisation"])}
    if found["seed"] is not None:
        options["seed"] = int(found["seed"])
    return found["name"], options


def binarisation(word: str) -> str | None:
    """What `load` calls it: None for `"grey"`."""
    return None if word == "grey" else word


def in_options(message: str) -> str:
    """A message of the library on one line, with its keywords as the options of the command."""

    def option(found: re.Match[str]) -> str:
        value = found["value"]
        return _OPTIONS[found[1]] + ("" if value is None else f" {value}")

    return _SETTING.sub("--set ", _KEYWORD.sub(option, " ".join(message.splitlines())))


def resume_command(context: typer.Context, folder: Path) -> str:
    """The command that goes on with an interrupted `train`, quoted for a shell."""
    words = ["ppl-zoo", "train"]
    for parameter in context.command.params:
        name = parameter.name or ""
        source = context.get_parameter_source(name)
        if source is None or source.name != "COMMANDLINE" or name in ("out", "resume"):
            continue
        value = context.params[name]
        if parameter.param_type_name == "argument":
            words.append(str(value))
        elif value is True:
            words.append(parameter.opts[0])
        else:
            for item in value if isinstance(value, (list, tuple)) else [value]:
                words += [parameter.opts[0], str(item)]
    return shlex.join([*words, "--out", str(folder), "--resume"])
