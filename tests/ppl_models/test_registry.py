"""The registry: names, cards, errors, and what importing it does not import."""

from __future__ import annotations

import inspect
import subprocess
import sys
from typing import Any

import pytest
from rows import ENGINES, MODELS, ROWS

from inference.cli.settings import hyperparameters
from inference.engines import load_engine
from ppl_models import create, info, list_models
from ppl_models._pair import Card
from ppl_models._registry import _zoo

REQUIRED = {"conditional_vae": {"classes": 2}, "conditional_network": {"classes": 2}}


def test_every_model_has_a_row_and_every_row_a_model() -> None:
    assert sorted(_zoo()) == MODELS
    assert set(MODELS) <= set(list_models())  # which has those of other packages, too


def test_listing_by_pattern_and_engine() -> None:
    assert list_models("p*ca") == ["ppca"]
    assert {"conditional_vae", "semi_supervised_vae", "vae"} <= set(list_models("*vae*"))
    assert list_models("*_vae") == [m for m in list_models() if m.endswith("_vae")]
    assert list_models("nothing*") == []
    for engine in ENGINES:
        models = {row.model for row in ROWS.values() if engine in row.engines}
        listed = list_models(engine=engine)
        assert [name for name in listed if name in MODELS] == sorted(models)


def test_listing_and_cards_import_no_framework() -> None:
    script = (
        "import sys, ppl_models\n"
        "assert ppl_models.list_models() and ppl_models.info('vae').title\n"
        "heavy = {'torch', 'pyro', 'jax', 'numpyro', 'flax', 'sklearn', 'pandas', 'inference'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)


def _size(pair: Any, size: str | int) -> int:
    """A size as a card writes it: a number, `"latent_dim"`, or `"latent_dims[0]"`."""
    if isinstance(size, int):
        return size
    name, _, position = size.partition("[")
    value = getattr(pair, name)
    return value[int(position.rstrip("]"))] if position else value


@pytest.mark.parametrize("name", MODELS)
def test_card_states_what_the_pair_is(name: str) -> None:
    card = info(name)
    row = next(row for row in ROWS.values() if row.model == name)
    assert card.engines == tuple(sorted(row.engines))
    assert card.reference
    assert "## Measured" in card.text
    for engine in card.engines:
        pair: Any = create(name, engine=engine, **row.hyperparameters)
        assert hasattr(pair, "log_evidence") == card.exact
        batch = row.batch(3)
        sites = load_engine(engine).structure(pair, batch)
        stated = {
            name: tuple(_size(pair, size) for size in shape) for name, shape in card.latents.items()
        }
        assert stated == {site.name: site.event_shape for site in sites.latents}


@pytest.mark.parametrize("name", MODELS)
def test_every_hyperparameter_is_explained_on_every_engine(name: str) -> None:
    """A NumPyro pair says it by the docstring of its Pyro sibling, for `help` and `show` alike."""
    card = info(name)
    for engine in card.engines:
        pair = create(name, engine=engine, **REQUIRED.get(name, {}))
        shown = hyperparameters(card, engine)
        assert list(shown) == list(pair.hyperparameters)
        for key, parameter in shown.items():
            assert parameter.meaning, (engine, key)
            assert f"\n    {key}: " in inspect.cleandoc(type(pair).__doc__ or ""), (engine, key)
        assert (type(pair).__doc__ or "").count("Args:\n") == 1


@pytest.mark.parametrize(
    ("arguments", "error", "words"),
    [
        (
            {"name": "vea"},
            ValueError,
            r"no model 'vea'. Did you mean 'vae'.*\? Known: .*ppca, .*vae",
        ),
        ({"name": "vae", "engine": "pyroo"}, ValueError, "no engine 'pyroo'. Did you mean 'pyro'"),
        (
            {"name": "vae", "latent_dims": 3},
            TypeError,
            "no hyperparameter 'latent_dims'. .*'latent_dim'",
        ),
        ({"name": "vae", "latent_dim": 0}, ValueError, "latent_dim must be a whole .* got 0"),
        ({"name": "vae", "hidden": 200}, ValueError, r"hidden must be a sequence .* got 200"),
        ({"name": "vae", "hidden": (0,)}, ValueError, "every entry of hidden must be .* got 0"),
        ({"name": "vae", "activation": "sine"}, ValueError, "activation must be one of tanh"),
        ({"name": "vae", "likelihood": "poisson"}, ValueError, "must be one of bernoulli, gauss"),
        ({"name": "vae", "noise_scale": 0.0}, ValueError, "noise_scale must be positive"),
        ({"name": "vae", "data_mean": [0.5]}, ValueError, r"shape \(784,\).*got \(1,\)"),
        ({"name": "vae", "data_dim": 1, "data_mean": [7]}, ValueError, r"lie in \[0, 1\]"),
        ({"name": "vae", "noise_scale": "wide"}, ValueError, "noise_scale must be .* got 'wide'"),
        ({"name": "vae", "seed": -1}, ValueError, "seed must be a whole number .* got -1"),
        ({"name": "ppca", "seed": 2**40}, ValueError, "seed must be a whole number"),
        ({"name": "ppca", "guide": "mean-field"}, ValueError, "guide must be one of linear, exact"),
    ],
)
@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
def test_wrong_arguments_are_explained(
    engine: str, arguments: dict, error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        create(**{"engine": engine, **arguments})


def test_a_name_in_capitals_and_a_library_are_understood() -> None:
    with pytest.raises(ValueError, match="Did you mean 'vae'"):
        create("VAE")
    with pytest.raises(ValueError, match=r"no engine 'jax'\. That of jax is 'numpyro'"):
        create("vae", engine="jax")


def test_a_card_and_a_pair_print_what_they_are() -> None:
    card = info("ppca")
    assert str(card).startswith(
        f"# {card.title}\n\n- model: ppca, in directed, for numpyro and pyro"
    )
    assert card.text in str(card)
    assert "help(create('ppca'))" in str(card)
    pair = create("ppca", latent_dim=3, seed=1)
    assert repr(pair).startswith("<PPCA(")
    assert "latent_dim=3" in repr(pair)
    assert "guide=" not in repr(pair)  # the default
    assert repr(pair).endswith("seed=1) on numpyro>")
    assert "Linear" in repr(create("vae", engine="pyro", data_dim=4, hidden=(3,)))


def test_card_without_facts_is_explained(tmp_path) -> None:
    path = tmp_path / "odd.md"
    for text, words in [("# Odd", "must begin with TOML"), ("+++\ntitle = 1\n+++\n", "reference")]:
        path.write_text(text)
        with pytest.raises(ValueError, match=words):
            Card.read(path, family="directed", engines=("pyro",))
