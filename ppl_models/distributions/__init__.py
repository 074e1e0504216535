"""Distributions that the zoo's models are made of and the libraries lack, for programs of your own.

`OneHotCategorical` is the one that NumPyro has not (Pyro's is in `pyro.distributions`). The others
are there for both engines:

    from ppl_models.distributions import OneHotCategorical
    from ppl_models.distributions.numpyro import DiscretisedLogistic
    from ppl_models.distributions.pyro import DiscretisedLogistic

Importing this package imports no framework.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ppl_models.distributions.numpyro import OneHotCategorical

__all__ = ["OneHotCategorical"]


def __getattr__(name: str) -> Any:
    """The class of NumPyro, when it is asked for."""
    if name == "OneHotCategorical":
        from ppl_models.distributions.numpyro import OneHotCategorical

        return OneHotCategorical
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__]
