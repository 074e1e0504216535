"""Models of other packages: temporary ones, with the metadata that pip would have written."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from inference.cli import app
from ppl_models import create, info, list_models
from ppl_models._plugins import PluginError

CARD = (
    '+++\ntitle = "Acme\'s model"\nreference = "Acme 2026"\nlatents = { z = [2] }\n+++\nA story.\n'
)
PAIR = """
from ppl_models import Pair

__all__ = ["Acme"]


class Acme(Pair):
    engine = "{engine}"

    def __init__(self, *, data_dim: int = 3) -> None:
        self.data_dim = data_dim
"""
PYRO, NUMPYRO = PAIR.format(engine="pyro"), PAIR.format(engine="numpyro")
GOOD = {"acme/__init__.py": "", "acme/acme_net.py": PYRO, "acme/acme_net.md": CARD}
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Put files on the path, with a distribution that declares an entry point for them."""
    before = set(sys.modules)

    def put(
        files: dict[str, str], name: str = "acme_net", value: str = "acme", by: str = "acme-zoo"
    ) -> None:
        site = tmp_path / by
        metadata = {
            f"{by}-1.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {by}\nVersion: 1\n",
            f"{by}-1.dist-info/entry_points.txt": f"[ppl_models.models]\n{name} = {value}\n",
        }
        for path, text in {**files, **metadata}.items():
            (site / path).parent.mkdir(parents=True, exist_ok=True)
            (site / path).write_text(text)
        monkeypatch.syspath_prepend(site)

    yield put
    for module in set(sys.modules) - before:
        if module.partition(".")[0] in ("acme", "other"):
            del sys.modules[module]


def without(*names: str, **instead: str) -> dict[str, str]:
    """The good package's files without some, or with other text in some."""
    files = {path: text for path, text in GOOD.items() if path not in names}
    return files | {f"acme/acme_net.{suffix}": text for suffix, text in instead.items()}


def test_a_plugin_is_a_model_like_the_others(install: Install) -> None:
    zoo = list_models()
    install(GOOD | {"acme/acme_net_numpyro.py": NUMPYRO})
    assert list_models() == sorted([*zoo, "acme_net"])
    assert list_models("acme*", engine="numpyro") == ["acme_net"]
    card = info("acme_net")
    assert (card.name, card.title, card.family) == ("acme_net", "Acme's model", "acme")
    assert card.engines == ("numpyro", "pyro")
    for engine in card.engines:
        pair: Any = create("acme_net", engine=engine, data_dim=5)
        assert type(pair).__name__ == "Acme"
        assert pair.engine == engine
        assert pair.hyperparameters == {"data_dim": 5}
    with pytest.raises(TypeError, match=r"'acme_net' has no hyperparameter 'data_dims'\. Did you"):
        create("acme_net", data_dims=5)
    with pytest.raises(ValueError, match=r"no model 'acme_nett'\. Did you mean 'acme_net'"):
        create("acme_nett")


def test_nothing_of_a_plugin_runs_before_it_is_created(install: Install) -> None:
    """Not even the packages that it lies in, so that no framework is imported by a list."""
    stops = "raise RuntimeError('this ran')\n"
    files = {
        "acme/__init__.py": stops,
        "acme/models/__init__.py": stops,
        "acme/models/acme_net_numpyro.py": stops + NUMPYRO,
        "acme/models/acme_net.md": CARD,
    }
    install(files, value="acme.models")
    assert "acme_net" in list_models(engine="numpyro")
    assert "acme_net" not in list_models(engine="pyro")
    assert info("acme_net").family == "acme.models"
    printed = CliRunner().invoke(app, ["show", "acme_net"]).stdout
    assert "data_dim" in printed
    assert not [module for module in sys.modules if module.partition(".")[0] == "acme"]
    with pytest.raises(ValueError, match="no pyro pair; it exists for: numpyro"):
        create("acme_net", engine="pyro")
    with pytest.raises(PluginError, match="failed with RuntimeError: this ran"):
        create("acme_net")


