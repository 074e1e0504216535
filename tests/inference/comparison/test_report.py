"""The report's file, read without a browser: what is in it, what cannot be, and how it is written.

Truth: the numbers and strings that were given, an HTML parser, SHA-256, the PNG decoder, and the
contrast ratio of WCAG 2.2.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from report_contents import HOSTILE, SHOWN, everywhere, images, known

from inference.errors import ArgumentError
from inference.report import (
    Cell,
    Column,
    Content,
    Curve,
    Plot,
    Row,
    Scatter,
    Series,
    Sheet,
    render,
    write_report,
)


class Page(HTMLParser):
    """The elements of a page, and the text within them."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.texts.append((self.elements[-1][0] if self.elements else "", data))

    def names(self) -> Counter[str]:
        return Counter(f"{tag} {' '.join(sorted(attrs))}" for tag, attrs in self.elements)

    def attribute(self, tag: str, name: str) -> list[str]:
        return [
            attrs[name] or "" for found, attrs in self.elements if found == tag and name in attrs
        ]

    def figures(self) -> dict[str, Any]:
        text = next(data for tag, data in self.texts if tag == "script")
        return json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} in the page"))


def decoded(source: str) -> np.ndarray:
    kind, _, content = source.partition(",")
    assert kind == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))))


def test_hostile_strings_make_no_element_and_no_attribute() -> None:
    page = Page(render(everywhere(list(HOSTILE))))
    benign = Page(render(everywhere([f"benign {place}" for place in range(len(HOSTILE))])))
    assert page.names() == benign.names()
    shown = {data for tag, data in page.texts if tag == "bdi"}
    assert set(SHOWN) <= shown
    assert len(SHOWN) == 15


def test_hostile_strings_are_inert_in_the_block_of_numbers() -> None:
    text = render(everywhere(list(HOSTILE)))
    block = text.split('id="figures">')[1].split("</script>")[0]
    assert block.isascii()
    assert not set("<>&'") & set(block)
    keys = [key["label"] for key in json.loads(block)["curves"]["keys"]]
    assert keys == SHOWN


def test_policy_names_the_style_and_every_script_and_allows_nothing_else() -> None:
    text = render(known())
    page = Page(text)
    policy = dict(part.split(" ", 1) for part in page.attribute("meta", "content")[0].split("; "))
    scripts = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    styles = re.findall(r"<style>(.*?)</style>", text, re.DOTALL)
    for allowed, found in ((policy["script-src"], scripts), (policy["style-src"], styles)):
        digests = [base64.b64encode(hashlib.sha256(each.encode()).digest()) for each in found]
        assert allowed.split() == [f"'sha256-{digest.decode()}'" for digest in digests]
    assert policy["default-src"] == "'none'"
    assert policy["img-src"] == "data:"
    assert "'none'" == policy["base-uri"] == policy["form-action"]
    assert text.index("Content-Security-Policy") < text.index("<style>")


def test_nothing_outside_the_file_is_named() -> None:
    text = render(known())
    assert "://" not in text
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest|innerHTML|\bsrc=\"(?!data:)", text)
    for tag, attributes in Page(text).elements:
        assert not {name for name in attributes if name == "style" or name.startswith("on")}, tag
        assert (attributes.get("href") or "#").startswith("#")


def test_what_is_empty_does_not_appear() -> None:
    bare = Page(render(Content("Bare")))
    found = [attrs.get("id") for tag, attrs in bare.elements if tag == "section"]
    assert found == []
    assert bare.figures() == {}
    assert bare.attribute("nav", "aria-label") == []
    full = Page(render(known()))
    sections = ["ranking", "curves", "latents", "lines", "samples", "commands"]
    assert [attrs["id"] for tag, attrs in full.elements if tag == "section"] == sections
    assert full.attribute("a", "href") == [f"#{name}" for name in sections]


def test_numbers_reach_the_page_as_they_were_given() -> None:
    content = known()
    page = Page(render(content))
    given = [cell for row in content.rows for cell in row.cells]
    shown = [
        attrs for tag, attrs in page.elements if tag == "td" and "value" in str(attrs["class"])
    ]
    assert len(shown) == len(given) == 8
    for attributes, cell in zip(shown, given, strict=True):
        value = attributes.get("data-value")
        assert (None if value is None else float(value)) == (
            cell.value if np.isfinite(np.array(cell.value, float)) else None
        )
        assert ("best" in str(attributes["class"]).split()) == cell.best
    (panel,) = page.figures()["curves"]["panels"]
    for series, curve in zip(panel["series"], content.curves, strict=True):
        drawn = np.array([np.nan if each is None else each for each in series["y"]])
        values = np.asarray(curve.values)
        np.testing.assert_array_equal(drawn, np.where(np.isfinite(values), values, np.nan))
        np.testing.assert_array_equal(series["x"], [curve.steps, curve.seconds])
    assert panel["note"] == "Not drawn, as their values are not finite: 2 of the points."


