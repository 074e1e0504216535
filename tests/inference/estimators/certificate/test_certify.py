"""Every objective's mean gradient against an exact one, on both engines and all kinds of latents.

The full grid is that of `ppl-zoo certify`; here are one K, one batch size, and corners of the rest.
Every case takes 20,000 draws of the latents or more: 2 in a gradient for each of 50 rows (20 where
the exact gradient takes quadrature), 5 for a single row. The failure rate of all cases together is
below 1e-5 (7e-6: 4.5 standard errors after Bonferroni).
"""

from __future__ import annotations

import pytest
from objective_rows import valid
from rows import ENGINES

from inference.estimators.certificate.cases import CASES
from inference.estimators.certificate.certify import FAMILIES, Setting, limit, measure, settings

DRAWS = 20_000
VALID = {
    case: {f.label for f in FAMILIES if f.label.partition(",")[0] in valid(case)} for case in CASES
}
GRID = [
    setting
    for case in CASES
    for setting in settings(
        cases=[case],
        particles=(2,),
        rows=(20 if case == "reparameterised" else 50,),
        subsampled=False,
    )
    if setting.label in VALID[setting.case]
]
# Where data do not mix, and where weights, scales and rows of a plate meet.
CORNERS = [
    setting
    for plate in (True, False)
    for setting in settings(particles=(2 if plate else 5,), rows=(1,))
    if setting.subsampled == plate
    and (setting.label, setting.case, setting.subsampled)
    in {
        ("DReG", "reparameterised", True),
        ("PIWAE", "reparameterised", True),
        ("VIMCO", "bernoulli", True),
        ("RELAX", "bernoulli", True),
        ("DisARM", "mixed", True),
        ("RWS, wake", "integer", True),
        ("NVIL", "bernoulli", True),
        ("TailAdaptive", "reparameterised", False),
        ("REBAR", "categorical", False),
        ("RWS, both", "mixed", False),
    }
]
COMPARISONS = 4000  # rounded up


def name(setting: Setting) -> str:
    plate = "-subsampled" if setting.subsampled else ""
    return f"{setting.engine}-{setting.case}-{setting.label}-{setting.rows}{plate}"


@pytest.mark.parametrize("setting", [*GRID, *CORNERS], ids=name)
def test_mean_gradient_is_the_exact_one(setting: Setting) -> None:
    outcome = measure(setting, DRAWS)
    assert outcome.refusal == ""
    assert outcome.largest < limit(COMPARISONS)


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("engine", ENGINES)
def test_everything_else_is_refused_by_the_name_of_a_site(engine: str, case: str) -> None:
    sites = {"reparameterised": "discrete draws", "mixed": "'k'", "bernoulli": "'b1'"}
    refused = 0
    for setting in settings(
        engines=[engine], cases=[case], particles=(2,), rows=(1,), subsampled=False
    ):
        if setting.label in VALID[case]:
            continue
        outcome = measure(setting, 200)
        if setting.label == "Enumerated":
            assert "the model has none" in outcome.refusal
        else:
            assert sites.get(case, "'k'") in outcome.refusal
        assert "Objectives that fit this pair: ELBO, " in outcome.refusal
        refused += 1
    assert refused == len(FAMILIES) - len(VALID[case])


def test_the_grid_is_whole() -> None:
    assert len(GRID) == 2 * sum(map(len, VALID.values())) >= 2 * (17 + 14 + 13 + 9 + 14)
    assert len(CORNERS) == 2 * 10
