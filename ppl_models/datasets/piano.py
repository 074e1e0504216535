"""Classical piano pieces as steps of 88 keys (Boulanger-Lewandowski et al. 2012)."""

from __future__ import annotations

from ppl_models.datasets._dataset import Dataset
from ppl_models.datasets._polyphonic import load_music, music_file

FILES = (
    music_file(
        "Piano_midi.mat", "990a8a71d5764a7eaa3e78d9e5023d1470380fe2db3a1448265a97a24c8b1c34"
    ),
)


def load(*, length: int | None = 200) -> Dataset:
    """Classical piano pieces: 87 train, 12 valid and 25 test sequences of 65 to 3,857 steps.

    Args:
        length: pieces of at most so many steps; see `load_music` for this, the rows, and errors.
    """
    return load_music("piano", FILES[0], length, usual=200)
