"""Conditions, and labels of which some are missing, -1, as a program uses them (torch)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ppl_models.networks.observations.condition import check_labels

_EXCLUDED = -1e4  # the logit of a class that a label rules out: finite, as 0 times infinity is NaN


def check_given(y: Tensor | None, classes: int, rows: int | None) -> None:
    """Check labels, where there are any, against a pair's classes.

    Args:
        y: the labels, shape (N,), or None.
        classes: how many classes the pair has.
        rows: how many rows x has, None where there is no x.

    Raises:
        ValueError: if y is not one whole number for each row, or is neither a class nor -1.
    """
    if y is not None:
        check_labels(y.detach().cpu().numpy(), classes, rows, missing=True)


def condition_input(y: Tensor, classes: int | None, like: Tensor) -> Tensor:
    """A condition as networks see it: the class as one-hot, (N, classes), or the vector, (N, D).

    Args:
        y: classes, shape (N,), or vectors, (N, D).
        classes: how many classes the pair has; None or 0 where y is a vector.
        like: for the type and the device.

    Raises:
        ValueError: if y is neither a vector nor a class for each row.
    """
    if not classes:
        return torch.as_tensor(y).to(like)
    y = torch.as_tensor(y, device=like.device)
    check_labels(y.detach().cpu().numpy(), classes, None, missing=False)
    return nn.functional.one_hot(y.long(), classes).to(like)


def one_hot(label: Tensor, logits: Tensor) -> Tensor:
    """1 at the class and 0 elsewhere, (..., classes); 0 everywhere for a missing label.

    Args:
        label: the class, shape (...).
        logits: for the number of classes, its last dimension, and the type.
    """
    classes = torch.arange(logits.shape[-1]).to(label)
    return (label[..., None] == classes).to(logits)


def label_logits(y: Tensor, otherwise: Tensor) -> Tensor:
    """Logits that leave nothing but the label y, or `otherwise` if it is missing, (N, classes).

    Args:
        y: the labels, shape (N,).
        otherwise: logits, shape (classes,) or (N, classes).
    """
    excluded = _EXCLUDED * (1 - one_hot(y, otherwise))
    return torch.where(y[:, None] < 0, otherwise, excluded)
