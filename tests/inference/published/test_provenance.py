"""Where a figure was made: what computed beside the processor is named."""

from __future__ import annotations

import pytest
import torch

from inference.engines import load_engine
from inference.published import provenance


@pytest.mark.parametrize("engine", ["pyro", "numpyro"])
def test_the_processor_alone_has_no_device_beside_it(engine: str) -> None:
    assert load_engine(engine).device_name("cpu") == ""
    made = provenance.provenance(engine, "cpu")["hardware"]
    assert made.rpartition(", ")[2].startswith("load ")


def test_a_device_is_named_after_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "inference.engines.pyro.devices.find_device", lambda name: torch.device(name)
    )
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda device: f"card {device.index}")
    assert provenance.provenance("pyro", "cuda:1")["hardware"].endswith(", card 1")
