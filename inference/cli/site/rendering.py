"""Markdown to a page of HTML, by markdown-it and a template."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from importlib.resources import files

from jinja2 import Template
from markdown_it import MarkdownIt

_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_OUTSIDE = re.compile(r"^[a-z][a-z0-9+.-]*:")  # https:, mailto: ...


def rendered(text: str) -> str:
    """The HTML of a Markdown text; headings have ids, links to `.md` go to `.html`.

    Raw HTML is shown and not obeyed; comments are left out.
    """
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse(_COMMENT.sub("", text))
    seen: dict[str, int] = {}
    for place, token in enumerate(tokens):
        if token.type == "heading_open":
            slug = slug_of(tokens[place + 1].content)
            seen[slug] = seen.get(slug, -1) + 1
            token.attrSet("id", f"{slug}-{seen[slug]}" if seen[slug] else slug)
        for child in token.children or ():
            if child.type == "link_open":
                child.attrSet("href", target(str(child.attrGet("href"))))
    return parser.renderer.render(tokens, parser.options, {})


def slug_of(heading: str) -> str:
    """The id of a heading, as code hosts make it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-")


def target(link: str) -> str:
    """Where a link of Markdown leads on the site."""
    if _OUTSIDE.match(link) or link.startswith("#"):
        return link
    path, mark, part = link.partition("#")
    if path.endswith(".md"):
        folder, slash, name = path.rpartition("/")
        up = folder.strip("./") == ""  # only the README beside or above all pages is the index
        stem = "index" if name == "README.md" and up else name.removesuffix(".md")
        path = f"{folder}{slash}{stem}.html"
    return f"{path}{mark}{part}"


def page(title: str, body: str, menu: Sequence[tuple[str, str]], root: str, version: str) -> str:
    """A whole page.

    Args:
        title: of the page.
        body: its HTML.
        menu: title and address from the root, of each page that all pages name.
        root: the way from the page to the root, such as `"../"`.
        version: of the package.
    """
    template = Template((files("inference.cli.site") / "page.html").read_text(encoding="utf-8"))
    return template.render(
        title=html.escape(title), body=body, menu=menu, root=root, version=version
    )
