"""A zoo of deep generative models, each one a Pyro or NumPyro model/guide pair.

Importing this package imports no framework; `create` imports the one file that it needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ppl_models import _foreign
from ppl_models._pair import Card, Pair
from ppl_models._pretrained import Weights, list_pretrained, pretrained_info
from ppl_models._registry import create, info, list_models

if TYPE_CHECKING:
    from ppl_models._pyro_pair import PyroPair

    __version__: str

__all__ = [
    "Card",
    "Pair",
    "PyroPair",
    "Weights",
    "create",
    "info",
    "list_models",
    "list_pretrained",
    "pretrained_info",
]


_foreign.warn()


def __getattr__(name: str) -> Any:
    """`PyroPair`, a torch module, and the version, only when they are asked for."""
    if name == "PyroPair":
        from ppl_models._pyro_pair import PyroPair

        return PyroPair
    if name == "__version__":
        from importlib.metadata import version

        return version("ppl-model-zoo")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    modules = ("datasets", "distributions", "networks")
    return [*__all__, *(each for each in modules if each in globals()), "__version__"]
