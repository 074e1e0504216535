"""Orchestral and piano music as steps of 88 keys (Boulanger-Lewandowski et al. 2012)."""

from __future__ import annotations

from ppl_models.datasets._dataset import Dataset
from ppl_models.datasets._polyphonic import load_music, music_file

FILES = (
    music_file("MuseData.mat", "e8d9eb422ec3833c25f43a9f854d4ee0b9118a20b45f2c183395cdc30ffa14ff"),
)


def load(*, length: int | None = 200) -> Dataset:
    """Orchestral and piano music: 524 train, 135 valid and 124 test sequences of 9 to 4,273 steps.

    Args:
        length: pieces of at most so many steps; see `load_music` for this, the rows, and errors.
    """
    return load_music("muse", FILES[0], length, usual=200)
