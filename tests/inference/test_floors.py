"""The plan of the floors, held against the imports: downwards only, no circle, frameworks below."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FLOORS = (
    {"errors", "literals", "signposts", "names", "descriptions", "tables"},
    {"arguments"},
    {"program"},
    {"engines"},
    {"data"},
    {"pairs"},
    {"objectives"},
    {"likelihood", "samples", "figures", "checking"},
    {"posterior"},
    {"training"},
    {"estimators"},
    {"report"},
    {"comparison"},
    {"published"},
    {"cli"},
)
"""From the lowest to the highest; folders of one floor do not know each other."""

FRAMEWORKS = {"torch", "pyro", "jax", "numpyro", "flax", "optax"}
KNOW_A_FRAMEWORK = (
    "inference.engines.pyro",
    "inference.engines.numpyro",
    "inference.estimators.certificate.programs",  # they are pairs
)
BY_NAME = {
    "inference.engines.first_statement": "it asks both libraries whose statement came first",
}
"""Other modules that may import a framework, with the reason."""


def modules(package: str) -> dict[str, Path]:
    """The modules of a package by name."""
    found = {}
    for path in sorted((ROOT / package).rglob("*.py")):
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        found[name.removesuffix(".__init__")] = path
    return found


def imports(tree: ast.AST, known: set[str]) -> Iterator[str]:
    """Every module that a file imports: at its top, inside functions, for types, and by its name.

    A name is what `import_module` is given, as a string or the constant beginning of an f-string.
    """
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in known else str(node.module)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            first = node.args[0]
            if isinstance(first, ast.JoinedStr):
                first = first.values[0]
            if isinstance(first, ast.Constant):
                yield str(first.value).rstrip(".")


def floor(module: str) -> int:
    """The number of a module's floor."""
    folder = module.split(".")[1]
    return next(number for number, folders in enumerate(FLOORS) if folder in folders)


def edges(package: str) -> Iterator[tuple[str, str]]:
    """Who imports whom."""
    known = modules(package)
    for name, path in known.items():
        for found in imports(ast.parse(path.read_text()), set(known)):
            yield name, found


def upwards(found: Iterator[tuple[str, str]]) -> list[str]:
    """Imports of `inference` that do not go down the floors."""
    wrong = []
    for above, below in found:
        if above == "inference" or below.split(".")[0] != "inference" or below == "inference":
            continue
        same = above.split(".")[1] == below.split(".")[1]
        if not same and floor(above) <= floor(below):
            wrong.append(f"{above} imports {below}")
    return wrong


def test_imports_go_downwards_only() -> None:
    assert not upwards(edges("inference"))


def test_an_import_upwards_is_seen() -> None:
    assert upwards(iter([("inference.engines.pyro.training", "inference.objectives")]))
    assert upwards(iter([("inference.likelihood.annealing", "inference.samples.modes")]))
    lazy = "def f():\n    from inference.training import fit\n"
    assert list(imports(ast.parse(lazy), set())) == ["inference.training"]
    by_name = "importlib.import_module(f'inference.engines.{name}')"
    assert list(imports(ast.parse(by_name), set())) == ["inference.engines"]


@pytest.mark.parametrize("package", ["inference", "ppl_models"])
def test_packages_do_not_know_each_other(package: str) -> None:
    other = {"inference": "ppl_models", "ppl_models": "inference"}[package]
    wrong = [edge for edge in edges(package) if edge[1].split(".")[0] == other]
    # The command line brings models and learning together.
    assert not [edge for edge in wrong if not edge[0].startswith("inference.cli")]


def test_networks_know_no_pair() -> None:
    wrong = [
        f"{above} imports {below}"
        for above, below in edges("ppl_models")
        if above.startswith("ppl_models.networks.")
        and below.startswith("ppl_models.")
        and not below.startswith(("ppl_models.networks", "ppl_models._shown"))
    ]
    assert not wrong


NETWORKS = (
    {""},
    {"autoregression", "energies", "observations"},
    {"chains", "latent_variables", "recurrence"},
    {"images"},
)
"""Sub-folders of networks from the lowest to the highest; the lowest are the files beside them."""


def network_folder(module: str) -> str:
    """The sub-folder that a network lies in."""
    return module.removeprefix("ppl_models.networks").rpartition(".")[0].removeprefix(".")


def test_folders_of_networks_have_floors() -> None:
    known = {name for name in modules("ppl_models") if name.startswith("ppl_models.networks.")}
    folders = [ROOT / "ppl_models" / "networks", *(ROOT / "ppl_models" / "networks").glob("*/")]
    floors = {folder: number for number, row in enumerate(NETWORKS) for folder in row}
    assert {each.name for each in folders[1:] if each.name != "__pycache__"} == floors.keys() - {""}
    assert all(len([*each.glob("*.py")]) <= 17 for each in folders)  # with `__init__.py`
    wrong = [
        f"{above} imports {below}"
        for above, below in edges("ppl_models")
        if above in known and below in known
        if network_folder(above) != network_folder(below)
        and floors[network_folder(above)] <= floors[network_folder(below)]
    ]
    assert not wrong


def test_only_the_engines_know_a_framework() -> None:
    wrong = [
        f"{above} imports {below}"
        for above, below in edges("inference")
        if below.split(".")[0] in FRAMEWORKS
        and not above.startswith(KNOW_A_FRAMEWORK)
        and above not in BY_NAME
    ]
    assert not wrong


def test_every_folder_has_a_floor() -> None:
    folders = {name.split(".")[1] for name in modules("inference") if "." in name}
    assert folders == set().union(*FLOORS)


def test_the_walk_passes_rooms_that_exist() -> None:
    text = (ROOT / "inference" / "README.md").read_text()
    for room in re.findall(r"`([a-z_/<>]+(?:\.pyi?|/))`", text):
        for engine in ("pyro", "numpyro"):
            path = room.replace("<engine>", engine).replace("<name>", "elbo")
            found = [ROOT / folder / path for folder in ("inference", "", "inference/estimators")]
            assert any(place.exists() for place in found), room
    table = set(re.findall(r"`([a-z]+)(?:/|\.py)`", text.split("## The floors")[1]))
    assert set().union(*FLOORS) - {"signposts"} <= table
