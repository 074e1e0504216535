"""Programs of the kinds that users write, each exact without a draw."""

from __future__ import annotations

from inference.certificate.programs.flow import FLOW
from inference.certificate.programs.globals import GLOBAL
from inference.certificate.programs.normalised import BATCH_NORM
from inference.certificate.programs.packed import PACKED
from inference.certificate.programs.plates import NESTED
from inference.certificate.programs.program import Program
from inference.certificate.programs.weighted import WEIGHTED

PROGRAMS: dict[str, Program] = {
    program.name: program for program in (*WEIGHTED, *NESTED, *GLOBAL, PACKED, FLOW, BATCH_NORM)
}

__all__ = ["PROGRAMS", "Program"]
