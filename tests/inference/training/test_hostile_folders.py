"""Run folders that were changed: refused in a sentence, or as if nothing had happened."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
from pathlib import Path

import pytest
from resealed import reseal
from tiny_runs import assert_same_run, binary, quick, vae

from inference import load_run
from inference.errors import RunFolderError


@pytest.fixture(scope="module")
def originals(tmp_path_factory):
    """Two runs of the same shapes, one that stopped early, with two checkpoints each."""
    made = tmp_path_factory.mktemp("originals")
    fitting = importlib.import_module("inference.training.fit")
    monkeypatch = pytest.MonkeyPatch()
    monkeypatch.setattr(fitting, "_STEPS_BETWEEN_REPORTS", 1)
    for seed, name in enumerate(("one", "other")):
        arguments = {"valid": binary(5, seed=2), "patience": 50, "seed": seed}
        for steps in (6, 12):
            quick(vae("pyro"), binary(), steps=steps, out=made / name, resume=True, **arguments)
    monkeypatch.undo()
    assert load_run(made / "one").rows[0]["valid_bound"] < 0
    return made


@pytest.fixture
def run(originals, tmp_path):
    shutil.copytree(originals / "one", tmp_path / "run")
    return tmp_path / "run"


def newest(path: Path) -> Path:
    return sorted((path / "checkpoints").iterdir())[-1]


def strike_best(path: Path, originals: Path) -> None:
    manifest = newest(path) / "manifest.json"
    found = json.loads(manifest.read_text())
    found["files"].pop("best.safetensors", None)
    manifest.write_text(json.dumps(found))
    (newest(path) / "best.safetensors").unlink(missing_ok=True)


def strike_the_seal(path: Path, originals: Path) -> None:
    manifest = newest(path) / "manifest.json"
    manifest.write_text(json.dumps(json.loads(manifest.read_text())["files"]))


def an_older_one_under_a_later_name(path: Path, originals: Path) -> None:
    older = sorted((path / "checkpoints").iterdir())[0]
    shutil.copytree(older, path / "checkpoints" / "step-000000099")


def of_another_run(path: Path, originals: Path) -> None:
    shutil.rmtree(path / "checkpoints")
    shutil.copytree(originals / "other" / "checkpoints", path / "checkpoints")


def another_objective(path: Path, originals: Path) -> None:
    text = (path / "spec.json").read_text()
    assert '"elbo"' in text
    (path / "spec.json").write_text(text.replace('"elbo"', '"iwae"'))


def another_objective_resealed(path: Path, originals: Path) -> None:
    reseal(path / "spec.json", lambda spec: spec.update(objective="iwae"))


def strike_best_everywhere(path: Path, originals: Path) -> None:
    manifest = newest(path) / "manifest.json"
    found = json.loads(manifest.read_text())
    del found["files"]["best.safetensors"], found["infinite"]["best.safetensors"]
    manifest.write_text(json.dumps(found))
    (newest(path) / "best.safetensors").unlink()


def another_budget(path: Path, originals: Path) -> None:
    spec = json.loads((path / "spec.json").read_text())
    spec["budget"]["steps"] = 10**6
    (path / "spec.json").write_text(json.dumps(spec))


def another_learning_rate(path: Path, originals: Path) -> None:
    reseal(path / "spec.json", lambda spec: spec["training"].update(learning_rate=7.0))


def no_seal_on_the_spec(path: Path, originals: Path) -> None:
    spec = json.loads((path / "spec.json").read_text())
    del spec["sha256"]
    (path / "spec.json").write_text(json.dumps(spec))


def no_name_in_the_spec(path: Path, originals: Path) -> None:
    spec = json.loads((path / "spec.json").read_text())
    del spec["run"], spec["sha256"]
    (path / "spec.json").write_text(json.dumps(spec))


def a_status_of_ones_own(path: Path, originals: Path) -> None:
    (path / "status.json").write_text('{"run": "x", "status": "finished", "step": 9}')


def a_status_of_another_run(path: Path, originals: Path) -> None:
    shutil.copy(originals / "other" / "status.json", path / "status.json")


def nested(path: Path, originals: Path) -> None:
    (path / "spec.json").write_text("[" * 50_000)


def nested_manifest(path: Path, originals: Path) -> None:
    (newest(path) / "manifest.json").write_text('{"files":' * 50_000)


def a_number_of_5000_digits(path: Path, originals: Path) -> None:
    (path / "spec.json").write_text('{"pair": {"seed": ' + "9" * 5000 + "}}")


def a_strange_name(path: Path, originals: Path) -> None:
    reseal(newest(path) / "manifest.json", lambda m: m["files"].update({"../../spec.json": "0"}))


def a_device(path: Path, originals: Path) -> None:
    reseal(newest(path) / "manifest.json", lambda m: m["files"].update({"/dev/zero": "0"}))


def a_pipe(path: Path, originals: Path) -> None:
    values = newest(path) / "values.safetensors"
    values.unlink()
    os.mkfifo(values)


def a_linked_file(path: Path, originals: Path) -> None:
    values = newest(path) / "values.safetensors"
    values.rename(path / "elsewhere")
    values.symlink_to(path / "elsewhere")


def a_linked_checkpoint(path: Path, originals: Path) -> None:
    there = newest(path)
    there.rename(path / "elsewhere")
    there.symlink_to(path / "elsewhere")


def a_sparse_spec(path: Path, originals: Path) -> None:
    os.truncate(path / "spec.json", 2**36)


def a_sparse_progress(path: Path, originals: Path) -> None:
    os.truncate(newest(path) / "progress.json", 2**36)


def sparse_tensors(run, originals):
    """200 GB of nothing, which memory does not hold and nobody waits for."""
    os.truncate(newest(run) / "values.safetensors", 200 * 2**30)


def a_huge_header(path: Path, originals: Path) -> None:
    import hashlib

    content = (2**25).to_bytes(8, "little") + b"{" + b" " * 2**25
    (newest(path) / "values.safetensors").write_bytes(content)
    digest = hashlib.sha256(content).hexdigest()
    reseal(
        newest(path) / "manifest.json",
        lambda m: m["files"].update({"values.safetensors": digest}),
    )


def strange_progress(path: Path, originals: Path) -> None:
    import hashlib

    progress = newest(path) / "progress.json"
    found = json.loads(progress.read_text()) | {"epoch": "many"}
    progress.write_text(json.dumps(found))
    digest = hashlib.sha256(progress.read_bytes()).hexdigest()
    reseal(newest(path) / "manifest.json", lambda m: m["files"].update({"progress.json": digest}))


CHANGES = [
    strike_best, strike_the_seal, an_older_one_under_a_later_name, of_another_run,
    strike_best_everywhere, another_budget, another_objective, another_objective_resealed,
    another_learning_rate, no_seal_on_the_spec,
    no_name_in_the_spec, a_status_of_ones_own, a_status_of_another_run, nested, nested_manifest,
    a_number_of_5000_digits, a_strange_name, a_device, a_pipe, a_linked_file, a_linked_checkpoint,
    a_sparse_spec, a_sparse_progress, sparse_tensors, a_huge_header, strange_progress,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda c: c.__name__)
def test_a_changed_folder_is_refused_in_a_sentence(change, run, originals):
    change(run, originals)
    with pytest.raises(RunFolderError) as caught:
        load_run(run)
    message = str(caught.value)
    assert str(run) in message or "checkpoint" in message
    assert message.endswith(".")
    assert len(message) < 700


def test_what_is_whole_is_never_to_be_deleted(run, originals):
    another_objective_resealed(run, originals)
    with pytest.raises(RunFolderError, match="does not belong here") as caught:
        load_run(run)
    assert "Delete" not in str(caught.value)


def test_an_extra_file_is_harmless(run, originals):
    before = load_run(run)
    (newest(run) / "notes.txt").write_text("mine")
    (run / "notes.txt").write_text("mine")
    assert_same_run(before, load_run(run))


def test_a_file_in_the_place_of_an_unfinished_checkpoint_is_swept(run, originals):
    from inference.training.folder import RunFolder

    (run / "checkpoints" / ".writing-x").write_text("x")
    folder = RunFolder(run)
    held = folder.load()
    assert held is not None
    shutil.rmtree(newest(run))
    folder.save(held)
    assert not list(run.glob("checkpoints/.writing-*"))
    load_run(run)


def test_modules_that_a_spec_names_are_not_imported(run, tmp_path, monkeypatch):
    (tmp_path / "evil_module.py").write_text(
        "from pathlib import Path\nPath(__file__).with_suffix('.ran').touch()\n"
        "class Pair:\n    def model(self, x): ...\n    def guide(self, x): ...\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.chdir(tmp_path)
    reseal(run / "spec.json", lambda spec: spec["pair"].update({"class": "evil_module:Pair"}))
    with pytest.raises(RunFolderError, match=r"neither the zoo's .*load_run\(folder, pair=\.\.\."):
        load_run(run)
    assert "evil_module" not in sys.modules
    assert not (tmp_path / "evil_module.ran").exists()


def test_a_run_of_before_folders_were_bound_is_read(run):
    """Spec without a name, manifests that list no more than files: as older versions wrote them."""
    before = load_run(run)
    spec = json.loads((run / "spec.json").read_text())
    del spec["run"], spec["sha256"]
    (run / "spec.json").write_text(json.dumps(spec))
    (run / "status.json").unlink()
    for checkpoint in (run / "checkpoints").iterdir():
        manifest = checkpoint / "manifest.json"
        manifest.write_text(json.dumps(json.loads(manifest.read_text())["files"]))
    assert_same_run(before, load_run(run))
