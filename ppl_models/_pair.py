"""What a pair is, what it remembers about itself, and how its card is read."""

from __future__ import annotations

import inspect
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ppl_models._numbers import real_numbers
from ppl_models._places import described
from ppl_models._reading import MEGABYTE, read_whole
from ppl_models._shown import shown


class Pair:
    """Base of the zoo's pairs: a `model`, a `guide`, and a record of how it was built.

    A pair offers `model(x=None, *, size=1)`, which scores `x` when it is given and draws `size`
    rows when it is not, and `guide(x)`, which proposes every latent that the model names. `model`
    returns a differentiable point of data space, the mean of the likelihood. The observed site is
    `x`, the batch plate is `data`, and local latents live inside it. Networks accept any leading
    dimensions.

    A constructor raises a `ValueError` that names the argument where one is out of range; the
    classes say what else they refuse.

    Nothing has to inherit from this class to be trained: `fit` takes any object with these two
    methods. What the base adds is `hyperparameters`, the constructor's arguments with their
    defaults, from which a saved run rebuilds the pair.

    Attributes:
        engine: `"pyro"` or `"numpyro"`.
        data_dim: number of columns that `x` must have; errors about wrong shapes quote it.
        data_shape: shape of one row of `x`; `(data_dim,)` unless the pair takes sequences.
        pretrained: name and SHA-256, `"name#hash"`, of the weights that it was made with, or None.
    """

    engine: ClassVar[str]
    data_dim: int
    hyperparameters: dict[str, Any]
    pretrained: str | None = None

    @property
    def data_shape(self) -> tuple[int, ...]:
        """Shape of one row of `x`."""
        return (self.data_dim,)

    def example(self) -> tuple[NDArray[Any], ...]:
        """A row of data of the right shape, with whatever else the pair takes."""
        return (np.zeros((1, *self.data_shape), dtype=np.float32),)

    def check_batch(self, *arrays: Any) -> None:
        """Refuse data that no shape or support gives away, such as an unknown label.

        It is called with numpy arrays before anything is compiled.

        Raises:
            ValueError: naming the argument, what was expected and what came.
        """

    def get_weights(self) -> dict[str, NDArray[Any]]:
        """Every parameter and running average by name, in the layout of torch, copied.

        Siblings on both engines have the same names and shapes. Of a fitted pair (`run.pair`) they
        are the fitted values.
        """
        from ppl_models._weights_numpyro import get_weights

        return get_weights(self)

    def set_weights(self, weights: Mapping[str, NDArray[Any]]) -> None:
        """Begin from these values in place of the initial ones; `fit` goes on from them.

        Args:
            weights: what `get_weights` gives, of either engine.

        Raises:
            ValueError: if a name is missing or unknown, or a shape is another; nothing is set then.
        """
        from ppl_models._weights_numpyro import set_weights

        own = self.get_weights()
        arrays = check_weights(weights, {name: value.shape for name, value in own.items()})
        set_weights(self, {name: array.astype(own[name].dtype) for name, array in arrays.items()})

    def __repr__(self) -> str:
        """The class, what it was made with that is not the default, and the engine."""
        usual = inspect.signature(type(self)).parameters
        chosen = (
            f"{name}={value!r}"
            for name, value in self.hyperparameters.items()
            if name == "seed" or not _same(value, usual[name].default)
        )
        return f"<{type(self).__name__}({', '.join(chosen)}) on {self.engine}>"

    def model(self, x: Any = None, *, size: int = 1) -> Any:
        """Score x where it is given, draw `size` rows where it is not; the likelihood's mean."""
        raise NotImplementedError

    def guide(self, x: Any) -> Any:
        """Propose every latent of the model, given x."""
        raise NotImplementedError

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Complete the docstring of a NumPyro pair by what its Pyro sibling says."""
        super().__init_subclass__(**kwargs)
        file = getattr(sys.modules.get(cls.__module__), "__file__", None)
        if file is not None:
            own = cls.__dict__.get("__doc__") or ""
            cls.__doc__ = described(own, Path(file), cls.__name__) or None

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        """Record the constructor's arguments before any constructor runs."""
        self = super().__new__(cls)
        bound = inspect.signature(cls).bind_partial(*args, **kwargs)
        bound.apply_defaults()
        object.__setattr__(self, "hyperparameters", dict(bound.arguments))
        return self


