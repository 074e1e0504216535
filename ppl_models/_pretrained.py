"""Weights that pairs can begin with: which there are, what is known of them, and their values.

A file `pretrained/<name>.toml` is the record of one set of weights: the recipe by which they were
trained, and below it what the training wrote, the file's SHA-256 and the score among it. The values
are in `<name>.safetensors` beside it; larger ones are downloaded from the record's `url` into the
user's cache. A record of your own works alike: `create("vae", pretrained="folder/mine.toml")`.
"""

from __future__ import annotations

import difflib
import hashlib
import tomllib
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppl_models._download import cache_folder, reason, retrieve
from ppl_models._reading import MEGABYTE, read_whole
from ppl_models._shown import check_word, shown

FOLDER = Path(__file__).parent / "pretrained"


_WORDS = ("model", "engine", "objective", "licence")
_KINDS: dict[str, type] = {**dict.fromkeys(_WORDS, str), "hyperparameters": dict, "result": dict}
_LARGEST = 4 * 1024 * MEGABYTE


@dataclass(frozen=True)
class Weights:
    """The record of a set of weights.

    Attributes:
        name: what `create(..., pretrained=name)` takes.
        model: the model that they are of.
        engine: the engine that trained them; either loads them.
        objective: what they were trained under.
        seed: of the initial parameters, the order of the data and the draws.
        licence: of the file.
        hyperparameters: with which the pair is made.
        recipe: data, training and estimator, as they were given.
        sha256: of the file of values.
        size: of that file, bytes.
        dtype: `"float16"` or `"float32"`; loaded values are float32.
        result: `value` and `standard_error` (over data), `unit`, `estimator`, `data_id` that it was
            measured on, `trained_on`, the same on the first 200 rows, seconds, hardware, versions,
            and the command that makes the file anew.
        path: the record itself.
        url: where the values are downloaded from, if they are not beside the record.
    """

    name: str
    model: str
    engine: str
    objective: str
    seed: int
    licence: str
    hyperparameters: dict[str, Any]
    recipe: dict[str, Any]
    sha256: str
    size: int
    dtype: str
    result: dict[str, Any]
    path: Path
    url: str | None = None

    def __str__(self) -> str:
        found = self.result
        return (
            f"{self.name}: {self.model} under {self.objective}, {found['value']:.4g} ± "
            f"{found['standard_error']:.2g} {found['unit']} ({found['estimator']})"
        )

    @classmethod
    def read(cls, path: Path) -> Weights:
        """Read a record.

        Raises:
            ValueError: if it is no record, or the training has not written its part yet.
        """
        try:
            facts = tomllib.loads(read_whole(path, MEGABYTE).decode())
            file = facts.pop("file")
            kept = ("model", "engine", "objective", "seed", "licence", "hyperparameters", "result")
            wrong = [key for key, kind in _KINDS.items() if not isinstance(facts[key], kind)]
            wrong += [key for key in ("sha256", "dtype") if not isinstance(file[key], str)]
            if wrong:
                raise ValueError(f"{wrong[0]} is {shown(facts.get(wrong[0], file))}")
            return cls(
                name=path.stem,
                **{key: facts.pop(key) for key in kept},
                recipe=facts,
                sha256=file["sha256"],
                size=file["bytes"],
                dtype=file["dtype"],
                path=path,
                url=file.get("url"),
            )
        except (OSError, KeyError, TypeError, ValueError, RecursionError) as error:
            what = f"it lacks {error}" if isinstance(error, KeyError) else str(error)
            raise ValueError(
                f"{path} is no record of weights: {what}. It is written by "
                "`python -m benchmarks.pretrain`; see those in the folder ppl_models/pretrained."
            ) from error

    def values(self) -> dict[str, NDArray[np.float32]]:
        """Name to value, from the file beside the record or the downloaded one.

        Raises:
            ValueError: if the file is damaged: its SHA-256 is not the record's, or it holds
                something else, or values that are not finite.
            FileNotFoundError: if it is neither beside the record nor to be downloaded.
        """
        from safetensors import SafetensorError
        from safetensors.numpy import load

        beside = self.path.with_suffix(".safetensors")
        path = beside if beside.exists() else self._downloaded(beside)
        content = read_whole(path, _LARGEST)
        found = hashlib.sha256(content).hexdigest()
        if found != self.sha256:  # nothing is read of a file that is not the recorded one
            raise ValueError(
                f"{path} is damaged: its SHA-256 is {found}, and {self.path.name} records "
                f"{self.sha256}. Install the package again, or make the file anew: "
                f"{self.result.get('command', 'see the record')}."
            )
        try:
            held = load(content)
        except SafetensorError as error:
            raise ValueError(f"{path} is no file of safetensors: {error}.") from error
        with np.errstate(over="ignore"):
            values = {name: value.astype(np.float32) for name, value in held.items()}
        wrong = [name for name, value in values.items() if not np.isfinite(value).all()]
        if wrong:
            raise ValueError(
                f"{path} has values of {wrong[0]} that are NaN or infinite in single precision; "
                "train the weights anew."
            )
        return values

    def _downloaded(self, beside: Path) -> Path:
        target = cache_folder() / "pretrained" / f"{self.name}-{self.sha256[:12]}.safetensors"
        why = f"{self.path.name} gives no url"
        if self.url is not None:
            try:
                retrieve(self.url, self.sha256, target)
            except (OSError, ValueError) as error:  # no network or no such page; a wrong hash
                why = f"{self.url} {reason(error)}"
            else:
                return target
        raise FileNotFoundError(
            f"The weights {self.name!r} are neither at {beside} nor in the cache, and they could "
            f"not be downloaded ({why}). Put the file with SHA-256 {self.sha256} at {beside}."
        )


