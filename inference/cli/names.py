"""Words that a shell completes, models, data sets and objectives; no framework is imported."""

from __future__ import annotations

from typing import Annotated

import typer

from ppl_models import list_models
from ppl_models.datasets import list_datasets


def model_names(incomplete: str) -> list[str]:
    """The models that begin so."""
    return [name for name in list_models() if name.startswith(incomplete)]


def data_names(incomplete: str) -> list[str]:
    """The data sets that begin so; files are the shell's own matter."""
    return [name for name in list_datasets() if name.startswith(incomplete)]


def objective_names(incomplete: str) -> list[str]:
    """The objectives that begin so."""
    from inference.objectives.registry import kinds

    return [name for name in kinds()[0] if name.startswith(incomplete.lower())]


model_name = Annotated[
    str, typer.Argument(help="A model of `ppl-zoo list`.", autocompletion=model_names)
]
data_name = Annotated[
    str, typer.Argument(help="A data set of `ppl-zoo data list`.", autocompletion=data_names)
]
