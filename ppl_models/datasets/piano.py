"""Classical piano pieces as steps of 88 keys (Boulanger-Lewandowski et al. 2012)."""

from __future__ import annotations

from ppl_models.datasets._dataset import Dataset
from ppl_models.datasets._polyphonic import load_music

_FILE = "Piano_midi.mat"
_SHA256 = "990a8a71d5764a7eaa3e78d9e5023d1470380fe2db3a1448265a97a24c8b1c34"


def load(*, length: int | None = 200) -> Dataset:
    """Classical piano pieces: 87 train, 12 valid and 25 test sequences of 65 to 3,857 steps.

    A row has shape (steps, 88), zeros and ones; `y` is the number of steps of each, and after them
    all keys are zero. The splits are the usual ones.

    Whole sequences would take hundreds of megabytes when filled up to the longest, so they come in
    pieces of 200 steps unless `length` says otherwise. A model that carries nothing over from piece
    to piece scores lower than on the whole: figures name the length.

    Args:
        length: cut sequences into pieces of at most so many steps; None for whole ones.

    Raises:
        ValueError: if `length` is no whole number of at least 1, or the file is damaged.
        FileNotFoundError: if the file is neither on this machine nor to be downloaded.
    """
    return load_music("piano", _FILE, _SHA256, length, usual=200)
