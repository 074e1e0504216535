"""A run folder survives a kill between any two of its operations, and damage of any file."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from inference.errors import RunFolderError
from inference.training.checkpoints import Checkpoint
from inference.training.folder import RunFolder

SPEC = {"pair": {}, "objective": "elbo", "data": {}, "training": {}, "budget": {}}
OPERATIONS = ("fsync", "replace", "rename", "mkdir", "unlink", "rmdir", "open")


class Killed(BaseException):
    pass


def checkpoint(step: int, *, best: bool = True) -> Checkpoint:
    values = {"w": np.full((3, 2), step, np.float32), "n": np.array(step)}
    return Checkpoint(
        state={"s": np.arange(step, step + 4)},
        values=values,
        progress={"step": step, "rows": [{"loss": step / 3}]},
        best=values if best else None,
    )


def assert_whole(loaded: Checkpoint | None, *steps: int) -> None:
    assert loaded is not None
    step = loaded.progress["step"]
    assert step in steps
    wanted = checkpoint(step)
    assert loaded.progress == wanted.progress
    assert loaded.best is not None
    for one, other in (
        (loaded.state, wanted.state),
        (loaded.values, wanted.values),
        (loaded.best, wanted.values),
    ):
        assert sorted(one) == sorted(other)
        assert all(np.array_equal(one[name], other[name]) for name in other)


@contextlib.contextmanager
def killed_at(call: int):
    """Die at the call number `call` of an operation that changes the disk."""
    count = 0

    def deadly(function):
        def operation(*args, **kwargs):
            nonlocal count
            if function is not real_open or set("wx") & set(str(args[1:2])):
                count += 1
                if count == call:
                    raise Killed
            return function(*args, **kwargs)

        return operation

    real_open = io.open
    with pytest.MonkeyPatch.context() as patch:
        for name in OPERATIONS[:-1]:
            patch.setattr(os, name, deadly(getattr(os, name)))
        patch.setattr(io, "open", deadly(real_open))
        try:
            yield
        except Killed:
            pass
        else:
            raise StopIteration  # there is no such call any more


def kill_everywhere(prepare, act, verify) -> int:
    """Kill `act` at each of its operations in turn, on a fresh folder each time; how many."""
    for call in range(1, 1000):
        folder = prepare(call)
        try:
            with killed_at(call):
                act(folder)
        except RuntimeError as error:  # StopIteration inside a generator
            if isinstance(error.__cause__, StopIteration):
                return call - 1
            raise
        verify(folder)
    raise AssertionError("the operation never ends")


def test_a_kill_during_save_leaves_the_old_checkpoint_or_the_new(tmp_path):
    def prepare(call):
        folder = RunFolder(tmp_path / str(call))
        folder.create(SPEC)
        for step in (1, 2):
            folder.save(checkpoint(step))
        return folder

    def verify(folder):
        assert_whole(folder.load(), 2, 3)
        folder.save(checkpoint(3))
        assert_whole(folder.load(), 3)
        folder.save(checkpoint(4))
        assert_whole(folder.load(), 4)
        assert [p.name for p in folder.checkpoints()] == ["step-000000003", "step-000000004"]
        assert not list((folder.path / "checkpoints").glob(".*"))

    kills = kill_everywhere(prepare, lambda folder: folder.save(checkpoint(3)), verify)
    # Five files are opened, flushed and renamed; two folders flushed; one made, renamed, deleted.
    assert kills == 5 * 3 + 2 + 2 + 5 + 1


def test_a_kill_during_the_first_save_leaves_none_or_the_new(tmp_path):
    def prepare(call):
        folder = RunFolder(tmp_path / str(call))
        folder.create(SPEC)
        return folder

    def verify(folder):
        if folder.load() is not None:
            assert_whole(folder.load(), 1)
        folder.save(checkpoint(1))
        assert_whole(folder.load(), 1)

    assert kill_everywhere(prepare, lambda folder: folder.save(checkpoint(1)), verify) == 19


def test_a_kill_during_create_leaves_a_folder_that_can_be_created(tmp_path):
    def verify(folder):
        if folder.holds_run():
            assert folder.read_spec() == SPEC
            assert folder.load() is None
        folder.create(SPEC)
        assert folder.holds_run()
        folder.save(checkpoint(1))
        assert_whole(folder.load(), 1)

    kills = kill_everywhere(
        lambda call: RunFolder(tmp_path / str(call)), lambda folder: folder.create(SPEC), verify
    )
    # Two folders made, one flushed; lock, its owner and the spec opened, flushed and renamed.
    assert kills == 10


def test_a_kill_while_the_spec_is_replaced_leaves_the_old_or_the_new(tmp_path):
    new = SPEC | {"budget": {"steps": 7}}

    def prepare(call):
        folder = RunFolder(tmp_path / str(call))
        folder.create(SPEC)
        folder.save(checkpoint(1))
        return folder

    def verify(folder):
        assert folder.read_spec() in (SPEC, new)
        assert_whole(folder.load(), 1)

    assert kill_everywhere(prepare, lambda folder: folder.create(new), verify) >= 4


def test_a_full_disk_is_one_sentence_and_leaves_the_old_checkpoint(tmp_path, monkeypatch):
    folder = RunFolder(tmp_path / "run")
    folder.create(SPEC)
    folder.save(checkpoint(1))

    def full(descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        with pytest.raises(RunFolderError, match=r"run' cannot be written: No space left.*Choose"):
            folder.save(checkpoint(2))
    assert_whole(folder.load(), 1)
    folder.save(checkpoint(2))
    assert_whole(folder.load(), 2)


FILES = (
    "state.safetensors",
    "values.safetensors",
    "best.safetensors",
    "progress.json",
    "manifest.json",
)


def saved_twice(path: Path) -> tuple[RunFolder, Path]:
    folder = RunFolder(path)
    folder.create(SPEC)
    folder.save(checkpoint(1))
    folder.save(checkpoint(2))
    return folder, folder.checkpoints()[-1]


def assert_refused_and_repairable(folder: RunFolder, newest: Path) -> None:
    with pytest.raises(RunFolderError) as caught:
        folder.load()
    message = str(caught.value)
    assert str(newest) in message
    assert "is damaged" in message
    assert "Delete that folder, and the run continues from step-000000001" in message
    shutil.rmtree(newest)
    assert_whole(folder.load(), 1)


@pytest.mark.parametrize("name", FILES)
def test_a_flipped_bit_anywhere_is_refused(name, tmp_path):
    folder, newest = saved_twice(tmp_path / "run")
    content = (newest / name).read_bytes()
    harmless = set()
    for position in range(len(content)):
        flipped = bytearray(content)
        flipped[position] ^= 1 << position % 8
        (newest / name).write_bytes(flipped)
        try:
            assert_whole(folder.load(), 2)
            harmless.add(content[position : position + 1])
        except RunFolderError as error:
            assert str(newest) in str(error)  # noqa: PT017
            assert "Delete that folder" in str(error)  # noqa: PT017
    # Only blanks of the manifest, which has no checksum of its own, may change unnoticed.
    assert harmless <= ({b" ", b"\n"} if name == "manifest.json" else set())
    assert_refused_and_repairable_after(folder, newest, name, content)


def assert_refused_and_repairable_after(folder, newest, name, content):
    (newest / name).write_bytes(content[: len(content) // 2])
    assert_refused_and_repairable(folder, newest)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("part", [0.0, 0.3, 0.99])
def test_a_truncated_file_is_refused(name, part, tmp_path):
    folder, newest = saved_twice(tmp_path / "run")
    content = (newest / name).read_bytes()
    (newest / name).write_bytes(content[: int(part * len(content))])
    assert_refused_and_repairable(folder, newest)


@pytest.mark.parametrize("name", FILES)
def test_a_missing_file_is_refused(name, tmp_path):
    folder, newest = saved_twice(tmp_path / "run")
    (newest / name).unlink()
    assert_refused_and_repairable(folder, newest)


@pytest.mark.parametrize("text", ["[]", "5", "null", "{}", '"state.safetensors"'])
def test_a_manifest_that_is_no_manifest_is_refused(text, tmp_path):
    folder, newest = saved_twice(tmp_path / "run")
    (newest / "manifest.json").write_text(text)
    assert_refused_and_repairable(folder, newest)


def test_the_only_checkpoint_damaged_says_that_the_run_starts_again(tmp_path):
    folder = RunFolder(tmp_path / "run")
    folder.create(SPEC)
    folder.save(checkpoint(1))
    (folder.checkpoints()[0] / "progress.json").write_text("{")
    with pytest.raises(RunFolderError, match=r"Delete that folder, and the run starts again"):
        folder.load()
    shutil.rmtree(folder.checkpoints()[0])
    assert folder.load() is None


@pytest.mark.parametrize("damage", ["truncate", "binary", "list", "pair is text"])
def test_a_damaged_spec_is_refused(damage, tmp_path):
    folder, _ = saved_twice(tmp_path / "run")
    text = json.dumps(SPEC)
    content = {
        "truncate": text[:20].encode(),
        "binary": b"\xff\xfe\x00",
        "list": b"[1]",
        "pair is text": json.dumps(SPEC | {"pair": "vae"}).encode(),
    }[damage]
    folder.spec_path.write_bytes(content)
    with pytest.raises(RunFolderError, match=r"spec\.json is damaged .*Restore it from a copy"):
        folder.read_spec()


def test_what_cannot_be_written_is_named(tmp_path):
    folder = RunFolder(tmp_path)
    folder.create({"pair": {}})
    (tmp_path / "history.csv").mkdir()
    with pytest.raises(RunFolderError, match=r"cannot be written: Is a directory \(history\.csv\)"):
        folder.write_history("x")
    folder.close()


def test_a_folder_without_a_run_is_named(tmp_path):
    with pytest.raises(RunFolderError, match=r"is no run folder: it has no spec\.json"):
        RunFolder(tmp_path).read_spec()