@pytest.mark.parametrize(
    ("files", "entry", "words"),
    [
        ({}, {}, "'acme' is not there; install the distribution again"),
        ({"acme.py": PYRO}, {}, "'acme' is a module; its value must be a package"),
        (GOOD, {"value": "acme.models"}, "'acme.models' is not there; install"),
        (GOOD, {"value": "acme:Acme"}, "must be a package with acme_net.py .* got 'acme:Acme'"),
        (GOOD, {"name": "Acme-Net"}, "a model's name has small letters"),
        (GOOD, {"name": "acme_numpyro"}, "does not end in _numpyro"),
        (without("acme/acme_net.py"), {}, "has neither acme_net.py .* nor acme_net_numpyro.py"),
        (without(py="def f(:\n"), {}, "acme_net.py is no Python: line 1"),
        (without(py=PYRO.replace("__all__", "names")), {}, "must name its pair, a class of that"),
        (without(py="pair = 3\n__all__ = ['pair']\n"), {}, "a class of that file, alone in __all_"),
        (without("acme/acme_net.md"), {}, "'acme' has no card acme_net.md; add it"),
        (without(md="A story."), {}, "acme_net.md must begin with TOML facts"),
        (GOOD, {"name": "vae"}, "the zoo has a model of that name"),
    ],
)
def test_a_broken_plugin_is_named_and_breaks_nothing(
    install: Install, files: dict[str, str], entry: dict[str, str], words: str
) -> None:
    zoo = list_models()
    install(files, **entry)
    good = {"other/__init__.py": "", "other/other_net.py": PYRO, "other/other_net.md": CARD}
    install(good, name="other_net", value="other", by="other-zoo")
    name = entry.get("name", "acme_net")
    sentence = rf"^The plugin '{name}' of the distribution 'acme-zoo' is left out: .*{words}"
    with pytest.warns(UserWarning, match=sentence) as warned:
        assert list_models() == sorted([*zoo, "other_net"])
    assert [warning.filename for warning in warned] == [__file__]
    assert create("other_net", engine="pyro").engine == "pyro"  # and says nothing about the first
    if name in zoo:
        assert info(name).family == "directed"
    else:
        for ask in (info, create):
            with pytest.raises(ValueError, match=sentence):
                ask(name)


def test_the_first_of_two_plugins_of_one_name_stays(install: Install) -> None:
    install(GOOD, by="acme-zoo")
    install(GOOD, by="second-zoo")  # in front of the first
    with pytest.warns(UserWarning, match="'acme-zoo' is left out: 'second-zoo' has a model of"):
        assert list_models().count("acme_net") == 1


@pytest.mark.parametrize(
    ("source", "words"),
    [
        ("import acme_is_missing\n" + PYRO, "acme.acme_net failed with ModuleNotFoundError"),
        (PYRO + "\nraise GeneratorExit\n", "acme.acme_net failed with GeneratorExit"),
        (PYRO.replace("(Pair)", ""), "Acme'> is no class that derives from ppl_models.Pair"),
        (PYRO + "\nAcme = 3\n", "3 is no class that derives"),
        (NUMPYRO, "Acme.engine must be 'pyro'"),
    ],
)
def test_what_only_an_import_shows_is_said_by_create(
    install: Install, source: str, words: str
) -> None:
    install(without(py=source))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert "acme_net" in list_models()
        assert info("acme_net").title
    whole = f"^The plugin 'acme_net' of the distribution 'acme-zoo' cannot be used: .*{words}"
    with pytest.raises(PluginError, match=whole) as caught:
        create("acme_net", engine="pyro")
    assert isinstance(caught.value, ImportError)
    answer = CliRunner().invoke(app, ["train", "acme_net", "--engine", "pyro", "--steps", "1"])
    assert answer.exit_code == 2
    assert "The plugin 'acme_net'" in answer.stderr
    assert "Install another release of 'acme-zoo'" in answer.stderr


@pytest.mark.filterwarnings("default")
def test_the_command_lists_what_is_left(install: Install) -> None:
    install({})
    shown = CliRunner().invoke(app, ["list"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    assert "vae" in shown.stdout
    assert shown.stderr.startswith("warning: The plugin 'acme_net' of the distribution 'acme-zoo'")
    assert shown.stderr.count("\n") == 1


@pytest.mark.parametrize(
    "instead",
    [
        {"py": "(" * 50_000},
        {"py": "x = " + "-" * 100_000 + "1"},
        {"py": "x = 1\0"},
        {"md": "+++\nx = " + "[" * 50_000 + "\n+++\n"},
        {"md": "+++\nseed = " + "9" * 5_000 + "\n+++\n"},
    ],
    ids=["parentheses", "signs", "null byte", "card nested", "card of digits"],
)
def test_a_hostile_plugin_does_not_take_the_others_along(
    install: Install, instead: dict[str, str]
) -> None:
    zoo = list_models()
    install(without(**instead))
    with pytest.warns(UserWarning, match="acme_net.*is left out"):
        assert list_models() == zoo
