"""Sample statements that are read once as numpy and once as Pyro or NumPyro."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from numpy.typing import NDArray

Array = NDArray[Any]
Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Site:
    """A sample statement.

    Attributes:
        name: the site's name.
        kind: its distribution.
        size: entries of a draw, or the number of classes.
        parameters: from parameter values and the sites so far (of a guide: x too), in arrays of
            any library, to logits or, for `"normal"`, to the mean and the log of the scale.
    """

    name: str
    kind: Literal["normal", "bernoulli", "one_hot", "integer"]
    size: int
    parameters: Callable[[Mapping[str, Any], Mapping[str, Any]], Any]
