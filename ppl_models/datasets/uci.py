"""The five real-valued tables on which flows are compared (Papamakarios et al. 2017)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ppl_models._shown import shown
from ppl_models.datasets._dataset import Dataset
from ppl_models.datasets._files import (
    VARIABLE,
    PublishedFile,
    find,
    is_file,
    occupied,
    user_folder,
)
from ppl_models.datasets._formats import REMEDY
from ppl_models.datasets._tables import (
    check_rows,
    finite,
    read_csv,
    read_hdf5,
    read_member,
    read_npy,
    scaled,
)

NAMES = ("power", "gas", "hepmass", "miniboone", "bsds300")
# The MD5 that Zenodo states for the record 1161203 (Papamakarios 2018).
_ARCHIVE = PublishedFile(
    "uci",
    "data.tar.gz",
    "md5:9b9c9b0375315ad270eba4ce80c093ab",
    ("https://zenodo.org/record/1161203/files/",),
)
FILES = (_ARCHIVE,)
_ALIKE = 0.98  # columns of GAS with a larger correlation are one too many
Splits = tuple[NDArray[Any], NDArray[Any], NDArray[Any]]


def load(*, name: str) -> Dataset:
    """Load a table, cleaned, split and normalised as by Papamakarios et al. (2017).

    (arXiv:1705.07057, appendix D.) Columns and training rows: `"power"` 6, 1,659,917; `"gas"` 8,
    852,174; `"hepmass"` 21, 315,123; `"miniboone"` 43, 29,556; `"bsds300"` 63, 1,000,000. All but
    the last are normalised by their mean and standard deviation. POWER has noise within its last
    digit, of a fixed seed.

    A file is looked for as `$PPL_DATA/uci/power/data.npy`, `uci/gas/ethylene_CO.csv`,
    `uci/hepmass/1000_train.csv` and `1000_test.csv`, `uci/miniboone/data.npy` and
    `uci/BSDS300/BSDS300.hdf5`, also without `uci/`, and else in the published archive (817 MB),
    which is downloaded where it is missing. GAS lies in the archive as a pickle, which can run code
    when it is read, and is not: the message says how to make the table of it.

    Args:
        name: one of the five, in small letters or capitals.

    Raises:
        ValueError: if there is no such table, or a file is damaged.
        FileNotFoundError: if a file is neither on this machine nor to be downloaded.
    """
    wanted = name.lower() if isinstance(name, str) else name
    if wanted not in NAMES:
        raise ValueError(f"name must be one of {', '.join(NAMES)}; got {shown(name)}.")
    train, valid, test = _TABLES[wanted]()
    return Dataset(
        name="uci",
        train=train,
        valid=valid,
        test=test,
        image_shape=(train.shape[1],),
        binarisation="real",
        variant=f"name={wanted}",
    )


def _power() -> Splits:
    source, table = read_npy(_content("power/data.npy"), 8)
    # The published split is that of this generator: another one is another test set.
    random = np.random.RandomState(42)
    random.shuffle(table)
    rows, table = len(table), np.delete(table, [1, 3], axis=1)
    voltage, gap = 0.01 * random.rand(rows, 1), 0.001 * random.rand(rows, 1)
    metering, time = random.rand(rows, 3), np.zeros((rows, 1))
    return _normalised(source, table + np.hstack([gap, voltage, metering, time]))


def _gas() -> Splits:
    path = _local("gas/ethylene_CO.csv")
    if path is None:
        raise FileNotFoundError(
            f"uci/gas/ethylene_CO.csv was not found below ${VARIABLE}"
            f"{occupied(_places('gas/ethylene_CO.csv'))}. The published table is a pickle, which "
            f"can run code and is not read here. Fetch {_ARCHIVE.urls[0]}{_ARCHIVE.name}, unpack "
            "it, and if you trust it run "
            "python -c \"import pandas; pandas.read_pickle('gas/ethylene_CO.pickle')"
            ".to_csv('gas/ethylene_CO.csv', index=False)\"."
        )
    _, table = read_csv((path, path.open("rb")))
    table = table.drop(columns=[name for name in ("Meth", "Eth", "Time") if name in table])
    while ((alike := (table.corr() > _ALIKE).to_numpy().sum(axis=1)) > 1).any():
        table = table.drop(columns=table.columns[int(np.argmax(alike > 1))])
    values = finite(path, table.to_numpy(dtype=np.float64))
    check_rows(path, values)
    return _tenths(scaled(path, values, by=values, ddof=1))


def _hepmass() -> Splits:
    (train_path, train), (test_path, test) = (
        _signal(f"hepmass/1000_{part}.csv") for part in ("train", "test")
    )
    columns = train.shape[1]
    if test.shape[1] not in (columns, columns + 1):  # the file of tests has one more, of no meaning
        raise ValueError(
            f"{test_path} should have the {columns} columns of {train_path.name}; it has "
            f"{test.shape[1]}. {REMEDY}"
        )
    given = train
    train = scaled(train_path, given, by=given, ddof=1)
    test = scaled(test_path, test[:, :columns], by=given, ddof=1)
    # Columns whose smallest value comes again and again are no densities.
    often = [np.unique(column, return_counts=True)[1][0] > 5 for column in train.T]
    if all(often):
        raise ValueError(f"{train_path} has no column of real numbers. {REMEDY}")
    train, test = train[:, ~np.array(often)], test[:, ~np.array(often)]
    cut = len(train) - int(0.1 * len(train))
    return train[:cut], train[cut:], test


def _signal(member: str) -> tuple[Path, NDArray[np.float64]]:
    """The rows of one kind of collision, without the column that says so."""
    path, table = read_csv(_content(member), more=True)
    kinds = table.iloc[:, 0]
    if not kinds.isin((0, 1)).all() or table.shape[1] < 2:
        raise ValueError(
            f"{path}: the first column should say 1 of signal and 0 of background, and others "
            f"should follow; it is {str(table.columns[0])!r}. {REMEDY}"
        )
    values = table[kinds == 1].iloc[:, 1:].dropna(axis=1, how="all")
    if len(values) < 10:
        raise ValueError(f"{path} should have 10 rows of signal or more; it has {len(values)}.")
    return path, finite(path, values.to_numpy(dtype=np.float64))


def _miniboone() -> Splits:
    return _normalised(*read_npy(_content("miniboone/data.npy"), None))


def _bsds300() -> Splits:
    path, found = read_hdf5(_content("BSDS300/BSDS300.hdf5"), ("train", "validation", "test"))
    train, valid, test = (finite(path, found[part]) for part in ("train", "validation", "test"))
    return train, valid, test


_TABLES: dict[str, Callable[[], Splits]] = {
    "power": _power,
    "gas": _gas,
    "hepmass": _hepmass,
    "miniboone": _miniboone,
    "bsds300": _bsds300,
}


def _tenths(table: NDArray[Any]) -> Splits:
    """The last tenth for tests, the last tenth of the others for validation."""
    rest = len(table) - int(0.1 * len(table))
    cut = rest - int(0.1 * rest)
    return table[:cut], table[cut:rest], table[rest:]


def _normalised(source: Path, table: NDArray[np.float64]) -> Splits:
    check_rows(source, table)
    train, valid, _ = _tenths(table)
    return _tenths(scaled(source, table, by=np.concatenate([train, valid])))


def _places(member: str) -> tuple[Path, ...]:
    """Where a file of the user's may be: below `$PPL_DATA/uci`, or `$PPL_DATA`."""
    folder = user_folder()
    return () if folder is None else (folder / _ARCHIVE.folder / member, folder / member)


def _local(member: str) -> Path | None:
    return next((place for place in _places(member) if is_file(place)), None)


def _content(member: str) -> tuple[Path, BinaryIO]:
    """A file, open: the user's own, or that of the archive."""
    path = _local(member)
    if path is not None:
        return path, path.open("rb")
    if beside := occupied(_places(member)):
        raise FileNotFoundError(f"{member} cannot be read{beside}; remove it, or replace it.")
    return read_member(find(_ARCHIVE), f"data/{member}")
