"""A command that is told to end says what it kept, and ends as it was told to."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from inference.cli.text import as_argument, shell_words

SCRIPT = """
import os, signal, sys
from inference.cli.ending import interruptible
for number in (signal.SIGHUP, signal.SIGTERM):  # a child of what nohup started ignores SIGHUP
    signal.signal(number, signal.SIG_DFL)
for number in map(int, sys.argv[2:]):
    signal.signal(number, signal.SIG_IGN)
with interruptible(lambda: "All."), interruptible(lambda: "Half of it is kept in 'runs'."):
    os.kill(os.getpid(), int(sys.argv[1]))
print("went on")
"""


def ended(number: int, *ignored: int) -> tuple[int, str, str]:
    words = [sys.executable, "-c", SCRIPT, str(number), *map(str, ignored)]
    child = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    return child.returncode, child.stdout, child.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_said_once_and_ends_the_process(number: int) -> None:
    code, out, err = ended(number)
    assert (code, out) == (-number, "")
    assert err == "error: interrupted. Half of it is kept in 'runs'.\n"


def test_what_is_ignored_stays_so() -> None:
    assert ended(signal.SIGHUP, signal.SIGHUP) == (0, "went on\n", "")


DROPPED = """
import gc, os, signal, sys, time
from inference.cli.ending import interruptible
signal.signal(signal.SIGINT, signal.default_int_handler)
signal.signal(signal.SIGTERM, signal.SIG_DFL)
def callback(phase, info):
    if phase == "start":
        gc.callbacks.remove(callback)
        os.kill(os.getpid(), int(sys.argv[1]))
gc.callbacks.append(callback)
with interruptible(lambda: "Half of it is kept in 'runs'."):
    gc.collect()
    time.sleep(10)
print("went on")
"""


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 1), (signal.SIGTERM, -signal.SIGTERM)]
)
def test_a_signal_in_a_callback_of_garbage_collection_is_not_lost(number: int, code: int) -> None:
    """What is raised there Python reports and drops; jax has such a callback."""
    words = [sys.executable, "-c", DROPPED, str(number)]
    child = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert (child.returncode, child.stdout) == (code, "")
    assert "error: interrupted. Half of it is kept in 'runs'." in child.stderr
    assert "Exception ignored" not in child.stderr


EARLY = """
import os, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
class Interrupting:
    def find_spec(self, name, path=None, target=None):
        if name == "inference.cli":
            os.kill(os.getpid(), signal.SIGINT)
sys.meta_path.insert(0, Interrupting())
from ppl_models._command import main
main()
"""


def test_ctrl_c_while_the_command_is_imported_is_no_traceback() -> None:
    child = subprocess.run(
        [sys.executable, "-c", EARLY], capture_output=True, text=True, timeout=60
    )
    assert (child.returncode, child.stderr) == (130, "error: interrupted.\n")


LATE = """
import os, pkgutil, signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from ppl_models import _command
pkgutil.resolve_name = lambda name: lambda: sys.exit(0)
try:
    _command.main()
finally:
    os.kill(os.getpid(), signal.SIGINT)
"""


def test_ctrl_c_after_the_end_of_a_command_changes_nothing() -> None:
    child = subprocess.run([sys.executable, "-c", LATE], capture_output=True, text=True, timeout=60)
    assert (child.returncode, child.stderr) == (0, "")


def test_python_without_docstrings_is_said() -> None:
    words = [sys.executable, "-OO", "-c", "from ppl_models._command import main; main()"]
    child = subprocess.run(words, capture_output=True, text=True, timeout=60)
    assert child.returncode == 2
    assert child.stderr.startswith("error: ppl-zoo reads docstrings")


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    script = (
        "import os, sys; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')\n"
        "from inference.cli import main\n"
        "sys.argv = ['ppl-zoo', 'train', 'vae']\nmain()"
    )
    words = [sys.executable, "-c", script]
    child = subprocess.run(words, capture_output=True, text=True, timeout=60, cwd=tmp_path)
    assert child.returncode == 2
    assert child.stderr == "error: the current folder was removed; go to another one, as by cd.\n"


@pytest.mark.parametrize(
    "name", ["-dash", "a b", "tab\there", "two\nlines", "quo'te\\", "\udcff", "é"]
)
def test_a_printed_command_is_one_line_that_a_shell_takes(name: str) -> None:
    line = shell_words("printf", "%s", as_argument(Path(name)))
    assert line.isprintable()
    found = subprocess.run(["bash", "-c", line], capture_output=True)
    assert found.stdout.decode("utf-8", "surrogateescape").removeprefix("./") == name


FULL = """
import resource, sys
from inference.cli.streams import make_usable
make_usable()
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    sys.stdout.write("x" * 5000)  # in one piece
    sys.stdout.flush()
except OSError:
    sys.stderr.write("said")
"""


@pytest.mark.parametrize("flags", [[], ["-u"]])
def test_an_output_that_is_cut_is_an_error_also_where_nothing_is_buffered(
    flags: list[str], tmp_path: Path
) -> None:
    with (tmp_path / "out").open("wb") as out:
        words = [sys.executable, *flags, "-c", FULL]
        child = subprocess.run(words, stdout=out, stderr=subprocess.PIPE, text=True, timeout=60)
    assert child.stderr.startswith("said")
