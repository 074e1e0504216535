"""What a jax expert would write without the zoo: each estimator by hand, and one loop for all."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array, lax, random

LATENT = 50
Timer = Callable[[int], float]
Layers = list[tuple[Array, Array]]
Gradient = Callable[[Any, Array, Array], tuple[Array, Any]]  # (parameters, key, batch)


def vae_parameters(width: int, hidden: int) -> tuple[Layers, Layers]:
    """Encoder and decoder, width-hidden-hidden-50 and back."""
    init = jax.nn.initializers.glorot_uniform()

    def network(key: Array, sizes: list[int]) -> Layers:
        keys = random.split(key, len(sizes) - 1)
        shapes = zip(keys, sizes[:-1], sizes[1:], strict=True)
        return [(init(k, (i, o)), jnp.zeros(o)) for k, i, o in shapes]

    encoder = network(random.PRNGKey(0), [width, hidden, hidden, 2 * LATENT])
    return encoder, network(random.PRNGKey(1), [LATENT, hidden, hidden, width])


def belief_net_parameters(width: int, hidden: int) -> dict[str, Array]:
    """One layer of binary units, and a guide of one layer."""
    down, up = random.split(random.PRNGKey(0))
    return {
        "prior": jnp.zeros(hidden),
        "weight": 0.1 * random.normal(down, (hidden, width)),
        "bias": jnp.zeros(width),
        "guide_weight": 0.1 * random.normal(up, (width, hidden)),
        "guide_bias": jnp.zeros(hidden),
    }


def maf_parameters(width: int, hidden: int, steps: int) -> list[Layers]:
    """Masked networks width-hidden-2 width, one for each step."""
    init = jax.nn.initializers.glorot_uniform()
    shapes = [(width, hidden), (hidden, 2 * width)]
    return [
        [(init(key, shape), jnp.zeros(shape[1])) for key, shape in zip(keys, shapes, strict=True)]
        for keys in random.split(random.PRNGKey(0), (steps, 2))
    ]


@jax.value_and_grad
def maf(params: list[Layers], key: Array, batch: Array) -> Array:
    """Minus the exact log-likelihood of a masked autoregressive flow, columns reversed between."""
    del key
    width, hidden = params[0][0][0].shape
    degree = 1 + np.arange(hidden) * (width - 1) // hidden
    first = np.float32(degree[None, :] >= np.arange(1, width + 1)[:, None])
    last = np.float32(np.tile(np.arange(1, width + 1), 2)[None, :] > degree[:, None])
    u, log_volume = batch, jnp.zeros(len(batch))
    for (inner, bias), (outer, shift) in params:
        h = jax.nn.relu(u @ (inner * first) + bias)
        mean, log_scale = jnp.split(h @ (outer * last) + shift, 2, axis=-1)
        u = ((u - mean) * jnp.exp(-log_scale))[:, ::-1]
        log_volume -= log_scale.sum(-1)
    return -(log_volume - 0.5 * (u**2 + math.log(2 * math.pi)).sum(-1)).sum()


def made_parameters(width: int, hidden: int) -> Layers:
    """One masked network width-hidden-width."""
    init, shapes = jax.nn.initializers.glorot_uniform(), [(width, hidden), (hidden, width)]
    keys = random.split(random.PRNGKey(0))
    return [
        (init(key, shape), jnp.zeros(shape[1])) for key, shape in zip(keys, shapes, strict=True)
    ]


@jax.value_and_grad
def made(params: Layers, key: Array, batch: Array) -> Array:
    """Minus the exact log-likelihood of a masked network of bits."""
    del key
    width, hidden = params[0][0].shape
    degree = 1 + np.arange(hidden) * (width - 1) // hidden
    first = np.float32(degree[None, :] >= np.arange(1, width + 1)[:, None])
    last = np.float32(np.arange(1, width + 1)[None, :] > degree[:, None])
    (inner, bias), (outer, shift) = params
    h = jax.nn.relu(batch @ (inner * first) + bias)
    return -_log_bernoulli(batch, h @ (outer * last) + shift).sum()


@jax.value_and_grad
def elbo(params: tuple[Layers, Layers], key: Array, batch: Array) -> Array:
    """One draw, the divergence in closed form."""
    mean, log_scale = _encode(params[0], batch)
    z = mean + jnp.exp(log_scale) * random.normal(key, mean.shape)
    kl = 0.5 * (mean**2 + jnp.exp(2 * log_scale) - 1 - 2 * log_scale).sum(-1)
    return (kl - _log_bernoulli(batch, _apply(params[1], z))).sum()


@jax.value_and_grad
def stl(params: tuple[Layers, Layers], key: Array, batch: Array) -> Array:
    """One draw, and log q with its parameters held."""
    mean, log_scale = _encode(params[0], batch)
    z = mean + jnp.exp(log_scale) * random.normal(key, mean.shape)
    held, log_held = lax.stop_gradient((mean, log_scale))
    log_q = (-0.5 * ((z - held) * jnp.exp(-log_held)) ** 2 - log_held).sum(-1)
    log_likelihood = _log_bernoulli(batch, _apply(params[1], z))
    return (log_q + 0.5 * (z**2).sum(-1) - log_likelihood).sum()


def iwae(count: int) -> Gradient:
    """The importance-weighted bound."""

    def loss(params: tuple[Layers, Layers], key: Array, batch: Array) -> Array:
        mean, log_scale = _encode(params[0], batch)
        noise = random.normal(key, (count, *mean.shape))
        z = mean + jnp.exp(log_scale) * noise
        log_likelihood = _log_bernoulli(batch, _apply(params[1], z))
        log_w = log_likelihood + (0.5 * noise**2 + log_scale - 0.5 * z**2).sum(-1)
        return -_logmeanexp(log_w).sum()

    return jax.value_and_grad(loss)


def dreg(count: int) -> Gradient:
    """The same bound; what reaches the draws is weighted once more on its way to the encoder."""

    def gradient(params: tuple[Layers, Layers], key: Array, batch: Array) -> tuple[Array, Any]:
        encoder, decoder = params
        noise = random.normal(key, (count, len(batch), LATENT))

        def draw(encoder: Layers) -> tuple[Array, tuple[Array, Array]]:
            mean, log_scale = _encode(encoder, batch)
            return mean + jnp.exp(log_scale) * noise, (mean, log_scale)

        z, through_encoder, (mean, log_scale) = jax.vjp(draw, encoder, has_aux=True)

        def log_weights(decoder: Layers, z: Array) -> Array:
            log_q = (-0.5 * ((z - mean) * jnp.exp(-log_scale)) ** 2 - log_scale).sum(-1)
            return _log_bernoulli(batch, _apply(decoder, z)) - 0.5 * (z**2).sum(-1) - log_q

        log_w, through_decoder = jax.vjp(log_weights, decoder, z)
        weights = jax.nn.softmax(log_w, axis=0)
        of_decoder, of_z = through_decoder(-weights)
        (of_encoder,) = through_encoder(weights[..., None] * of_z)
        return -_logmeanexp(log_w).sum(), (of_encoder, of_decoder)

    return gradient


def vimco(count: int) -> Gradient:
    """The importance-weighted bound of the belief net, with one learning signal a draw."""

    def loss(params: dict[str, Array], key: Array, batch: Array) -> Array:
        proposal = batch @ params["guide_weight"] + params["guide_bias"]
        b = random.bernoulli(key, jax.nn.sigmoid(proposal), (count, *proposal.shape))
        b = b.astype(jnp.float32)
        log_q = _log_bernoulli(b, proposal)
        log_likelihood = _log_bernoulli(batch, b @ params["weight"] + params["bias"])
        log_w = log_likelihood + _log_bernoulli(b, params["prior"]) - log_q  # (K, N)
        held = lax.stop_gradient(log_w)
        others = (held.sum(0) - held) / (count - 1)
        replaced = jnp.where(jnp.eye(count, dtype=bool)[..., None], others[:, None], held)
        bound = _logmeanexp(log_w)
        signal = lax.stop_gradient(bound) - _logmeanexp(replaced, axis=1)
        return -(bound + (signal * (log_q - lax.stop_gradient(log_q))).sum(0)).sum()

    return jax.value_and_grad(loss)


def loop(
    x: np.ndarray, params: Any, gradient: Gradient, *, batch_size: int, binarised: bool = True
) -> Timer:
    """A jax + optax loop under `lax.scan`; the timer gives the seconds of so many steps."""
    data, per_epoch = jnp.asarray(x), len(x) // batch_size
    optimiser = optax.adam(1e-3)

    def step(carry: tuple, number: Array) -> tuple:
        params, state, rows = carry
        position = number % per_epoch
        rows = lax.cond(
            position == 0, lambda: random.permutation(random.PRNGKey(number), len(x)), lambda: rows
        )
        batch = data[lax.dynamic_slice_in_dim(rows, position * batch_size, batch_size)]
        draw, noise = random.split(random.fold_in(random.PRNGKey(2), number))
        if binarised:
            batch = (random.uniform(noise, batch.shape) < batch).astype(jnp.float32)
        value, grads = gradient(params, draw, batch)
        updates, state = optimiser.update(grads, state, params)
        return (optax.apply_updates(params, updates), state, rows), value

    run = jax.jit(lambda carry, numbers: lax.scan(step, carry, numbers))
    carry = (params, optimiser.init(params), jnp.arange(len(x)))

    def timed(steps: int) -> float:
        begun = time.perf_counter()
        jax.block_until_ready(run(carry, jnp.arange(steps)))
        return time.perf_counter() - begun

    return timed


def _encode(encoder: Layers, batch: Array) -> tuple[Array, Array]:
    mean, log_scale = jnp.split(_apply(encoder, batch), 2, axis=-1)
    return mean, log_scale


def _apply(layers: Layers, h: Array) -> Array:
    for weight, bias in layers[:-1]:
        h = jnp.tanh(h @ weight + bias)
    return h @ layers[-1][0] + layers[-1][1]


def _log_bernoulli(value: Array, logits: Array) -> Array:
    return (value * logits - jax.nn.softplus(logits)).sum(-1)


def _logmeanexp(values: Array, axis: int = 0) -> Array:
    return jax.nn.logsumexp(values, axis=axis) - math.log(values.shape[axis])
