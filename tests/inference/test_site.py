"""The site of the documentation: it is built without a network, whole, and no link is dead."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

import inference
from inference.cli import app
from inference.cli.site.build import build
from inference.cli.site.links import dead_links
from inference.cli.site.reference import from_docstring
from inference.cli.site.rendering import rendered, target
from inference.comparison.metrics import METRICS
from inference.objectives.registry import own_kinds
from ppl_models import list_models
from ppl_models.datasets import list_datasets

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("docs") / "site"
    done = CliRunner().invoke(app, ["docs", "--out", str(out), "--clone", str(ROOT)])
    assert done.exit_code == 0, done.output
    return out


def test_everything_that_is_public_is_on_it(site: Path) -> None:
    def text(page: str) -> str:
        return (site / "reference" / f"{page}.html").read_text()

    assert all(f'id="{kind.__name__.lower()}"' in text("objectives") for kind in own_kinds())
    assert all(f"<code>{name}</code>" in text("metrics") for name in METRICS)
    assert all(f'id="{name}"' in text("datasets") for name in list_datasets())
    assert all(f"cards/{name}.html" in text("models") for name in list_models())
    assert all((site / "ppl_models" / "cards" / f"{name}.html").is_file() for name in list_models())
    functions = ["fit", "compare", "log_likelihood", "drawn_rows", "NUTS"]
    assert all(f'id="{name.lower()}"' in text("functions") for name in functions)
    assert set(functions) <= set(inference.__all__)
    for command in ("train", "evaluate", "data show", "docs"):
        assert f'<h2 id="ppl-zoo-{command.replace(" ", "-")}"' in text("commands")
    assert "--rows" in text("commands")
    assert "--first" not in text("commands")


def test_the_guides_are_on_it(site: Path) -> None:
    pages = {path.stem for path in (ROOT / "docs").glob("*.md")}
    assert pages >= {"global_latents", "glossary", "which_objective", "objectives", "trust"}
    assert pages <= {path.stem for path in (site / "docs").glob("*.html")}
    assert (site / "docs" / "digits.png").read_bytes().startswith(b"\x89PNG")
    assert "<table>" in (site / "docs" / "glossary.html").read_text()
    index = (site / "index.html").read_text()
    assert "http" not in "".join(part.split('"')[0] for part in index.split('src="')[1:])


def test_a_dead_link_is_found(site: Path, tmp_path: Path) -> None:
    assert dead_links(site) == []
    (tmp_path / "a.html").write_text(
        '<h1 id="b">b</h1><a href="a.html#b"></a><a href="#c"></a><a href="d.html"></a>'
        '<a href="https://example.org/e"></a><img src="f.png"><a href="../g.html"></a>'
    )
    assert dead_links(tmp_path) == [
        f"a.html: {link}" for link in ("#c", "d.html", "f.png", "../g.html")
    ]


def test_a_clone_that_is_none_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "site"
    done = CliRunner().invoke(app, ["docs", "--out", str(out), "--clone", str(tmp_path)])
    assert done.exit_code == 2
    assert done.stderr.startswith(f"error: --clone {tmp_path}: the folder is in no clone")
    assert not out.exists()


def test_without_a_clone_it_is_cards_and_reference(tmp_path: Path) -> None:
    assert build(tmp_path, None) == []
    assert not (tmp_path / "docs").exists()
    assert "vae" in (tmp_path / "reference" / "models.html").read_text()


def test_links_of_markdown_lead_to_pages() -> None:
    assert target("docs/a.md#b") == "docs/a.html#b"
    assert target("../README.md") == "../index.html"
    assert target("inference/README.md") == "inference/README.html"
    assert target("https://example.org/a.md") == "https://example.org/a.md"
    page = rendered("# A b\n\n# A b\n\n<script>x</script>\n\n<!-- hidden -->\n\n[c](d.md)")
    assert 'id="a-b"' in page
    assert 'id="a-b-1"' in page
    assert "<script>" not in page
    assert "hidden" not in page
    assert 'href="d.html"' in page


def test_sections_of_a_docstring_are_lists() -> None:
    text = "Do it.\n\nArgs:\n    x: the data,\n        of N rows.\n    **more: the rest.\n"
    found = [line for line in from_docstring(text).split("\n") if line]
    assert found == [
        "Do it.",
        "**Args**",
        "- `x`: the data,",
        "  of N rows.",
        "- `**more`: the rest.",
    ]
