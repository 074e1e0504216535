"""Folk tunes with chords as steps of 88 keys (Boulanger-Lewandowski et al. 2012)."""

from __future__ import annotations

from ppl_models.datasets._dataset import Dataset
from ppl_models.datasets._polyphonic import load_music

_FILE = "Nottingham.mat"
_SHA256 = "d154f7ca2e90799dc1dc011d8fc048f2fc6ef3f7c69d974b9cf27a471634fbea"


def load(*, length: int | None = 200) -> Dataset:
    """Folk tunes with chords: 694 train, 173 valid and 170 test sequences of 40 to 1,793 steps.

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
    return load_music("nottingham", _FILE, _SHA256, length, usual=200)
