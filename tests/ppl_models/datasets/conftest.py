from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from mnist_formats import idx_bytes

import ppl_models.datasets._files as files


@pytest.fixture
def cache(tmp_path, monkeypatch) -> Path:
    """An empty cache of its own, and no PPL_DATA."""
    folder = tmp_path / "cache"
    monkeypatch.setattr(files, "cache_folder", lambda: folder)
    monkeypatch.delenv("PPL_DATA", raising=False)
    return folder


@pytest.fixture(scope="session")
def mnist_folder(tmp_path_factory) -> Path:
    """Full-size idx files whose every image is the same: its row 14 holds 9 * column."""
    folder = tmp_path_factory.mktemp("data") / "mnist"
    folder.mkdir()
    for prefix, rows in (("train", 60_000), ("t10k", 10_000)):
        pixels = np.zeros((rows, 28, 28), dtype=np.uint8)
        pixels[:, 14] = 9 * np.arange(28)
        for name, array in (
            (f"{prefix}-images-idx3-ubyte.gz", pixels),
            (f"{prefix}-labels-idx1-ubyte.gz", np.arange(rows) % 10),
        ):
            (folder / name).write_bytes(gzip.compress(idx_bytes(array), compresslevel=1))
    return folder.parent
