"""What an objective owns must fit the batch that it looks at."""

from __future__ import annotations

from inference.errors import ObjectiveError


def check_columns(name: str, has: tuple[int, ...], needs: tuple[int, ...]) -> None:
    """Check that a parameter of the objective's own has the shape that the batch needs.

    Args:
        name: of the parameter, such as `"critic.0.weight"`, (columns, hidden).
        has: its shape, by the first batch that it met, or as it was trained.
        needs: the shape for this batch.

    Raises:
        ObjectiveError: if it has another.
    """
    if tuple(has) != tuple(needs):
        raise ObjectiveError(
            f"the objective's {name!r} has the shape {tuple(has)} by the data that it was made "
            f"for, and what it is given now needs {tuple(needs)}; give it as many columns in all "
            "as those had."
        )
