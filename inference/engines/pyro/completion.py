"""Rows of a sequential site with some of their entries held, on Pyro."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from inference.engines.pyro.evaluation import repeatable, tensors
from inference.engines.pyro.pairs import parts
from inference.engines.pyro.sequential import completed
from inference.engines.pyro.traces import run
from inference.program.completion import Completed, law_to_complete
from inference.program.distributions import parts_of, ranks_of


def complete(
    pair: Any,
    batch: tuple[NDArray[Any], ...],
    held: NDArray[np.bool_],
    temperature: float,
    num_particles: int,
    rng_seed: int,
) -> Completed:
    """Draw the entries of x that are not held; see `inference.program.completion.Completed`.

    Args:
        pair: the pair.
        batch: what the model takes, x first.
        held: which entries of x stay, of its shape.
        temperature: of the conditionals.
        num_particles: K.
        rng_seed: seed.
    """
    args = tensors(pair, batch)
    with repeatable(pair, rng_seed):
        law = law_to_complete(run(parts(pair)[0], args).sites)
        many = args[0].expand(num_particles, *args[0].shape)
        fixed = torch.tensor(held, device=many.device).expand(many.shape)
        drawn, log_weight = completed(law, many.clone(), fixed, temperature)
        laws = parts_of(law)
        ranks = torch.as_tensor(ranks_of(laws[0])).cpu().numpy()
        rows, weights = drawn.cpu().numpy(), log_weight.cpu().numpy()
        return Completed(rows, weights, ranks, np.array(len(laws)))
