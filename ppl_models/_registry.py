"""The registry: file names are model names, so listing imports no framework.

`<family>/<name>.py` holds the Pyro pair and `<family>/<name>_numpyro.py` its NumPyro sibling. Each
file names its pair class, alone, in `__all__`; `cards/<name>.md` is the model's card.

Other packages add models by an entry point in the group `ppl_models.models`:

    [project.entry-points."ppl_models.models"]
    my_model = "my_package"

The value is a package, or a package in one (`"my_package.models"`), whose folder holds the same
files under the same names: `my_model.py`, `my_model_numpyro.py`, or one of the two, and the card
`my_model.md`. The pair classes derive from `ppl_models.PyroPair` and `ppl_models.Pair`. Nothing of
the package runs before `create` is asked for one of its models; `ppl-zoo new my_model --into
FOLDER` writes such a package. A plugin that is not so is left out with a warning.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import reprlib
import warnings
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from ppl_models._pair import Card, Pair
from ppl_models._places import SUFFIX, Place
from ppl_models._plugins import read_plugins, unusable
from ppl_models._pretrained import Weights, weights_for
from ppl_models._shown import check_word, of_python

_ROOT = Path(__file__).parent
_NOT_FAMILIES = {
    *("cards", "classical", "datasets", "distributions", "networks", "pretrained", "scaffold"),
}


def _zoo() -> dict[str, Place]:
    """The zoo's own models, read from the folder alone."""
    found: dict[str, Place] = {}
    for path in sorted(_ROOT.glob("*/*.py")):
        family, name = path.parent.name, path.stem.removesuffix("_numpyro")
        if family not in _NOT_FAMILIES and not name.startswith("_") and name not in found:
            card = _ROOT / "cards" / f"{name}.md"
            found[name] = Place.find(name, f"ppl_models.{family}", path.parent, card)
    return found


def _nearest(name: str, known: Iterable[str]) -> str:
    """A sentence with the known names that look most like `name`."""
    known = sorted(known)
    near = difflib.get_close_matches(name.lower(), known, n=3, cutoff=0.4)
    hint = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
    return f"{hint}Known: {', '.join(known)}."


def find_place(name: str) -> Place:
    """Where a model's files lie.

    Raises:
        ValueError: if the name is unknown, or that of a plugin that is left out.
    """
    check_word("name", name)
    zoo = _zoo()
    if name in zoo:
        return zoo[name]
    plugins, broken = read_plugins(zoo)
    if name in plugins:
        return plugins[name]
    for other, why in broken:
        if other == name:
            raise ValueError(why)
    raise ValueError(f"There is no model {name!r}. {_nearest(name, {**zoo, **plugins})}")


def _check_engine(engine: str) -> None:
    if check_word("engine", engine) not in SUFFIX:
        library = {"torch": "pyro", "pytorch": "pyro", "jax": "numpyro"}.get(engine.lower())
        hint = f"That of {engine} is {library!r}. " if library else ""
        raise ValueError(f"There is no engine {engine!r}. {hint}{_nearest(engine, SUFFIX)}")


def list_models(pattern: str = "*", *, engine: str | None = None) -> list[str]:
    """Names of the models, plugins' too, whose name matches a shell pattern.

    A plugin that cannot be used is left out with a warning that names it.

    Args:
        pattern: for example `"*vae*"`.
        engine: only models that have a pair on this engine.

    Raises:
        ValueError: if the engine is unknown.
    """
    if engine is not None:
        _check_engine(engine)
    check_word("pattern", pattern)
    zoo = _zoo()
    plugins, broken = read_plugins(zoo)
    for _, why in broken:
        warnings.warn(why, stacklevel=2)
    return [
        name
        for name, place in sorted({**zoo, **plugins}.items())
        if fnmatchcase(name, pattern) and (engine is None or engine in place.files)
    ]


def info(name: str) -> Card:
    """The model's card: story, sites, reference, measured numbers beside published ones.

    Raises:
        ValueError: if the name is unknown; the nearest names are in the message.
    """
    place = find_place(name)
    return Card.read(place.card, family=place.family, engines=tuple(sorted(place.files)))