def test_what_is_not_finite_is_a_word_and_never_a_number() -> None:
    cells = [Cell("nan", float("nan"), best=True), Cell("inf", float("inf")), Cell("", None)]
    text = render(
        Content(
            "t",
            columns=(Column("a"),),
            label_names=("l",),
            rows=tuple(Row(("l",), (cell,)) for cell in cells),
        )
    )
    table = text[text.index("<tbody>") : text.index("</tbody>")]
    assert re.findall(r"<bdi>(.*?)</bdi>", table) == ["not finite", "not finite", "no value"]
    assert "data-value" not in table
    assert "best" not in table
    steps = [0, 1, 2, 3]
    curve = Curve("a", "b", "", steps, None, [1e305, -np.inf, np.nan, 2.0])
    plot = Plot("p", "x", "y", (Series("a", "g", [0, 1, 2, 3], [1, -1, np.nan, 2]),), True, True)
    figures = Page(render(Content("t", curves=(curve,), lines=(plot,)))).figures()
    (series,) = figures["curves"]["panels"][0]["series"]
    assert series["y"] == [None, None, None, 2.0]
    assert len(figures["curves"]["panels"][0]["x"]) == 1  # no seconds were measured
    (series,) = figures["lines"]["panels"][0]["series"]
    assert (series["x"], series["y"]) == ([[None, 1.0, 2.0, 3.0]], [1.0, None, None, 2.0])
    assert "positive: 3 of the points" in figures["lines"]["panels"][0]["note"]


def test_intervals_lie_where_value_and_spread_are() -> None:
    values, spreads = [1.0, 4.0, 11.0], [1.0, 0.5, 0.0]
    rows = tuple(
        Row(("l",), (Cell("", value, spread),))
        for value, spread in zip(values, spreads, strict=True)
    )
    text = render(Content("t", label_names=("l",), columns=(Column("c"),), rows=rows))
    found = re.findall(r'd="M([\d.]+) 4H([\d.]+)"/><circle cx="([\d.]+)"', text)
    low, high, middle = np.array(found, dtype=float).T
    unit = (middle[2] - middle[0]) / 10  # of the drawing, for one of the column
    np.testing.assert_allclose(middle, middle[0] + unit * (np.array(values) - 1), atol=0.01)
    np.testing.assert_allclose(
        [middle - low, high - middle], [unit * np.array(spreads)] * 2, atol=0.02
    )


def test_samples_are_the_images_that_were_given() -> None:
    given = images(14)
    wild = given.astype(float) / 255
    wild[0, 0, 0], wild[1, 0, 0], wild[2, 0, 0] = np.nan, 7.0, -1.0
    text = render(Content("t", samples=(Sheet("s", wild),)))
    (picture,) = (decoded(source) for source in Page(text).attribute("img", "src"))
    assert picture.shape == (2 * 4 - 1, 12 * 5 - 1, 2)
    expected = given.copy()
    expected[1, 0, 0], expected[2, 0, 0] = 255, 0
    for place, image in enumerate(expected):
        top, left = place // 12 * 4, place % 12 * 5
        tile = picture[top : top + 3, left : left + 4]
        opaque = np.ones((3, 4), bool)
        opaque[0, 0] = place != 0
        np.testing.assert_array_equal(tile[..., 1], np.where(opaque, 255, 0))
        np.testing.assert_array_equal(tile[..., 0][opaque], image[opaque])
    assert not picture[3].any()
    assert not picture[:, 4::5].any()
    assert "not finite: 1 of the pixels" in text


def test_points_keep_their_images_and_classes() -> None:
    given, classes = images(7), ["10", "9", "9", "a", "10", "9", "a"]
    x, y = np.arange(7.0), np.arange(7.0) ** 2
    page = Page(render(Content("t", latents=(Scatter("s", x, y, classes, given),))))
    section = page.figures()["latents"]
    assert [key["label"] for key in section["keys"]] == ["9", "10", "a"]
    (panel,) = section["panels"]
    picture, across = decoded(panel["atlas"]["source"]), panel["atlas"]["columns"]
    seen = 0
    for series in panel["series"]:
        for px, py, place in zip(series["x"][0], series["y"], series["place"], strict=True):
            assert (px, py) == (x[place], y[place])
            assert section["keys"][series["key"]]["label"] == classes[place]
            top, left = place // across * 3, place % across * 4
            np.testing.assert_array_equal(picture[top : top + 3, left : left + 4], given[place])
            seen += 1
    assert seen == 7


