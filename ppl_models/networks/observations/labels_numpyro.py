"""Conditions, and labels of which some are missing, as in `labels.py`, for NumPyro."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from flax import nnx
from jax.core import Tracer

from ppl_models.networks.observations.condition import check_label_shape, check_labels

_EXCLUDED = -1e4  # the logit of a class that a label rules out: finite, as 0 times infinity is NaN


def check_given(y: jax.Array | None, classes: int, rows: int | None) -> None:
    """Check labels, where there are any; in a compiled program what is known of them.

    Raises:
        ValueError: if y is not one whole number for each row, or is neither a class nor -1.
    """
    if isinstance(y, Tracer):
        check_label_shape(y.shape, jnp.issubdtype(y.dtype, jnp.integer), str(y.dtype), rows)
    elif y is not None:
        check_labels(np.asarray(y), classes, rows, missing=True)


def condition_input(y: jax.Array, classes: int | None) -> jax.Array:
    """A condition as networks see it: the class as one-hot, (N, classes), or the vector, (N, D).

    Args:
        y: classes, shape (N,), or vectors, (N, D).
        classes: how many classes the pair has; None or 0 where y is a vector.

    Raises:
        ValueError: if y is known and is no class for each row.
    """
    if not classes:
        return jnp.asarray(y, dtype=jnp.result_type(float))
    if not isinstance(y, Tracer):
        check_labels(np.asarray(y), classes, None, missing=False)
    return nnx.one_hot(jnp.asarray(y), classes)


def one_hot(label: jax.Array, logits: jax.Array) -> jax.Array:
    """1 at the class and 0 elsewhere, (..., classes); 0 everywhere for a missing label.

    Args:
        label: the class, shape (...).
        logits: for the number of classes, its last dimension.
    """
    return (label[..., None] == jnp.arange(logits.shape[-1])).astype(jnp.float32)


def label_logits(y: jax.Array, otherwise: jax.Array) -> jax.Array:
    """Logits that leave nothing but the label y, or `otherwise` if it is missing, (N, classes).

    Args:
        y: the labels, shape (N,).
        otherwise: logits, shape (classes,) or (N, classes).
    """
    excluded = _EXCLUDED * (1 - one_hot(y, otherwise))
    return jnp.where(y[:, None] < 0, otherwise, excluded)
