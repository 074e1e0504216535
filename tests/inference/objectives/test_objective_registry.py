"""Objectives as a list: what each says of itself, the table, and those of other packages."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import inference
from inference import estimator_report, fit, objectives, valid_objectives
from inference.cli import app
from inference.engines import load_engine
from inference.engines.pyro.small_pairs import small_pairs
from inference.errors import ArgumentError, ObjectiveError
from inference.objectives import (
    ELBO,
    IWAE,
    RWS,
    Objective,
    describe_objective,
    parse_objective,
)
from inference.objectives.registry import examples, own_kinds
from inference.objectives.requirements import OBSERVED, REPARAMETERISED
from inference.objectives.table import written_into
from inference.objectives.testing import check_objective
from inference.program.phases import OWN, Phase, side
from ppl_models import create

PAGE = Path(__file__).parents[3] / "docs" / "objectives.md"
KIT = ("NVIL", "RWS", "Enumerated", "Adversarial")
X = np.random.default_rng(0).normal(size=(8, 2)).astype(np.float32)


def test_the_page_has_the_table() -> None:
    """To write it: python -m inference.objectives.table docs/objectives.md."""
    text = PAGE.read_text()
    assert written_into(text) == text
    for kind in own_kinds():
        assert f"| `{kind.__name__}(" in text


@pytest.mark.parametrize("name", KIT)
def test_the_kit_finds_nothing_in_ours(name: str) -> None:
    (objective,) = (each for each in examples() if type(each).__name__ == name)
    trained = check_objective(objective)
    assert {where.partition(":")[0] for where in trained} == {"pyro", "numpyro"}


@pytest.mark.parametrize("name", ["PIWAE", "DisARM", "MuProp", "SUMO", "JensenShannon"])
def test_an_objective_is_named_in_three_files(name: str) -> None:
    """Its own, the catalogue and its row in the tests; what else is said of it is found there."""
    root = PAGE.parents[1]
    files = (path for path in (root / "inference").rglob("*.py*") if path.suffix in (".py", ".pyi"))
    named = {path.name for path in files if re.search(rf"\b{name}\b", path.read_text())}
    own = sys.modules[getattr(inference, name).__module__].__file__
    assert named == {Path(str(own)).name, "catalogue.py"}
    assert name in (root / "tests" / "reference" / "objective_rows.py").read_text()
    assert getattr(objectives, name) is getattr(inference, name)
    assert name in inference.__all__
    assert name in objectives.__all__


def test_an_objective_says_which_pairs_it_fits() -> None:
    with pytest.raises(TypeError, match=r"class Mute does not say which pairs it fits; .* needs ="):
        type("Mute", (Objective,), {"surrogate": lambda self, program: 0.0})


def test_the_page_shows_an_objective_that_is_right() -> None:
    """It is IWAE and the ELBO in equal parts, under the names that the page gives."""
    (source,) = (
        part
        for part in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.S)
        if "class Halfway" in part
    )
    names: dict[str, Any] = {}
    exec(source, names)
    halfway = names["Halfway"]
    assert check_objective(halfway(num_particles=2)) == ["pyro: gaussian", "numpyro: gaussian"]
    with pytest.raises(ArgumentError, match=r"is the class Halfway; pass .*Halfway.example\(\)"):
        check_objective(halfway)
    with pytest.raises(ArgumentError, match="must be one that derives from"):
        check_objective("elbo")  # pyright: ignore[reportArgumentType]
    pair = small_pairs()["gaussian"]
    one = fit(pair, X, objective=halfway(num_particles=1), steps=1, progress=False)
    elbo = fit(pair, X, objective="iwae:num_particles=1", steps=1, progress=False)
    assert one.rows[-1]["loss"] == pytest.approx(elbo.rows[-1]["loss"], rel=1e-5)
    found = estimator_report(
        create("ppca", engine="pyro", data_dim=2, latent_dim=1),
        {"Halfway": halfway},
        X[:4],
        num_particles=(2,),
    )
    assert "Halfway" in str(found.table())


def test_a_requirement_may_depend_on_a_setting() -> None:
    structure = load_engine("pyro").structure(small_pairs()["bernoulli"], (X,))
    REPARAMETERISED.when("guide_phase", "sleep").check(RWS(2), structure)
    with pytest.raises(ObjectiveError, match="'z' is not reparameterised"):
        REPARAMETERISED.when("guide_phase", "sleep").check(RWS(2, "sleep"), structure)
    told = str(OBSERVED.when("guide_phase", "sleep", "both"))
    assert told == "with guide_phase='sleep' or 'both': observed data"


class Overridden(IWAE):
    def check(self, structure: Any) -> None:
        structure.check_observed()


class Renamed(ELBO):
    def __init__(self, num_particles: int = 1) -> None:
        super().__init__(num_particles + 1)


class NotFinite(ELBO):
    def surrogate(self, program: Any) -> Any:
        return super().surrogate(program) * float("nan")


class Still(ELBO):
    def surrogate(self, program: Any) -> Any:
        return program.total(0 * program.draw(1).log_w[0])


class Unscored(Objective):
    """An importance-weighted bound whose score term is forgotten."""

    needs = (OBSERVED,)

    def __init__(self, num_particles: int) -> None:
        self.num_particles = num_particles

    def surrogate(self, program: Any) -> Any:
        return program.total(program.logmeanexp(program.draw(self.num_particles).log_w))


@pytest.mark.parametrize(
    ("objective", "words"),
    [
        (Unscored(2), "'bernoulli', whose draws have no gradient.* add REPARAMETERISED to its"),
        (Overridden(2), r"needs reparameterised draws, and takes the pair 'bernoulli'"),
        (Renamed(2), r"its argument num_particles is 3, and built of that it has 4"),
        (NotFinite(), r"on the pair 'gaussian' of pyro: the losses are \[nan"),
        (Still(), r"on the pair 'gaussian' of pyro: no parameter moves in 4 steps"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Objective) else "",
)
def test_the_kit_finds_mistakes(objective: Objective, words: str) -> None:
    with pytest.raises(AssertionError, match=words):
        check_objective(objective)


def test_phases_of_one_side_agree() -> None:
    fast, slow = Phase("fast", OWN, 0.1), Phase("slow", OWN, 0.2, clip=0.5)
    turn = Phase("pair")
    found = side((fast, fast, turn), OWN, 0.3, 10)
    assert (found.learning_rate, found.total_steps, found.clip) == (0.1, 8, None)
    assert side((fast, fast, turn), "pair", 0.3, 10).total_steps == 4
    assert side((turn,), OWN, 0.3, None).learning_rate == 0.3
    with pytest.raises(ObjectiveError, match="'fast', 'slow' all train the parameters 'own'"):
        side((fast, slow, turn), OWN, None, None)


SOURCE = """
from inference.objectives import ELBO

