"""What a regression is given, checked, and where its guide begins; no framework."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppl_models._pair import Pair
from ppl_models.networks.arguments import check_seed, check_size


class Covariates(Pair):
    """A pair that takes y beside x: a row of covariates for each datum.

    Attributes:
        condition_dim: columns of y.
    """

    condition_dim: int

    def example(self) -> tuple[NDArray[Any], ...]:
        """A row of data and its covariates."""
        return (*super().example(), np.zeros((1, self.condition_dim), dtype=np.float32))

    def check_batch(self, *arrays: Any) -> None:
        """Refuse covariates that are missing or not as many as the pair's."""
        x, *given = arrays
        check_condition(given[0] if given else None, self.condition_dim, len(x))


def check_columns(data_dim: int) -> int:
    """Return the number of columns of x, which is one.

    Raises:
        ValueError: if it is another.
    """
    if check_size("data_dim", data_dim) != 1:
        raise ValueError(f"data_dim must be 1, one outcome for each row; got {data_dim}.")
    return data_dim


def check_condition(y: Any, columns: int, rows: int | None) -> None:
    """Refuse a y that has not one row of covariates for each datum.

    Raises:
        ValueError: saying what was expected and what came.
    """
    wanted = f"y must have shape ({'N' if rows is None else rows}, {columns}), a row of covariates"
    if y is None:
        raise ValueError(f"{wanted} for each datum: model(x, y).")
    if tuple(y.shape[1:]) != (columns,) or rows not in (None, len(y)):
        raise ValueError(f"{wanted} for each datum; got {tuple(y.shape)}.")


def regression_start(
    columns: int, spread: float, seed: int, *, hierarchical: bool
) -> dict[str, NDArray[np.float32]]:
    """Small slopes and no intercept, and the scale at its median.

    Args:
        columns: of y.
        spread: the scale's prior median.
        seed: seed of the slopes.
        hierarchical: whether there is a scale to propose.
    """
    random = np.random.default_rng(check_seed(seed))
    start: dict[str, Any] = {
        "slopes_loc": 0.1 * random.normal(size=columns),
        "slopes_log_scale": np.full(columns, -1.0),
        "intercept_loc": 0.1 * random.normal(),
        "intercept_log_scale": -1.0,
    }
    if hierarchical:
        start |= {"scale_loc": np.log(float(spread)), "scale_log_scale": -1.0}
    return {name: np.asarray(value, dtype=np.float32) for name, value in start.items()}