def list_pretrained(pattern: str = "*", *, model: str | None = None) -> list[str]:
    """Names of the weights that the package has, for `create(model, pretrained=name)`.

    Args:
        pattern: a shell pattern on the name or the model, for example `"*mnist*"`, `"vae"`.
        model: only those of this model.

    Returns:
        Sorted names; `pretrained_info(name)` says what each of them is.

    Raises:
        ValueError: if there is no such model.
    """
    check_word("pattern", pattern)
    every = _shipped()
    if model is not None and check_word("model", model) not in {each.model for each in every}:
        from ppl_models._registry import find_place  # which knows this module

        find_place(model)  # whose weights may be none, if there is such a model
    return [
        weights.name
        for weights in every
        if (fnmatchcase(weights.name, pattern) or fnmatchcase(weights.model, pattern))
        and (model is None or weights.model == model)
    ]


def pretrained_info(name: str | Path) -> Weights:
    """The record of weights: how they were trained, how they score, and on what.

    Args:
        name: one of `list_pretrained()`, or the path of a record, which ends in `.toml`.

    Raises:
        ValueError: if there are no such weights, or the record is none.
    """
    if not isinstance(name, (str, Path)):
        raise ValueError(
            f"name must be that of weights, or the path of a record, got {shown(name)}."
        )
    if isinstance(name, Path) or name.endswith(".toml"):
        return Weights.read(Path(name))
    shipped = {weights.name: weights for weights in _shipped()}
    if name in shipped:
        return shipped[name]
    raise ValueError(f"There are no weights {shown(name)}. {_known(name, list(shipped.values()))}")


def weights_for(model: str, name: str | Path) -> Weights:
    """The record of weights of a model.

    Raises:
        ValueError: if there are none of that name, or they are another model's.
    """
    own = [weights for weights in _shipped() if weights.model == model]
    try:
        found = pretrained_info(name)
    except ValueError:
        if not own or (isinstance(name, (str, Path)) and str(name).endswith(".toml")):
            raise
        message = f"There are no weights {shown(name)} of {model!r}. {_known(name, own)}"
        raise ValueError(message) from None
    if found.model != model:
        of_model = f" Those of {model!r}: {', '.join(w.name for w in own) or 'none'}."
        raise ValueError(
            f"The weights {found.name!r} are of the model {found.model!r}, not of {model!r}: "
            f"create({found.model!r}, pretrained={str(name)!r}).{of_model}"
        )
    return found


def _shipped() -> list[Weights]:
    return [Weights.read(path) for path in sorted(FOLDER.glob("*.toml"))]


def _known(name: object, weights: list[Weights]) -> str:
    known = [each.name for each in weights]
    near = difflib.get_close_matches(name if isinstance(name, str) else "", known, n=3, cutoff=0.4)
    hint = f"Did you mean {' or '.join(map(repr, near))}? " if near else ""
    return f"{hint}There are: {', '.join(known) or 'none'}."