class Halved(ELBO):
    \"\"\"Half of the ELBO.\"\"\"

    def surrogate(self, program):
        return 0.5 * super().surrogate(program)
"""
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Put a module on the path, with a distribution that declares an objective in it."""
    before = set(sys.modules)

    def put(source: str, name: str, value: str, by: str = "acme-objectives") -> None:
        site = tmp_path / by
        metadata = site / f"{by.replace('-', '_')}-1.dist-info"  # as in a wheel
        metadata.mkdir(parents=True)
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {by}\nVersion: 1\n")
        entry = f"[ppl_models.objectives]\n{name} = {value}\n"
        (metadata / "entry_points.txt").write_text(entry)
        module = value.partition(":")[0]
        (site / f"{module}.py").write_text(source)
        monkeypatch.syspath_prepend(site)

    yield put
    for module in set(sys.modules) - before:
        if module.startswith("acme"):
            del sys.modules[module]


def test_a_plugin_is_an_objective_like_the_others(install: Install) -> None:
    install(SOURCE, "halved", "acme_half:Halved")
    assert "acme_half" not in sys.modules
    assert isinstance(parse_objective("elbo"), ELBO)
    assert "acme_half" not in sys.modules  # nothing of it runs before its name is asked for
    objective = parse_objective("halved:num_particles=3")
    assert describe_objective(objective) == "halved:num_particles=3"
    pair = small_pairs()["gaussian"]
    whole = fit(pair, X, objective="elbo", steps=1, progress=False)
    half = fit(pair, X, objective="halved", steps=1, progress=False)
    assert half.rows[-1]["loss"] == pytest.approx(0.5 * whole.rows[-1]["loss"], rel=1e-5)
    assert valid_objectives(pair, X).valid[-1] == "Halved"
    assert check_objective(objective)
    with pytest.raises(ArgumentError, match=r"Did you mean 'halved'.*Known: .*halved"):
        parse_objective("halve")
    shown = CliRunner().invoke(app, ["objectives"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    assert "Half of the ELBO" in shown.stdout


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize(
    ("source", "name", "value", "words"),
    [
        ("import acme_is_missing", "halved", "acme_half:Halved", "failed with ModuleNotFoundError"),
        ("raise RuntimeError('no')", "halved", "acme_half:Halved", "failed with RuntimeError: no"),
        ("raise SystemExit(0)", "halved", "acme_half:Halved", "failed with SystemExit: 0"),
        ("Halved = 3", "halved", "acme_half:Halved", "is no class that derives from inference.obj"),
        (SOURCE, "half", "acme_half:Halved", "class in small letters, 'halved'; change the entry"),
        (SOURCE, "elbo", "acme_half:Halved", "there is an objective of that name"),
        (
            SOURCE + "    def __init__(self, share):\n        self.share = share\n",
            "halved",
            "acme_half:Halved",
            "has no example: with usual = {} it fails with TypeError",
        ),
    ],
)
def test_a_broken_plugin_is_named_and_breaks_nothing(
    install: Install, source: str, name: str, value: str, words: str
) -> None:
    install(source, name, value)
    install(SOURCE.replace("Halved", "Good"), "good", "acme_good:Good", by="acme-good")
    assert isinstance(parse_objective("elbo"), ELBO)
    assert type(parse_objective("good")).__name__ == "Good"
    validity = valid_objectives(small_pairs()["gaussian"], X)
    assert validity.valid[-1] == "Good"
    sentence = f"The objective '{name}' of the distribution 'acme-objectives' is left out: "
    assert validity.refused[name].startswith(sentence)
    assert words in validity.refused[name]
    if name != "elbo":
        with pytest.raises(ArgumentError, match=f"'{name}' of the distribution 'acme-objectives'"):
            parse_objective(name)
    shown = CliRunner().invoke(app, ["objectives"], env={"COLUMNS": "200"})
    assert shown.exit_code == 0
    assert shown.stderr.startswith(f"warning: {sentence}")
