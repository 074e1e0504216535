"""Programs of the kinds that users write, each exact without a draw."""

from __future__ import annotations

from inference.estimators.certificate.programs.batch_norm import BATCH_NORM
from inference.estimators.certificate.programs.energies import ENERGIES
from inference.estimators.certificate.programs.flow import FLOW
from inference.estimators.certificate.programs.globals import GLOBAL
from inference.estimators.certificate.programs.multivariate_normal import PACKED
from inference.estimators.certificate.programs.plates import NESTED
from inference.estimators.certificate.programs.program import Program
from inference.estimators.certificate.programs.scales import WEIGHTED

PROGRAMS: dict[str, Program] = {
    program.name: program for program in (*WEIGHTED, *NESTED, *GLOBAL, PACKED, FLOW, BATCH_NORM)
}

__all__ = ["ENERGIES", "PROGRAMS", "Program"]