def test_an_algorithm_has_one_colour_on_the_whole_page() -> None:
    page = Page(render(known()))
    figures = page.figures()
    colour = {key["label"]: key["colour"] for key in figures["curves"]["keys"]}
    assert colour == {"ELBO": 0, "IWAE": 1, "RWS": 2}
    assert {key["label"]: key["colour"] for key in figures["lines"]["keys"]} == {
        "IWAE": 1,
        "DReG": 3,
    }
    swatches = [c for c in page.attribute("svg", "class") if "swatch" in c]
    assert swatches == ["swatch k0 d0", "swatch k1 d0", "swatch k2 d0"]


def test_a_failed_row_says_why() -> None:
    page = Page(render(replace(known(), rows=(Row(("a", "b", "c"), failed=""),))))
    assert ("bdi", "no reason was given") in page.texts
    page = Page(render(known()))
    assert ("bdi", "a guide without rsample") in page.texts
    assert ("code", "Traceback:\n  line 3") in page.texts


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Column("c", better="most"), "column 'c': better must be 'higher'"),  # pyright: ignore[reportArgumentType]
        (lambda: Curve("c", "q", "", [1, 2], None, [1]), "curve 'c': steps must have shape (1,)"),
        (lambda: Curve("c", "q", "", [1], [1, 2], [1]), "curve 'c': seconds must have shape (1,)"),
        (lambda: Curve("c", "q", "", ["x"], None, [1]), "curve 'c': steps must be numbers"),
        (lambda: Scatter("s", [[1, 2]], [1]), "scatter 's': x must have shape (T,)"),
        (lambda: Scatter("s", [1, 2], [1, 2], ["a"]), "scatter 's': classes must be a string"),
        (lambda: Scatter("s", [1], [1], [7]), "got 7 among them"),  # pyright: ignore[reportArgumentType]
        (lambda: Scatter("s", [1], [1], None, images(1, 0)), "images must be uint8 of"),
        (lambda: Scatter("s", [1], [1], None, np.zeros((1, 2, 2))), "images must be uint8 of"),
        (lambda: Scatter("s", [1], [1], None, images(2)), "shape (1, height, width)"),
        (lambda: Sheet("s", np.zeros((2, 2))), "sheet 's': images must be numbers of shape (n, "),
        (lambda: Sheet("s", np.zeros((0, 2, 2))), "with one image or more"),
        (lambda: Series("s", "g", [1, 2], [1]), "series 's': y must have shape (2,)"),
        (lambda: Content("t", rows=(Row(("a",)),)), "must have 3 labels"),
        (lambda: Content("t", rows=(Row(("a", "b", "c"), (Cell("1"),)),)), "0 cells"),
        (lambda: Content("t", rows=(Row(("a", "b", "c"), (Cell("1"),), "why"),)), "none if it"),
    ],
)
def test_what_has_no_meaning_is_refused_by_name(build: Any, words: str) -> None:
    with pytest.raises(ArgumentError, match=re.escape(words)):
        build()


def test_writing_is_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "new" / "report.html"
    assert write_report(Content("first"), path) == path
    assert path.read_bytes() == render(Content("first")).encode()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("inference.report.page.os.fsync", full)
    with pytest.raises(ArgumentError, match=r"report\.html.*No space left on device.*Name a file"):
        write_report(Content("second"), path)
    assert path.read_bytes() == render(Content("first")).encode()
    assert list(path.parent.iterdir()) == [path]
    monkeypatch.undo()
    for wrong in (path / "below.html", path.parent, Path("/")):
        with pytest.raises(ArgumentError, match="cannot be written"):
            write_report(Content("third"), wrong)
    assert list(path.parent.iterdir()) == [path]


def test_colours_of_text_and_lines_contrast_with_both_pages() -> None:
    found = re.findall(r"--(\w+): light-dark\(#(\w{6}), #(\w{6})\)", render(Content("t")))
    for theme in (0, 1):
        palette = {name: _luminance(pair[theme]) for name, *pair in found}
        assert len(palette) == 17
        for ground in ("page", "raised"):
            for name in ("text", "muted", "accent", "wrong", *(f"c{place}" for place in range(10))):
                bright, dim = sorted([palette[name], palette[ground]], reverse=True)
                assert (bright + 0.05) / (dim + 0.05) >= 4.5, (name, ground, theme)


def _luminance(colour: str) -> float:
    """WCAG 2.2: relative luminance of an sRGB colour."""
    levels = np.array([int(colour[place : place + 2], 16) for place in (0, 2, 4)]) / 255
    linear = np.where(levels <= 0.04045, levels / 12.92, ((levels + 0.055) / 1.055) ** 2.4)
    return float(linear @ [0.2126, 0.7152, 0.0722])


def test_no_framework_is_imported() -> None:
    code = (
        "import sys, inference.report as report; report.render(report.Content('t'));"
        "print(sorted({'torch', 'jax', 'pyro', 'numpyro', 'matplotlib'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
