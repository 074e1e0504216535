"""Folk tunes with chords as steps of 88 keys (Boulanger-Lewandowski et al. 2012)."""

from __future__ import annotations

from ppl_models.datasets._dataset import Dataset
from ppl_models.datasets._polyphonic import load_music, music_file

FILES = (
    music_file(
        "Nottingham.mat", "d154f7ca2e90799dc1dc011d8fc048f2fc6ef3f7c69d974b9cf27a471634fbea"
    ),
)


def load(*, length: int | None = 200) -> Dataset:
    """Folk tunes with chords: 694 train, 173 valid and 170 test sequences of 40 to 1,793 steps.

    Args:
        length: pieces of at most so many steps; see `load_music` for this, the rows, and errors.
    """
    return load_music("nottingham", FILES[0], length, usual=200)
