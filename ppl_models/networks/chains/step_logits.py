"""What a network that is shown a whole sequence says of each of its steps (torch)."""

from __future__ import annotations

import torch
from torch import Tensor, nn


def step_logits(
    network: nn.Module, x: Tensor, inside: Tensor | None, symbols: int | None, states: int
) -> Tensor:
    """Logits of the state at each step, shape (N, T, states); 0 after the end of a sequence.

    Args:
        network: from (N, T * columns) to (N, T * states).
        x: sequences, (N, T) of symbols, or (N, T, columns) of real numbers.
        inside: which steps belong to their sequence, (N, T); None if all do. The network is shown
            zeros in place of the others.
        symbols: size of the alphabet, None where x is real; a symbol is shown as one-hot.
        states: number of states.
    """
    like = next(network.parameters())
    shown = x if symbols is None else nn.functional.one_hot(x.long(), symbols).to(like)
    if inside is not None:
        shown = torch.where(inside.unsqueeze(-1), shown, 0.0)
    logits = network(shown.flatten(-2)).unflatten(-1, (-1, states))
    return logits if inside is None else torch.where(inside.unsqueeze(-1), logits, 0.0)
