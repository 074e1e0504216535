"""A finding about a program in a notebook names its cell."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import IPython
import pytest
from IPython.core.compilerop import CachingCompiler

from inference.program.records import raising_line


def test_the_line_is_that_of_the_cell(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not of the file with a number for a name that the kernel keeps of it."""
    source = "def model(x):\n    return 1 / 0\n"
    compiler = CachingCompiler()
    file = compiler.cache(source, 4)
    space: dict[str, Any] = {"__name__": "__main__"}
    exec(compiler(source, file, "exec"), space)
    with pytest.raises(ZeroDivisionError) as raised:
        space["model"](1)
    assert raising_line(raised.value).endswith(":2")
    monkeypatch.setattr(IPython, "get_ipython", lambda: SimpleNamespace(compile=compiler))
    assert raising_line(raised.value) == "In[4], line 2"
