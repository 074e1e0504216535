"""The base of Pyro pairs of sequences: which steps belong to them."""

from __future__ import annotations

import torch
from torch import Tensor

from ppl_models._batches import Sequences
from ppl_models._pyro_pair import PyroPair


class SequencePair(Sequences, PyroPair):
    """A pair of sequences whose networks are torch modules."""

    def _inside(self, x: Tensor | None, lengths: Tensor | None) -> Tensor | None:
        """Which steps belong to their sequence, (N, length); refuses what does not fit."""
        if x is not None:
            given = None if lengths is None else lengths.cpu().numpy()
            self.check_batch(x.detach().cpu().numpy(), given)
        if lengths is None:
            return None
        return torch.arange(self.length, device=lengths.device) < lengths.unsqueeze(-1)
