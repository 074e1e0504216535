"""Mean gradients on the programs beyond the five cases, and their exact values against simulation.

The full grid is that of `ppl-zoo certify`; here every program has the objectives whose terms it
puts to the test, 3,000 draws of the latents each. The failure rate of all together is below 1e-5
(4.5 standard errors after Bonferroni).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import numpy as np
import pyro
import pytest
from rows import ENGINES

from inference.estimators.certificate.certify import (
    UNSTATED,
    Setting,
    limit,
    measure,
    program_settings,
)
from inference.estimators.certificate.exact import elbo, iwae
from inference.estimators.certificate.programs import PROGRAMS
from inference.estimators.certificate.programs.globals import WithGlobal
from inference.estimators.certificate.programs.multivariate_normal import PACKED, Packed
from inference.estimators.certificate.programs.program import by_bounds
from inference.objectives import CIWAE, IWAE, WakeSleep

DRAWS = 3000
COMPARISONS = 2000  # rounded up
CHOSEN = {
    "scaled, Bernoulli": ("VIMCO",),
    "scaled, Gaussian": ("IWAE",),
    "annealed, Bernoulli": ("ELBO",),
    "annealed, Gaussian": ("DReG",),
    "masked": ("RLOO", "TVO"),
    "nested plates": ("ELBO",),
    "nested plates, scale within": ("WakeSleep",),
    "global, Gaussian": ("IWAE",),
    "global, Bernoulli": ("ELBO", "VIMCO"),
    "switched": ("RLOO",),
    "mixture": ("Enumerated",),
    "switched mixture": ("ELBO",),
    "packed autoguide": ("ELBO",),
    "flow likelihood": ("ELBO",),
    "batch norm": ("ELBO",),
}
GRID = [s for s in program_settings() if s.label in CHOSEN[s.case]]


@pytest.fixture(autouse=True)
def _empty_param_store() -> Iterator[None]:
    pyro.clear_param_store()
    yield
    pyro.clear_param_store()


def name(setting: Setting) -> str:
    return f"{setting.engine}-{setting.case}-{setting.label}"


@pytest.mark.parametrize("setting", GRID, ids=name)
def test_mean_gradient_is_the_exact_one(setting: Setting) -> None:
    outcome = measure(setting, DRAWS)
    assert outcome.refusal == ""
    assert outcome.largest < limit(COMPARISONS)


def test_the_grid_is_whole() -> None:
    assert CHOSEN.keys() == PROGRAMS.keys()
    assert len(GRID) == 2 * sum(map(len, CHOSEN.values()))


REFUSED = [
    ("global, Bernoulli", "RWS, wake", "'g'"),
    ("switched", "VIMCO", "'g'"),
    ("nested plates, scale within", "VIMCO", "'u'"),
    ("packed autoguide", "WakeSleep", "latent'"),
]


@pytest.mark.parametrize(("program", "label", "site"), REFUSED)
@pytest.mark.parametrize("engine", ENGINES)
def test_what_has_no_meaning_is_refused_by_the_name_of_a_site(
    engine: str, program: str, label: str, site: str
) -> None:
    (setting,) = program_settings(labels=[label], programs=[program], engines=[engine])
    refusal = measure(setting, 200).refusal
    assert refusal != UNSTATED
    assert site in refusal
    assert "Objectives that fit this pair: ELBO" in refusal


@pytest.mark.parametrize(
    "program", [p for p in PROGRAMS.values() if isinstance(p, WithGlobal)], ids=lambda p: p.name
)
def test_sums_over_globals_are_what_simulation_says(program: WithGlobal) -> None:
    """The ELBO by plain draws of the global, five standard errors."""
    from scipy.special import expit, log_softmax

    random, v = np.random.default_rng(0), program.values
    found = []
    for _ in range(400):
        parameters: Any = program.proposal.parameters(v, {})
        g: Any
        if program.proposal.kind == "normal":
            g = parameters[0] + np.exp(parameters[1]) * random.normal(size=1)
        elif program.proposal.kind == "bernoulli":
            g = (random.random(1) < expit(parameters)).astype(float)
        else:
            g = random.choice(3, p=np.exp(log_softmax(parameters)))
        own = elbo(program.case, {**v, "g": g}, program.data)
        found.append(own + log_ratio(program, g))
    error = np.std(found) / len(found) ** 0.5
    assert abs(np.mean(found) - program.elbo(v)) < 5 * error


def log_ratio(program: WithGlobal, g: Any) -> float:
    from scipy.special import log_softmax
    from scipy.stats import bernoulli, norm

    logs = []
    for site in (program.prior, program.proposal):
        parameters: Any = site.parameters(program.values, {})
        if site.kind == "normal":
            logs.append(norm.logpdf(g, parameters[0], np.exp(parameters[1])).item())
        elif site.kind == "bernoulli":
            logs.append(bernoulli.logpmf(g, 1 / (1 + np.exp(-parameters))).item())
        else:
            logs.append(log_softmax(parameters)[g])
    return logs[0] - logs[1]


def test_a_conjugate_global_bounds_the_evidence_in_closed_form() -> None:
    """Nested bounds rise with K towards log p(x) - KL(q(g) || p(g | x)), all Gaussian."""
    from scipy.stats import multivariate_normal

    program = cast(WithGlobal, PROGRAMS["global, Gaussian"])
    v, x = program.values, program.data
    n, d = x.shape
    g_loc, g_var = v["top_mean"].item(), np.exp(2 * v["top_scale"])
    by_g = v["weight"] * v["middle_weight"] + v["skip"]  # (D,)
    mean = by_g * g_loc + v["weight"] * v["middle_bias"] + v["bias"]
    local = np.exp(2 * v["middle_scale"]) * np.outer(v["weight"], v["weight"])
    local = local + np.exp(2 * v["scale"]) * np.eye(d)
    shared = np.kron(np.ones((n, n)), g_var * np.outer(by_g, by_g))
    covariance: Any = shared + np.kron(np.eye(n), local)
    evidence = multivariate_normal(np.tile(mean, n), covariance).logpdf(x.ravel())
    precision = 1 / g_var + n * by_g @ np.linalg.solve(local, by_g)
    residual = (x - v["weight"] * v["middle_bias"] - v["bias"]).sum(0)
    posterior = (g_loc / g_var + by_g @ np.linalg.solve(local, residual)) / precision
    variance = np.exp(2 * v["guide_top_scale"]) * precision
    apart = precision * (v["guide_top_mean"].item() - posterior) ** 2
    divergence = 0.5 * (variance + apart - 1 - np.log(variance))
    bounds = [program.elbo(v), *(program.renyi(v, 0.0, k) for k in (5, 50))]
    assert bounds == sorted(bounds)
    assert bounds[-1] < evidence - divergence < bounds[-1] + 0.3


def test_the_packed_guides_bound_is_the_integral() -> None:
    """More nodes change nothing, and bounds rise towards log p(x) on a fine grid."""
    case = cast(Packed, PACKED.case)
    v, x = PACKED.values, PACKED.data
    m, t = (grid.ravel() for grid in np.meshgrid(np.linspace(-5, 6, 700), np.linspace(-5, 4, 700)))
    log_p = case.log_p(v, x, {"m": m[None], "t": t[None]})
    evidence = np.log(np.exp(log_p).sum() * (11 / 699) * (9 / 699))
    bounds = [elbo(case, v, x), iwae(case, v, x, 5), iwae(case, v, x, 20)]
    assert bounds == sorted(bounds)
    assert bounds[-1] < evidence < bounds[-1] + 0.2
    finer = Packed(case.name, case.values, (), (), order=60)
    assert bounds[0] == pytest.approx(elbo(finer, v, x), abs=1e-9)


def test_batch_statistics_of_dreams_have_no_exact_statement() -> None:
    program = PROGRAMS["batch norm"]
    assert program.expected(WakeSleep()) is None
    assert program.expected(IWAE(2)) is not None


def test_a_mixed_bound_has_the_mixed_gradient() -> None:
    values = {"a": np.array([0.0, 0.0])}
    found = by_bounds(
        CIWAE(3, beta=0.25),
        values,
        lambda at: float(at["a"] @ [4.0, 0.0]),
        lambda at, alpha, k: float(at["a"] @ [0.0, 4.0 * (alpha == 0) * (k == 3)]),
    )
    assert found is not None
    assert found.gradient["a"] == pytest.approx([1.0, 3.0], abs=1e-6)
