"""Words of the command line as values."""

import pytest

from inference.literals import literal
from inference.objectives import NVIL, parse_objective


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("20", 20),
        ("1e-2", 0.01),
        ("200,200", (200, 200)),
        ("None", None),
        ("none", "none"),
        ("true", True),
        ("False", False),
        ("'true'", "true"),
        ("relu", "relu"),
        ("a=b", "a=b"),
    ],
)
def test_literal(text, value):
    assert literal(text) == value
    assert type(literal(text)) is type(value)


def test_an_objective_reads_them_too():
    objective = parse_objective("nvil:centre=false")
    assert isinstance(objective, NVIL)
    assert objective.centre is False
