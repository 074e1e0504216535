"""A zoo of deep generative models, each one a Pyro or NumPyro model/guide pair.

Importing this package imports no framework; `create` imports the one file that it needs.
"""

from ppl_models._pair import Card, Pair
from ppl_models._registry import create, info, list_models

__all__ = ["Card", "Pair", "create", "info", "list_models"]
