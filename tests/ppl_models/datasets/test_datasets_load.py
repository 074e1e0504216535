from __future__ import annotations

import subprocess
import sys

import pytest

from ppl_models import datasets


def test_the_list_is_the_folder():
    assert {"digits", "mnist"} <= set(datasets.list_datasets())
    assert datasets.list_datasets() == sorted(datasets.list_datasets())
    assert not [name for name in datasets.list_datasets() if name.startswith("_")]


def test_import_brings_in_nothing_heavy():
    code = (
        "import sys, ppl_models.datasets as d; d.list_datasets(); "
        "print({'sklearn', 'pooch', 'requests', 'torch', 'jax', 'scipy'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_unknown_name_gives_the_nearest_and_all():
    with pytest.raises(
        ValueError,
        match=r"no data set 'Mnits'\. Did you mean 'mnist'.*\? Use one of: .*digits, .*mnist",
    ):
        datasets.load("Mnits")


@pytest.mark.parametrize("name", [None, 7, "a name like no other"])
def test_a_name_that_is_near_to_nothing_gives_all(name):
    with pytest.raises(ValueError, match=rf"no data set {name!r}\. Use one of: .*digits"):
        datasets.load(name)


@pytest.mark.parametrize("name", ["_files", "", "__init__"])
def test_private_modules_are_no_datasets(name):
    with pytest.raises(ValueError, match=r"Use one of: "):
        datasets.load(name)


def test_unknown_option_gives_the_nearest_and_all():
    with pytest.raises(
        TypeError,
        match=r"'digits' has no option 'binarization'\. Did you mean 'binarisation'\? "
        r"Use one of: binarisation, label_seed, labels, quadrants, seed\.",
    ):
        datasets.load("digits", binarization="dynamic")
