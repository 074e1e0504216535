"""The page: one HTML file with its style, scripts, pictures and numbers inside.

What keeps text inert, each enough by itself: Jinja2 escapes every string; charts get theirs from
a block of JSON in which no tag can begin, and write them with textContent; and the content
security policy runs only the scripts whose SHA-256 it names, and lets nothing be loaded.
"""

from __future__ import annotations

import base64
import hashlib
import os
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from inference.errors import ArgumentError
from inference.report.content import Content, Sheet
from inference.report.figures import colours, sections
from inference.report.images import sheet
from inference.report.ranking import ranking
from inference.report.text import as_json, finalize
from inference.training.writing import write_whole

_SCRIPTS = ("scale.js", "chart.js", "section.js", "ranking.js", "page.js")
_ABREAST = 12  # samples side by side


def write_report(content: Content, path: str | os.PathLike[str]) -> Path:
    """Write a report, whole or not at all; a file of that name is replaced.

    Args:
        content: what it shows.
        path: of the HTML file; folders that are missing are made.

    Returns:
        The path.

    Raises:
        ArgumentError: if it cannot be written there.
    """
    page = render(content).encode()
    target = Path(path)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, page)
    except (OSError, ValueError) as error:  # a path without a name is a ValueError
        what = getattr(error, "strerror", None) or error
        raise ArgumentError(
            f"the report cannot be written to {str(target)!r}: {what}. Name a "
            "file in a folder that you may write to, with space left."
        ) from error
    return target


def render(content: Content) -> str:
    """The page as text, to be encoded as UTF-8."""
    colour = colours(content)
    found = sections(content)
    style = _asset("page.css")
    scripts = [_asset(name) for name in _SCRIPTS]
    environment = jinja2.Environment(
        autoescape=True,
        finalize=finalize,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.from_string(_asset("page.html")).render(
        content=content,
        policy=_policy(style, scripts),
        style=Markup(style),
        scripts=[Markup(script) for script in scripts],
        rows=ranking(content, colour),
        charts=[(name, heading) for name, heading in _CHARTS if name in found],
        sheets=[_sheet(each) for each in content.samples],
        figures=as_json(found),
    )


_CHARTS = (("curves", "Learning curves"), ("latents", "Latent space"), ("lines", "Diagnostics"))


def _sheet(given: Sheet) -> dict[str, Any]:
    source, unknown = sheet(np.asarray(given.images), _ABREAST)
    note = f"transparent, as they are not finite: {unknown} of the pixels" if unknown else ""
    return {"label": given.label, "count": len(given.images), "source": source, "note": note}


def _policy(style: str, scripts: list[str]) -> str:
    """The content security policy: this style, these scripts, pictures inside, nothing else."""
    allowed = " ".join(map(_digest, scripts))
    return "; ".join(
        [
            "default-src 'none'",
            f"script-src {allowed}",
            f"style-src {_digest(style)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
        ]
    )


def _digest(text: str) -> str:
    """A source expression of the policy: the SHA-256 of what stands between the tags."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _asset(name: str) -> str:
    return (resources.files("inference.report") / "assets" / name).read_text(encoding="utf-8")
