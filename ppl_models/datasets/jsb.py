"""Bach's chorales in four voices as steps of 88 keys (Boulanger-Lewandowski et al. 2012)."""

from __future__ import annotations

from ppl_models.datasets._dataset import Dataset
from ppl_models.datasets._polyphonic import load_music

_FILE = "JSB_Chorales.mat"
_SHA256 = "ac0e608527cc411c7e21ef7d38be47f0de7fb6b13b3ae168b8eccf1c2a9b18d4"


def load(*, length: int | None = None) -> Dataset:
    """Bach's chorales in four voices: 229 train, 76 valid and 77 test sequences of 25 to 160 steps.

    A row has shape (steps, 88), zeros and ones; `y` is the number of steps of each, and after them
    all keys are zero. The splits are the usual ones.

    Args:
        length: cut sequences into pieces of at most so many steps; None for whole ones.

    Raises:
        ValueError: if `length` is no whole number of at least 1, or the file is damaged.
        FileNotFoundError: if the file is neither on this machine nor to be downloaded.
    """
    return load_music("jsb", _FILE, _SHA256, length)
