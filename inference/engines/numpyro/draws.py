"""What one particle's pass through a pair on NumPyro gives, as arrays that `vmap` can stack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import jax.numpy as jnp
from jax import Array, lax

from inference.engines.numpyro import discrete
from inference.engines.numpyro.divergences import divergence
from inference.engines.numpyro.frames import Frames, density
from inference.engines.numpyro.traces import Trace, networks_state, samples
from inference.program.draws import Cells, Draws
from inference.program.sites import Site


def particle(
    frames: Frames, guide_trace: Trace, model_trace: Trace, *, divergences: bool
) -> dict[str, Any]:
    """Log densities of one draw, each (N,), with its values and the networks' new state.

    Args:
        frames: the pair's plates and scales.
        guide_trace: a run of the guide.
        model_trace: a run of the model, at the guide's draws.
        divergences: whether to work out KL(q || p) where it is valid and known.
    """
    exact = _exact(frames, guide_trace, model_trace) if divergences else {}
    scale, outside = frames.note_scale(model_trace), frames.structure.outside
    model = {n: site for n, site in samples(model_trace) if n not in outside}
    guide = {n: site for n, site in samples(guide_trace) if n not in outside}
    log_p = {name: density(site) for name, site in model.items()}
    log_q = {name: density(site) for name, site in guide.items()}
    cells: dict[str, dict[str, Array]] = {}
    scored = [site.name for site in scored_sites(frames)]
    if scored:
        cells = {
            "log_p_sites": {n: frames.cell(value, model[n]) for n, value in log_p.items()},
            "log_q_sites": {n: frames.cell(value, guide[n]) for n, value in log_q.items()},
            "divergences": {n: frames.cell(value, guide[n]) for n, value in exact.items()},
            "scores": {
                name: frames.structure.framed(_score(guide_trace[name]))
                for name in scored
                if name not in outside
            },
        }
    observed = [
        frames.flat(site["value"], name)
        for name, site in samples(model_trace)
        if site["is_observed"]
    ]
    latents = [*samples(guide_trace), *samples(model_trace)]
    found = (
        (name, discrete.scored_entries(site["fn"]))
        for name, site in guide.items()
        if not site["is_observed"]
    )
    masks = {name: mask for name, mask in found if mask is not None}
    return {
        "log_p": {n: frames.per_datum(value, model[n]) for n, value in log_p.items()},
        "log_q": {n: frames.per_datum(value, guide[n]) for n, value in log_q.items()},
        "divergences": {n: frames.per_datum(value, guide[n]) for n, value in exact.items()},
        "cells": cells,
        "unmasked": {
            name: frames.per_datum(density({**site, "fn": discrete.unmasked(site["fn"])}), site)
            for name, site in guide.items()
            if name in masks
        },
        "scale": scale,
        "values": {name: s["value"] for name, s in latents if not s["is_observed"]},
        "masks": masks,
        "logits": {
            name: discrete.logits(site["fn"])
            for name, site in samples(guide_trace)
            if discrete.family(site["fn"])[0]
        },
        "observed": jnp.concatenate(observed, -1) if observed else jnp.zeros((1, 0)),
        "mutable": networks_state(guide_trace) | networks_state(model_trace),
    }


def draws_of(frames: Frames, found: Mapping[str, Any]) -> Draws:
    """The draws of K particles, whose `particle` was stacked."""
    return Draws(
        log_p_sites=found["log_p"],
        log_q_sites=found["log_q"],
        divergences=found["divergences"],
        scored=frozenset(site.name for site in scored_sites(frames)),
        values=frames.padded(found["values"]),
        logits=frames.padded(found["logits"]),
        cells=Cells(**found["cells"], gather=frames.structure.gather) if found["cells"] else None,
        unmasked=found["unmasked"],
    )


def scored_sites(frames: Frames) -> list[Site]:
    """The guide's sites whose draw carries no gradient."""
    return [site for site in frames.structure.proposals if not site.reparameterised]


def sum_of(terms: Iterable[Array]) -> Array:
    """A sum that is an array though there are no terms."""
    return sum(terms, start=jnp.zeros(()))


def _exact(frames: Frames, guide_trace: Trace, model_trace: Trace) -> dict[str, Array]:
    """KL(q || p) by site, where it is valid and known."""
    names = frames.structure.closed_form_sites()
    scored = {site.name for site in scored_sites(frames)}

    def held(site: Mapping[str, Any]) -> Mapping[str, Any]:
        """Without a gradient by q where the score has it."""
        return {**site, "fn": lax.stop_gradient(site["fn"])} if site["name"] in scored else site

    known = ((name, divergence(held(guide_trace[name]), model_trace[name])) for name in names)
    return {name: value for name, value in known if value is not None}


def _score(site: Mapping[str, Any]) -> Array:
    """The log density of a draw, whether it is masked or not: what was drawn has a score."""
    return discrete.with_slopes(discrete.unmasked(site["fn"])).log_prob(site["value"])
