"""Links of a site that lead nowhere."""

from __future__ import annotations

from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class _Page(HTMLParser):
    """The links and the ids of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what the tag leads to, and what leads to it."""
        del tag
        for name, value in attrs:
            if name in ("href", "src") and value:
                self.links.append(value)
            elif name == "id" and value:
                self.ids.add(value)


def dead_links(folder: Path) -> list[str]:
    """Page and link of each that leads to no file and no heading; other sites are not asked."""
    root = folder.resolve()
    pages = {path: _read(path) for path in sorted(root.rglob("*.html"))}
    dead = []
    for path, found in pages.items():
        for link in found.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            place = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            there = pages.get(place)
            astray = not place.is_file() or not place.is_relative_to(root)
            if astray or (parts.fragment and there and parts.fragment not in there.ids):
                dead.append(f"{path.relative_to(root)}: {link}")
    return dead


def _read(path: Path) -> _Page:
    page = _Page()
    page.feed(path.read_text(encoding="utf-8"))
    return page
