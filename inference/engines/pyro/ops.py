"""Elementwise functions of torch under the names that objectives use."""

from __future__ import annotations

import functools

import torch


class Ops:
    """Functions of tensors; the NumPyro engine has the same names."""

    exp, log, log1p, sqrt, tanh = torch.exp, torch.log, torch.log1p, torch.sqrt, torch.tanh
    where, sigmoid = torch.where, torch.sigmoid
    softplus = torch.nn.functional.softplus
    softmax = functools.partial(torch.softmax, dim=-1)
    array = staticmethod(torch.as_tensor)
