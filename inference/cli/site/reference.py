"""Pages that are written from docstrings, cards and the command line itself, as Markdown."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

import typer

import inference
from inference.comparison.metrics import METRICS
from inference.objectives.registry import kinds
from inference.objectives.table import as_markdown, rows
from ppl_models import info, list_models
from ppl_models.datasets import description, list_datasets, options_of

_SECTION = re.compile(r"^(Args|Attributes|Returns|Yields|Raises|Examples|Example|Note):$")
_ITEM = re.compile(r"^    (\*{0,2}[\w`\[\]., ]+): (.*)$")


def reference() -> dict[str, str]:
    """Path to text of each page."""
    return {
        "reference/models.md": models(),
        "reference/objectives.md": objectives(),
        "reference/functions.md": functions(),
        "reference/metrics.md": metrics(),
        "reference/datasets.md": datasets(),
        "reference/commands.md": commands(),
    }


def models() -> str:
    """Every model with what its card says at the head."""
    lines = ["# Models", "", "| model | what it is | family | engines | latents | reference |"]
    lines.append("|---|---|---|---|---|---|")
    for name in list_models():
        card = info(name)
        latents = ", ".join(
            f"{site} ({', '.join(map(str, s))})" for site, s in card.latents.items()
        )
        told = (card.title, card.family, ", ".join(card.engines), latents or "none", card.reference)
        lines.append(f"| [`{name}`](../ppl_models/cards/{name}.md) | {' | '.join(told)} |")
    return "\n".join(lines)


def objectives() -> str:
    """The table, and every class's docstring."""
    known = kinds()[0].values()
    parts = ["# Objectives", as_markdown(known)]
    for kind, (call, _, needs) in zip(known, rows(known), strict=True):
        parts += [f"## {kind.__name__}", f"`{call}`. Needs: {needs or 'nothing'}."]
        parts.append(from_docstring(inspect.getdoc(kind) or ""))
    return "\n\n".join(parts)


def functions() -> str:
    """The public functions and classes of `inference`, besides objectives and errors."""
    parts = ["# Functions", "`from inference import ...`."]
    for name, found in _public():
        signature = "" if inspect.isclass(found) else str(_signature(found))
        parts += [f"## {name}", f"```python\n{name}{signature}\n```"]
        parts.append(from_docstring(inspect.getdoc(found) or ""))
    return "\n\n".join(parts)


def _public() -> Iterator[tuple[str, Any]]:
    trained = {kind.__name__ for kind in kinds()[0].values()}
    for name in sorted(inference.__all__, key=str.lower):
        found = getattr(inference, name)
        plain = inspect.isfunction(found) or inspect.isclass(found)
        if plain and name not in trained and not name.endswith("Error"):
            yield name, found


def _signature(function: Any) -> inspect.Signature:
    """Without types, which the docstring has in words."""
    plain = inspect.signature(function)
    bare = [p.replace(annotation=inspect.Parameter.empty) for p in plain.parameters.values()]
    return plain.replace(parameters=bare, return_annotation=inspect.Signature.empty)


def metrics() -> str:
    """What a comparison may ask."""
    lines = [
        "# Metrics",
        "",
        "Of `compare`, `ppl-zoo compare`, `ppl-zoo report --metric` and rows of published figures;",
        "settings follow a colon, `log_likelihood:num_particles=5000`.",
        "",
        "| metric | what it is | unit | better | settings |",
        "|---|---|---|---|---|",
    ]
    for name, metric in METRICS.items():
        what = (inspect.getdoc(metric.measure) or "").partition("\n")[0]
        own = [p for p in list(inspect.signature(metric.measure).parameters)[2:]
               if p not in ("data", "reference")]  # fmt: skip
        told = (what, metric.unit or "-", metric.better or "-", ", ".join(own) or "-")
        lines.append(f"| `{name}` | {' | '.join(told)} |")
    return "\n".join(lines)


def datasets() -> str:
    """What each data set is, and its options."""
    parts = ["# Data sets", "`from ppl_models.datasets import load`."]
    for name in [*list_datasets(), "rows.npz"]:
        title = name if name != "rows.npz" else "A file of your own"
        parts += [f"## {title}", f"`load({name!r})`. Options: {', '.join(options_of(name))}."]
        parts.append(from_docstring(description(name)))
    return "\n\n".join(parts)


def commands() -> str:
    """What `--help` says of every command."""
    from inference.cli import app

    parts = ["# Commands"]
    for name, command in sorted(_commands("ppl-zoo", typer.main.get_command(app))):
        parts += [f"## {name}", inspect.cleandoc(command.help or "")]
        lines = ["| option | what it is |", "|---|---|"]
        for each in command.params:
            if getattr(each, "hidden", False):
                continue
            said = (getattr(each, "help", None) or "").replace("|", "\\|")
            words = ", ".join(each.opts) if each.opts[0].startswith("-") else each.name.upper()
            lines.append(f"| `{words}` | {said} |")
        parts.append("\n".join(lines))
    return "\n\n".join(parts)


def _commands(name: str, command: Any) -> Iterator[tuple[str, Any]]:
    inner = getattr(command, "commands", None)
    if inner is None:
        yield name, command
        return
    for word, each in inner.items():
        yield from _commands(f"{name} {word}", each)


def from_docstring(text: str) -> str:
    """A docstring of Google's style as Markdown: sections as bold words, arguments as a list."""
    lines, in_section = [], False
    for line in text.splitlines():
        if _SECTION.match(line):
            lines += ["", f"**{line[:-1]}**", ""]
            in_section = True
        elif in_section and line and not line.startswith(" "):
            in_section = False
            lines += ["", line]
        elif in_section and (found := _ITEM.match(line)):
            lines.append(f"- `{found[1].strip('`')}`: {found[2]}")
        elif in_section:
            lines.append(line.strip() if not line.strip() else f"  {line.strip()}")
        else:
            lines.append(line)
    return "\n".join(lines)
