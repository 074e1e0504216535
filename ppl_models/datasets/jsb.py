"""Bach's chorales in four voices as steps of 88 keys (Boulanger-Lewandowski et al. 2012)."""

from __future__ import annotations

from ppl_models.datasets._dataset import Dataset
from ppl_models.datasets._polyphonic import load_music, music_file

FILES = (
    music_file(
        "JSB_Chorales.mat", "ac0e608527cc411c7e21ef7d38be47f0de7fb6b13b3ae168b8eccf1c2a9b18d4"
    ),
)


def load(*, length: int | None = None) -> Dataset:
    """Bach's chorales in four voices: 229 train, 76 valid and 77 test sequences of 25 to 160 steps.

    Args:
        length: pieces of at most so many steps; see `load_music` for this, the rows, and errors.
    """
    return load_music("jsb", FILES[0], length)
