"""The folder of networks: what lies where, and where it went."""

from __future__ import annotations

import importlib
from pathlib import Path

import pytest

from ppl_models import networks
from ppl_models._signposts import new_path

FOLDER = Path(networks.__file__).parent
MOVED = [path for path in FOLDER.glob("*/*.py") if path.stem != "__init__"]


def test_no_two_networks_have_one_name():
    """The meaning of a model's file, and the signposts, go by it."""
    names = [path.stem for path in [*MOVED, *FOLDER.glob("*.py")] if path.stem != "__init__"]
    assert len(names) == len(set(names)) > 80
    assert not {path.parent.name for path in MOVED} & set(names)


def test_every_folder_says_in_a_line_what_is_inside():
    for folder in {path.parent for path in MOVED}:
        assert len((folder / "__init__.py").read_text().splitlines()) == 1


@pytest.mark.parametrize("path", MOVED, ids=lambda path: path.stem)
def test_an_old_path_says_where_the_network_lies(path: Path):
    old = f"ppl_models.networks.{path.stem}"
    new = f"ppl_models.networks.{path.parent.name}.{path.stem}"
    with pytest.raises(ModuleNotFoundError, match=f"^{old} has moved: import {new}.$"):
        importlib.import_module(old)
    with pytest.raises(ModuleNotFoundError, match=f"has moved: import {new}"):
        exec(f"from ppl_models.networks import {path.stem}")
    assert (FOLDER / path.parent.name / f"{path.stem}.py").exists()


def test_other_names_are_as_unknown_as_ever():
    assert not new_path("ppl_models.networks.__init__")
    assert not new_path("ppl_models.networks.energies.nade")
    assert new_path("ppl_models.networks.frames") == "ppl_models.networks.recurrence.step_laws"
    with pytest.raises(ModuleNotFoundError, match="No module named"):
        importlib.import_module("ppl_models.networks.nonsense")


@pytest.mark.parametrize("suffix", ["", "_numpyro"])
@pytest.mark.parametrize(
    ("module", "name"), [("critics", "ConvCritic"), ("dense_critic", "DenseCritic"), ("mlp", "MLP")]
)
def test_networks_that_users_build_stay_where_they_were(suffix: str, module: str, name: str):
    """The docs, packages made by `ppl-zoo new` and specs of runs name them so."""
    path = f"ppl_models.networks.{module}{suffix}"
    assert getattr(importlib.import_module(path), name).__module__ == path
