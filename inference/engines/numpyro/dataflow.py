"""Which latents each site's density depends on, from the operations that compute it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
from numpyro.ops.provenance import eval_provenance

Parents = Mapping[str, frozenset[str]]


def parents_of(
    densities: Callable[[dict[str, Any]], tuple[dict[str, Any], dict[str, Any]]],
    latents: Mapping[str, Any],
) -> tuple[Parents, Parents]:
    """The latents that each site of the model and of the guide depends on directly.

    Args:
        densities: from latents at values to what makes up the densities of the model's and of the
            guide's sites; it is looked at and not run.
        latents: values of the latents by name; their shapes alone matter.
    """
    keys = {f"v{number}": name for number, name in enumerate(latents)}  # names may be no keywords

    def of(**values: Any) -> Any:
        return densities({keys[key]: value for key, value in values.items()})

    of_model, of_guide = eval_provenance(of, **{key: latents[keys[key]] for key in keys})

    def named(side: Mapping[str, Any]) -> Parents:
        every = {n: frozenset[str]().union(*jax.tree.leaves(each)) for n, each in side.items()}
        return {n: frozenset(keys[key] for key in marks) - {n} for n, marks in every.items()}

    return named(of_model), named(of_guide)
