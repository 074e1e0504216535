"""What somebody without the zoo would write: one VAE, one loop, per framework."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import optax
import torch
from jax import lax, random
from torch import nn

LATENT = 50
Timer = Callable[[int], float]


def jax_scan(x: np.ndarray, *, hidden: int, batch_size: int, num_particles: int) -> Timer:
    """A jax + optax loop under `lax.scan`; the timer gives the seconds of so many steps."""
    data, per_epoch = jnp.asarray(x), len(x) // batch_size
    width = x.shape[1]
    init = jax.nn.initializers.glorot_uniform()

    def network(key: jax.Array, sizes: list[int]) -> list[tuple[jax.Array, jax.Array]]:
        keys = random.split(key, len(sizes) - 1)
        shapes = zip(keys, sizes[:-1], sizes[1:], strict=True)
        return [(init(k, (i, o)), jnp.zeros(o)) for k, i, o in shapes]

    def apply(layers: list[tuple[jax.Array, jax.Array]], h: jax.Array) -> jax.Array:
        for weight, bias in layers[:-1]:
            h = jnp.tanh(h @ weight + bias)
        return h @ layers[-1][0] + layers[-1][1]

    def loss(params: tuple, key: jax.Array, batch: jax.Array) -> jax.Array:
        mean, log_scale = jnp.split(apply(params[0], batch), 2, axis=-1)
        shape = mean.shape if num_particles == 1 else (num_particles, *mean.shape)
        noise = random.normal(key, shape)
        z = mean + jnp.exp(log_scale) * noise
        logits = apply(params[1], z)
        log_likelihood = (batch * logits - jax.nn.softplus(logits)).sum(-1)
        if num_particles == 1:
            kl = 0.5 * (mean**2 + jnp.exp(2 * log_scale) - 1 - 2 * log_scale).sum(-1)
            return (kl - log_likelihood).sum()
        log_w = log_likelihood + (0.5 * noise**2 + log_scale - 0.5 * z**2).sum(-1)
        return -(jax.nn.logsumexp(log_w, axis=0) - math.log(num_particles)).sum()

    optimiser = optax.adam(1e-3)
    sizes = [width, hidden, hidden, 2 * LATENT]
    decoder = [LATENT, hidden, hidden, width]
    params = (network(random.PRNGKey(0), sizes), network(random.PRNGKey(1), decoder))

    def step(carry: tuple, number: jax.Array) -> tuple:
        params, state, rows = carry
        position = number % per_epoch
        rows = lax.cond(
            position == 0, lambda: random.permutation(random.PRNGKey(number), len(x)), lambda: rows
        )
        batch = data[lax.dynamic_slice_in_dim(rows, position * batch_size, batch_size)]
        draw, noise = random.split(random.fold_in(random.PRNGKey(2), number))
        batch = (random.uniform(noise, batch.shape) < batch).astype(jnp.float32)
        value, grads = jax.value_and_grad(loss)(params, draw, batch)
        updates, state = optimiser.update(grads, state, params)
        return (optax.apply_updates(params, updates), state, rows), value

    run = jax.jit(lambda carry, numbers: lax.scan(step, carry, numbers))
    carry = (params, optimiser.init(params), jnp.arange(len(x)))

    def timed(steps: int) -> float:
        begun = time.perf_counter()
        jax.block_until_ready(run(carry, jnp.arange(steps)))
        return time.perf_counter() - begun

    return timed


def torch_loop(x: np.ndarray, *, hidden: int, batch_size: int, num_particles: int) -> Timer:
    """A torch loop with fused Adam; the timer gives the seconds of so many steps."""
    data, per_epoch, width = torch.tensor(x), len(x) // batch_size, x.shape[1]
    encoder = nn.Sequential(
        nn.Linear(width, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(),
        nn.Linear(hidden, 2 * LATENT),
    )  # fmt: skip
    decoder = nn.Sequential(
        nn.Linear(LATENT, hidden), nn.Tanh(), nn.Linear(hidden, hidden), nn.Tanh(),
        nn.Linear(hidden, width),
    )  # fmt: skip
    optimiser = torch.optim.Adam([*encoder.parameters(), *decoder.parameters()], 1e-3, fused=True)
    cross_entropy = nn.functional.binary_cross_entropy_with_logits

    def loss(batch: torch.Tensor) -> torch.Tensor:
        mean, log_scale = encoder(batch).chunk(2, dim=-1)
        shape = mean.shape if num_particles == 1 else (num_particles, *mean.shape)
        noise = torch.randn(shape)
        z = mean + log_scale.exp() * noise
        logits = decoder(z)
        if num_particles == 1:
            kl = 0.5 * (mean**2 + (2 * log_scale).exp() - 1 - 2 * log_scale).sum()
            return kl + cross_entropy(logits, batch, reduction="sum")
        error = cross_entropy(logits, batch.expand(logits.shape), reduction="none").sum(-1)
        log_w = (0.5 * noise**2 + log_scale - 0.5 * z**2).sum(-1) - error
        return -(log_w.logsumexp(0) - math.log(num_particles)).sum()

    def timed(steps: int) -> float:
        begun, rows = time.perf_counter(), torch.arange(len(data))
        for number in range(steps):
            position = number % per_epoch
            if position == 0:
                rows = torch.randperm(len(data))
            batch = data[rows[position * batch_size : (position + 1) * batch_size]]
            value = loss(torch.bernoulli(batch))
            optimiser.zero_grad()
            value.backward()
            optimiser.step()
        return time.perf_counter() - begun

    return timed
