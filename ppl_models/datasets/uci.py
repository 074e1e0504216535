"""The five real-valued tables on which flows are compared (Papamakarios et al. 2017)."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ppl_models._shown import shown
from ppl_models.datasets._dataset import Dataset
from ppl_models.datasets._files import VARIABLE, PublishedFile, find
from ppl_models.datasets._formats import REMEDY

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
    table = _array("power/data.npy", 8).astype(np.float64)
    # The published split is that of this generator: another one is another test set.
    random = np.random.RandomState(42)
    random.shuffle(table)
    rows, table = len(table), np.delete(table, [1, 3], axis=1)
    voltage, gap = 0.01 * random.rand(rows, 1), 0.001 * random.rand(rows, 1)
    metering, time = random.rand(rows, 3), np.zeros((rows, 1))
    return _normalised(*_tenths(table + np.hstack([gap, voltage, metering, time])))


def _gas() -> Splits:
    import pandas as pd

    path = _local("gas/ethylene_CO.csv")
    if path is None:
        raise FileNotFoundError(
            f"uci/gas/ethylene_CO.csv was not found below ${VARIABLE}. The published table is a "
            f"pickle, which can run code and is not read here. Fetch {_ARCHIVE.urls[0]}"
            f"{_ARCHIVE.name}, unpack it, and if you trust it run "
            "python -c \"import pandas; pandas.read_pickle('gas/ethylene_CO.pickle')"
            ".to_csv('gas/ethylene_CO.csv', index=False)\"."
        )
    table = pd.read_csv(path)
    table = table.drop(columns=[name for name in ("Meth", "Eth", "Time") if name in table])
    while ((alike := (table.corr() > _ALIKE).to_numpy().sum(axis=1)) > 1).any():
        table = table.drop(columns=table.columns[int(np.argmax(alike > 1))])
    values = _finite(path, table.to_numpy(dtype=np.float64))
    return _tenths((values - values.mean(0)) / values.std(0, ddof=1))


def _hepmass() -> Splits:
    train, test = (_signal(f"hepmass/1000_{part}.csv") for part in ("train", "test"))
    columns = min(train.shape[1], test.shape[1])  # the file of tests has one more, of no meaning
    train, test = train[:, :columns], test[:, :columns]
    mean, deviation = train.mean(0), train.std(0, ddof=1)
    train, test = (train - mean) / deviation, (test - mean) / deviation
    # Columns whose smallest value comes again and again are no densities.
    often = [np.unique(column, return_counts=True)[1][0] > 5 for column in train.T]
    train, test = train[:, ~np.array(often)], test[:, ~np.array(often)]
    cut = len(train) - int(0.1 * len(train))
    return train[:cut], train[cut:], test


def _signal(member: str) -> NDArray[np.float64]:
    """The rows of one kind of collision, without the column that says so."""
    import pandas as pd

    table = pd.read_csv(io.BytesIO(_content(member)), index_col=False)
    values = table[table.iloc[:, 0] == 1].iloc[:, 1:].dropna(axis=1, how="all")
    return _finite(member, values.to_numpy(dtype=np.float64))


def _miniboone() -> Splits:
    return _normalised(*_tenths(_array("miniboone/data.npy", None).astype(np.float64)))


def _bsds300() -> Splits:
    try:
        import h5py
    except ImportError as error:
        raise ValueError(
            "name='bsds300' is a file of HDF5, for which h5py is missing: pip install h5py."
        ) from error
    member = "BSDS300/BSDS300.hdf5"
    try:
        with h5py.File(io.BytesIO(_content(member))) as file:
            train, valid, test = (np.asarray(file[s]) for s in ("train", "validation", "test"))
    except (OSError, KeyError) as error:
        raise ValueError(
            f"{member} should be a file of HDF5 with train, validation and test ({error}). {REMEDY}"
        ) from error
    return _finite(member, train), _finite(member, valid), _finite(member, test)


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
    if not 0 < cut < rest < len(table):
        raise ValueError(f"a table of {len(table)} rows has no tenths; it should have 11 or more.")
    return table[:cut], table[cut:rest], table[rest:]


def _normalised(train: NDArray[Any], valid: NDArray[Any], test: NDArray[Any]) -> Splits:
    both = np.concatenate([train, valid])
    mean, deviation = both.mean(0), both.std(0)
    return (train - mean) / deviation, (valid - mean) / deviation, (test - mean) / deviation


def _array(member: str, columns: int | None) -> NDArray[Any]:
    try:
        table = np.load(io.BytesIO(_content(member)), allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{member} should be an array of numpy's ({error}). {REMEDY}") from error
    if table.ndim != 2 or columns not in (None, table.shape[1]):
        raise ValueError(
            f"{member} should have shape (N, {columns or 'D'}), got {table.shape}. {REMEDY}"
        )
    return _finite(member, table)


def _finite(source: object, table: NDArray[Any]) -> NDArray[Any]:
    if not np.isfinite(table).all():
        raise ValueError(f"{source} has values that are no finite numbers. {REMEDY}")
    return table


def _local(member: str) -> Path | None:
    """A file of the user's, below `$PPL_DATA/uci` or `$PPL_DATA`."""
    root = os.environ.get(VARIABLE)
    if not root:
        return None
    folder = Path(root).expanduser()
    places = (folder / _ARCHIVE.folder / member, folder / member)
    return next((place for place in places if place.is_file()), None)


def _content(member: str) -> bytes:
    """A file's bytes, the user's own or those of the archive."""
    path = _local(member)
    if path is not None:
        return path.read_bytes()
    archive = find(_ARCHIVE)
    try:
        with tarfile.open(archive) as files:
            found = files.extractfile(f"data/{member}")
            assert found is not None
            return found.read()
    except (tarfile.TarError, KeyError, EOFError, OSError, AssertionError) as error:
        raise ValueError(
            f"{archive} should be the archive with data/{member} ({error}). {REMEDY}"
        ) from error
