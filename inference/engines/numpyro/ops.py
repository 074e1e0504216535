"""Elementwise functions of jax under the names that objectives use."""

from __future__ import annotations

import jax
import jax.numpy as jnp


class Ops:
    """Functions of arrays; the Pyro engine has the same names."""

    exp, log, log1p, sqrt, tanh, where = jnp.exp, jnp.log, jnp.log1p, jnp.sqrt, jnp.tanh, jnp.where
    sigmoid, softplus, softmax = jax.nn.sigmoid, jax.nn.softplus, jax.nn.softmax
    array = staticmethod(jnp.asarray)
