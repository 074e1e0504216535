"""The site: the pages that somebody wrote, the cards, and the reference, each as HTML."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
from pathlib import Path, PurePosixPath

from inference.cli.site.links import dead_links
from inference.cli.site.reference import reference
from inference.cli.site.rendering import page, rendered, target
from ppl_models import info, list_models

_WRITTEN = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "certificate.md", "docs/*.md",
            "benchmarks/published/README.md", "inference/README.md",
            "tests/inference/styles/corpus.md")  # fmt: skip
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_MENU = ("fitting", "pairs", "own_laws", "comparing", "objectives", "global_latents", "data",
         "measures", "shell", "glossary")  # fmt: skip
_INDEX = """# PPL model zoo

Deep generative models as Pyro and NumPyro model/guide pairs, and every way to train them. The pages
of the reference are written from docstrings and cards; a clone has guides, too.
"""


def build(out: Path, root: Path | None) -> list[str]:
    """Write the site.

    Args:
        out: its folder, whose files of the same names are replaced.
        root: a clone, whose guides are pages too; without it the site is cards and reference.

    Returns:
        The links that lead nowhere, as page and link.
    """
    texts = reference() | {f"ppl_models/cards/{name}.md": _card(name) for name in list_models()}
    texts |= {"README.md": _INDEX} if root is None else _guides(root)
    menu = [("PPL model zoo", "index.html")]
    menu += [(_title(texts[f"docs/{n}.md"]), f"docs/{n}.html") for n in _MENU
             if f"docs/{n}.md" in texts]  # fmt: skip
    menu += [(f"Reference: {Path(p).stem}", target(p)) for p in texts if p.startswith("reference/")]
    version = importlib.metadata.version("ppl-model-zoo")
    for path, text in texts.items():
        place = out / target(path)
        place.parent.mkdir(parents=True, exist_ok=True)
        up = "../" * (len(PurePosixPath(target(path)).parts) - 1)
        whole = page(_title(text), rendered(text), menu, up, version)
        place.write_text(whole, encoding="utf-8")
        if root is not None:
            _bring(root, out, path, text, {*texts})
    return dead_links(out)


def _guides(root: Path) -> dict[str, str]:
    """Path in the clone to text of each page that somebody wrote."""
    found = [path for pattern in _WRITTEN for path in sorted(root.glob(pattern))]
    return {path.relative_to(root).as_posix(): path.read_text(encoding="utf-8") for path in found}


def _card(name: str) -> str:
    """A card with its facts as a table above its story."""
    card = info(name)
    facts = {
        "family": card.family,
        "engines": ", ".join(card.engines),
        "reference": card.reference,
        "exact evidence": "yes" if card.exact else "no",
    }
    lines = [f"| {key} | {value} |" for key, value in facts.items()]
    head = "\n".join(["| | |", "|---|---|", *lines])
    return f"# {card.title}\n\n`create({name!r})`\n\n{head}\n\n{card.text}"


def _title(text: str) -> str:
    found = re.search(r"^# (.+)$", text, re.MULTILINE)
    return found[1].strip() if found else "PPL model zoo"


def _bring(root: Path, out: Path, path: str, text: str, pages: set[str]) -> None:
    """Copy the files of a clone that a page links to, such as pictures and notebooks."""
    for link in _LINK.findall(text):
        if re.match(r"[a-z]+:|#", link):
            continue
        source = (root / path).parent / link.partition("#")[0]
        there = source.resolve()
        inside = there.is_file() and there.is_relative_to(root.resolve())
        name = there.relative_to(root.resolve()).as_posix() if inside else ""
        if inside and name not in pages:
            (out / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(there, out / name)