def create(
    name: str,
    *,
    engine: str = "numpyro",
    pretrained: Any = None,
    **hyperparameters: Any,
) -> Pair:
    """Build a model/guide pair by name.

    Args:
        name: one of `list_models()`.
        engine: `"numpyro"` or `"pyro"`; either takes the same weights.
        pretrained: one of `list_pretrained(model=name)`, or the path of a record of weights. The
            pair has the hyperparameters that they were trained with, and `fit` goes on from them.
        **hyperparameters: the pair's own keywords, among them `seed`, from which its initial
            parameters are drawn. `help(create(name))` and `ppl-zoo show NAME` list them.

    Raises:
        ValueError: if the model, the engine or the weights are unknown, a hyperparameter is out of
            range or another than the weights', or the file of weights is damaged.
        FileNotFoundError: if the weights are neither on this machine nor to be downloaded.
        TypeError: if the pair has no such hyperparameter.
        PluginError: a ValueError, if the model is a plugin's that fails to be imported, or whose
            class is no pair of that engine.
    """
    _check_engine(engine)
    place = find_place(name)
    if engine not in place.files:
        raise ValueError(f"{name!r} has no {engine} pair; it exists for: {', '.join(place.files)}.")
    pair_class = _plugin_class(place, engine) if place.distribution else _class(place, engine)
    accepted = inspect.signature(pair_class).parameters
    unknown = sorted(set(hyperparameters) - set(accepted))
    if unknown:
        raise TypeError(
            f"{name!r} has no hyperparameter {unknown[0]!r}. {_nearest(unknown[0], accepted)}"
        )
    hyperparameters = {key: of_python(key, value) for key, value in hyperparameters.items()}
    if pretrained is None:
        return pair_class(**hyperparameters)
    weights = weights_for(name, pretrained)
    unknown = sorted(set(weights.hyperparameters) - set(accepted))
    if unknown:
        raise ValueError(
            f"{weights.path} is no record of weights of {name!r}, which has no hyperparameter "
            f"{unknown[0]!r}. {_nearest(unknown[0], accepted)}"
        )
    _check_alike(weights, hyperparameters, accepted)
    pair = pair_class(**{**weights.hyperparameters, **hyperparameters})
    pair.set_weights(weights.values())
    pair.pretrained = f"{pretrained}#{weights.sha256}"
    return pair


def _check_alike(weights: Weights, given: Mapping[str, Any], accepted: Mapping[str, Any]) -> None:
    """Refuse a hyperparameter that the weights were not trained with; any seed will do.

    Raises:
        ValueError: naming it and its value.
    """
    for key in given.keys() - {"seed"}:
        own = weights.hyperparameters.get(key, accepted[key].default)
        value = given[key].tolist() if hasattr(given[key], "tolist") else given[key]
        same = _as_lists(value) == _as_lists(own)
        if not same:
            raise ValueError(
                f"{key} is {reprlib.repr(given[key])}, but the weights {weights.name!r} are of a "
                f"pair with {key}={own!r}; leave {key} out, or make a pair without weights."
            )


def _as_lists(value: Any) -> Any:
    """Tuples as lists, in which a record has them."""
    return [_as_lists(each) for each in value] if isinstance(value, (list, tuple)) else value


def _class(place: Place, engine: str) -> Any:
    module = importlib.import_module(place.module(engine))
    return getattr(module, module.__all__[0])


def _plugin_class(place: Place, engine: str) -> type[Pair]:
    """A plugin's pair class; whatever is wrong with it is said of the plugin."""
    try:
        found = _class(place, engine)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a plugin may fail in any way when it is imported
        why = f"importing {place.module(engine)} failed with {type(error).__name__}: {error}"
        raise unusable(place, why) from error
    if not (isinstance(found, type) and issubclass(found, Pair)):
        raise unusable(place, f"{found!r} is no class that derives from ppl_models.Pair")
    if getattr(found, "engine", None) != engine:
        raise unusable(place, f"{found.__name__}.engine must be {engine!r}")
    return found
