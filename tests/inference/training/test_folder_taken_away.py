"""A run folder that is removed, renamed or replaced while it is written."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny_runs import BATCH, bare, binary, loaded, quick

from inference import RunFolderError


class Batches:
    """Rows in their order, with something that happens before the third epoch."""

    def __init__(self, happens: Callable[[], Any]) -> None:
        self.epoch, self.happens = 0, happens

    def __iter__(self) -> Iterator[np.ndarray]:
        self.epoch += 1
        if self.epoch == 3:
            self.happens()
        yield from np.split(binary(), len(binary()) // BATCH)


def removed(path: Path) -> None:
    shutil.rmtree(path)


def renamed(path: Path) -> None:
    path.rename(path.with_name("moved"))


def a_file(path: Path) -> None:
    shutil.rmtree(path)
    path.write_text("x")


def of_another_run(path: Path) -> None:
    """What a second fit of that name leaves, begun after the first one's folder was removed."""
    shutil.rmtree(path)
    shutil.copytree(path.with_name("other"), path)


@pytest.mark.parametrize("change", [removed, renamed, a_file, of_another_run])
def test_it_is_said_and_the_run_is_in_the_error(change: Any, engine: str, tmp_path: Path) -> None:
    path, other = tmp_path / "run", tmp_path / "other"
    kept = quick(bare(engine), binary(seed=5), steps=6, out=other)
    before = {each: each.read_bytes() for each in other.rglob("*.safetensors")}
    data = Batches(lambda: change(path))
    with pytest.raises(RunFolderError, match="removed, renamed or replaced while") as caught:
        quick(bare(engine), data, epochs=6, out=path, checkpoint_seconds=0.0)
    assert caught.value.run.step >= 12  # pyright: ignore[reportAttributeAccessIssue]
    if change is of_another_run:  # which is as it was
        found = {other / each.relative_to(path): each for each in path.rglob("*.safetensors")}
        assert {old: new.read_bytes() for old, new in found.items()} == before
        assert loaded(engine, path).step == kept.step


def test_checkpoints_that_were_removed_are_written_again(engine: str, tmp_path: Path) -> None:
    path = tmp_path / "run"
    data = Batches(lambda: shutil.rmtree(path / "checkpoints"))
    run = quick(bare(engine), data, epochs=6, out=path, checkpoint_seconds=0.0)
    found = loaded(engine, path)
    assert (found.step, found.status) == (run.step, "finished")


def test_a_link_is_not_followed(engine: str, tmp_path: Path) -> None:
    path, place = tmp_path / "run", tmp_path / "elsewhere"

    def link() -> None:
        shutil.rmtree(path / "checkpoints")
        place.mkdir()
        (path / "checkpoints").symlink_to(place)

    with pytest.raises(RunFolderError, match="is a link, which a run never writes"):
        quick(bare(engine), Batches(link), epochs=6, out=path, checkpoint_seconds=0.0)
    assert not list(place.iterdir())
