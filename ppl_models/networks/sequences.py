"""Checks on sequences of several lengths and on their symbols; they import no framework."""

from __future__ import annotations

from typing import Any

from numpy.typing import NDArray

CELLS = ("gru", "lstm")  # of a recurrent network
FRAMES = ("bernoulli", "mixture")  # laws of one step


def check_sequences(
    x: NDArray[Any], lengths: NDArray[Any] | None, shape: tuple[int, ...], symbols: int | None
) -> None:
    """Check a batch of sequences.

    Args:
        x: the sequences.
        lengths: the number of steps of each, if they are not all the same.
        shape: what the shape of a row of x must be.
        symbols: size of the alphabet, None where x is real.

    Raises:
        ValueError: naming the argument, what was expected and what came.
    """
    if x.shape[1:] != shape:
        expected = ", ".join(map(str, ("N", *shape)))
        raise ValueError(
            f"x must have shape ({expected}), got {x.shape}; build the pair with length= and "
            "data_dim= of the data, or cut and pad the sequences."
        )
    if symbols is not None:
        check_symbols(x, symbols)
    if lengths is not None:
        check_lengths(lengths, shape[0], len(x))


def check_lengths(lengths: NDArray[Any], length: int, rows: int) -> None:
    """Check how many steps of each sequence there are.

    Args:
        lengths: the number of steps of each row.
        length: how many steps a row of x has room for.
        rows: how many rows x has.

    Raises:
        ValueError: if lengths is not one whole number for each row, or one is 0 or too large.
    """
    if lengths.dtype.kind not in "iu" or lengths.shape != (rows,):
        raise ValueError(
            f"lengths must be whole numbers of shape ({rows},), one for each row of x, got dtype "
            f"{lengths.dtype} and shape {lengths.shape}."
        )
    wrong = (lengths < 1) | (lengths > length)
    if wrong.any():
        row = int(wrong.argmax())
        raise ValueError(
            f"lengths must be from 1 to {length}, the steps that a row of x has, got "
            f"{lengths[row]} in row {row}; leave out empty sequences, and cut or pad x to length."
        )


def check_symbols(x: NDArray[Any], symbols: int) -> None:
    """Check that all of x is of an alphabet.

    Raises:
        ValueError: naming the first value that is not.
    """
    wrong = (x < 0) | (x >= symbols) | (x != x.round())
    if wrong.any():
        row = int(wrong.reshape(len(x), -1).any(-1).argmax())
        raise ValueError(
            f"x must hold whole numbers from 0 to {symbols - 1}, the symbols, got "
            f"{x[wrong][0]:.4g} in row {row}; build the pair with symbols= of the data, number "
            "them from 0, and fill up short sequences with 0."
        )