def _same(value: Any, default: Any) -> bool:
    return type(value) is type(default) and bool(np.all(value == default))


def check_weights(
    weights: Mapping[str, ArrayLike], own: Mapping[str, tuple[int, ...]]
) -> dict[str, NDArray[Any]]:
    """Refuse weights that are not a pair's.

    Args:
        weights: name to value.
        own: name to shape, of the pair.

    Returns:
        Name to value, an array in the machine's byte order.

    Raises:
        ValueError: naming what is missing, unknown, of another shape, or no real numbers.
    """
    if not isinstance(weights, Mapping) or not all(isinstance(name, str) for name in weights):
        raise ValueError(f"weights must be a dictionary from name to array, got {shown(weights)}.")
    problems, arrays = [], {}
    for words, names in (
        ("are missing", sorted(own.keys() - weights.keys())),
        ("are none of the pair's", sorted(weights.keys() - own.keys())),
    ):
        if names:
            problems.append(f"{', '.join(names)} {words}")
    for name in sorted(own.keys() & weights.keys()):
        array = arrays[name] = real_numbers(f"weights[{name!r}]", weights[name])
        if array.shape != tuple(own[name]):
            problems.append(f"{name} has shape {array.shape} in place of {tuple(own[name])}")
    if problems:
        raise ValueError(
            f"The weights do not fit the pair: {'; '.join(problems)}. Make the pair with the "
            "hyperparameters that they were trained with."
        )
    return {name: value.astype(value.dtype.newbyteorder("=")) for name, value in arrays.items()}


@dataclass(frozen=True)
class Card:
    """The facts at the head of `cards/<name>.md` and the text below them.

    Attributes:
        name: the model's name in the registry.
        title: what it is called in the literature.
        family: the folder of the zoo that it lives in, or the package of a plugin.
        engines: the engines that have a pair.
        reference: authors, year, arXiv id.
        latents: site name to event shape, in the hyperparameters' names.
        exact: whether the pair has `log_evidence`, the evidence in closed form.
        text: the Markdown below the facts: the story and the measured numbers.
    """

    name: str
    title: str
    family: str
    engines: tuple[str, ...]
    reference: str
    latents: dict[str, list[str | int]] = field(default_factory=dict)
    exact: bool = False
    text: str = ""

    def __str__(self) -> str:
        """Facts, story and measured numbers, as Markdown."""
        latents = (f"{site} ({', '.join(map(str, shape))})" for site, shape in self.latents.items())
        facts = {
            "model": f"{self.name}, in {self.family}, for {' and '.join(self.engines)}",
            "reference": self.reference,
            "latents": ", ".join(latents) or "none",
            "evidence": "in closed form" if self.exact else "not in closed form",
            "hyperparameters": f"`help(create({self.name!r}))`, or `ppl-zoo show {self.name}`",
        }
        lines = (f"- {name}: {value}" for name, value in facts.items())
        return "\n".join([f"# {self.title}", "", *lines, "", self.text])

    def _repr_markdown_(self) -> str:
        return str(self)

    @classmethod
    def read(cls, path: Path, *, family: str, engines: tuple[str, ...]) -> Card:
        """Read a card: TOML facts between two `+++` lines, then Markdown.

        Raises:
            ValueError: if the head is missing, is not TOML, or lacks a fact.
        """
        try:
            parts = read_whole(path, MEGABYTE).decode().split("+++\n", 2)
        except UnicodeDecodeError as error:
            raise ValueError(f"{path.name} is no text in UTF-8: {error}.") from error
        if len(parts) != 3 or parts[0].strip():
            raise ValueError(
                f"{path.name} must begin with TOML facts between two lines of '+++'; see "
                "another card in the same folder."
            )
        try:
            facts = tomllib.loads(parts[1])
            return cls(
                name=path.stem, family=family, engines=engines, text=parts[2].strip(), **facts
            )
        except (ValueError, TypeError, RecursionError) as error:
            raise ValueError(f"{path.name}: its facts are not right: {error}.") from error
