"""Every module can be imported by itself, before any other of the package."""

import ast
import importlib
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import inference
from inference import signposts

ROOT = Path(inference.__file__).parent


def _modules() -> dict[str, Path]:
    found = {}
    for path in ROOT.rglob("*.py"):
        parts = path.relative_to(ROOT.parent).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def _imported(source: str, modules: dict[str, Path]) -> set[str]:
    """What is imported as a module is: neither within functions nor for type checkers alone."""
    found = set()
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import):
            found |= {each.name for each in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{each.name}" for each in node.names}
            found |= inner & set(modules) or {node.module}
    return found & set(modules)


def test_no_import_comes_back_to_its_module():
    modules = _modules()
    assert len(modules) > 150
    graph = {name: _imported(path.read_text(), modules) for name, path in modules.items()}
    TopologicalSorter(graph).prepare()  # raises CycleError


def test_every_module_can_be_imported():
    for name in sorted(_modules(), reverse=True):
        assert importlib.import_module(name).__name__ == name


def test_a_module_is_imported_where_it_stands():
    modules = _modules()
    source = "from inference import errors\nfrom inference.data.rows import cut\nimport numpy\n"
    assert _imported(source, modules) == {"inference.errors", "inference.data.rows"}
    assert not _imported("def f():\n    from inference import errors\n", modules)


@pytest.mark.parametrize("old", ["moved", "likelihood.weighing", "mcmc.nuts"])
def test_an_old_path_says_where_its_module_went(old: str):
    with pytest.raises(ModuleNotFoundError, match=r"has moved: import inference\.") as refused:
        importlib.import_module(f"inference.{old}")
    new = str(refused.value).rpartition("import ")[2].rstrip(".")
    assert importlib.import_module(new)


def test_an_old_path_that_is_taken_from_its_package_says_so_too():
    with pytest.raises(ModuleNotFoundError, match=r"has moved: import inference\.posterior\."):
        exec("from inference import mcmc")
    with pytest.raises(ImportError, match="cannot import name"):
        exec("from inference import nonsense")


def test_the_signposts_lead_somewhere():
    known = _modules()
    for new in signposts.MOVED.values():
        for each in new.replace(" or ", ", ").split(", "):
            assert f"inference.{each.removeprefix('inference.')}" in known, each


def test_completion_offers_what_is_public_and_nothing_else() -> None:
    for name in ("inference", "ppl_models", "ppl_models.datasets", "inference.objectives.losses"):
        module = importlib.import_module(name)
        offered = [each for each in dir(module) if not each.startswith("_")]
        assert set(module.__all__) <= set(offered)
        assert not {"Any", "annotations", "TYPE_CHECKING", "Iterable", "os"} & set(offered)
        assert all(hasattr(module, each) for each in offered)
