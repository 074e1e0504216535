"""How generative models learn, and how well: objectives, training, evaluation, on both engines.

Names are imported when they are first used, so that the command line starts quickly.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from inference.moved import put_up

if TYPE_CHECKING:
    from inference.checking.check import check_pair
    from inference.checking.explain import explain
    from inference.checking.report import Finding, Report
    from inference.comparison.compare import compare
    from inference.comparison.comparison import Comparison
    from inference.comparison.gather import gather
    from inference.comparison.metrics import Metric
    from inference.estimators.laboratory import estimator_report
    from inference.estimators.report import EstimatorReport
    from inference.likelihood.annealing import annealed_importance_sampling
    from inference.likelihood.bidirectional import bidirectional
    from inference.likelihood.classification import classify
    from inference.likelihood.importance_sampling import Estimate, log_likelihood
    from inference.objectives import (
        CIWAE,
        ELBO,
        IWAE,
        MIWAE,
        MMD,
        NVIL,
        PIWAE,
        REBAR,
        RELAX,
        RLOO,
        RWS,
        STL,
        VIMCO,
        Adversarial,
        ChiSquare,
        Concrete,
        DisARM,
        DReG,
        Enumerated,
        InfoVAE,
        Objective,
        Renyi,
        TailAdaptive,
        Validity,
        WakeSleep,
        valid_objectives,
    )
    from inference.posterior.active_units import active_units
    from inference.posterior.calibration import simulation_based_calibration
    from inference.posterior.chains import Posterior
    from inference.posterior.draws import to_arviz
    from inference.posterior.error import PosteriorError, posterior_error
    from inference.posterior.estimates import SampledEstimate
    from inference.posterior.gap import GapDecomposition, gap_decomposition
    from inference.posterior.nuts import NUTS
    from inference.posterior.pareto import ParetoShapes, psis_k_hat
    from inference.posterior.parts import BoundParts, bound_parts
    from inference.posterior.predictive import PredictiveCheck, predictive_check
    from inference.posterior.ranks import Calibration
    from inference.samples.classifier_score import classifier_score
    from inference.samples.digit_features import DigitFeatures
    from inference.samples.feature_distances import frechet_distance, kernel_distance
    from inference.samples.modes import mode_coverage
    from inference.samples.parzen import parzen_log_likelihood
    from inference.samples.precision_recall import precision_recall
    from inference.samples.quality import sample_quality
    from inference.samples.two_sample import mmd_test
    from inference.training.fit import fit
    from inference.training.run import Run, load_run

put_up()
_HOMES = {
    "check_pair": "inference.checking.check",
    "explain": "inference.checking.explain",
    "Finding": "inference.checking.report",
    "Report": "inference.checking.report",
    "valid_objectives": "inference.objectives",
    "WakeSleep": "inference.objectives",
    "Validity": "inference.objectives",
    "TailAdaptive": "inference.objectives",
    "InfoVAE": "inference.objectives",
    "MMD": "inference.objectives",
    "Adversarial": "inference.objectives",
    "Enumerated": "inference.objectives",
    "DisARM": "inference.objectives",
    "DReG": "inference.objectives",
    "Concrete": "inference.objectives",
    "ChiSquare": "inference.objectives",
    "STL": "inference.objectives",
    "RWS": "inference.objectives",
    "RELAX": "inference.objectives",
    "REBAR": "inference.objectives",
    "PIWAE": "inference.objectives",
    "NVIL": "inference.objectives",
    "CIWAE": "inference.objectives",
    "ELBO": "inference.objectives",
    "Estimate": "inference.likelihood.importance_sampling",
    "IWAE": "inference.objectives",
    "MIWAE": "inference.objectives",
    "Objective": "inference.objectives",
    "RLOO": "inference.objectives",
    "Renyi": "inference.objectives",
    "Run": "inference.training.run",
    "VIMCO": "inference.objectives",
    "annealed_importance_sampling": "inference.likelihood.annealing",
    "bidirectional": "inference.likelihood.bidirectional",
    "classify": "inference.likelihood.classification",
    "compare": "inference.comparison.compare",
    "Comparison": "inference.comparison.comparison",
    "gather": "inference.comparison.gather",
    "Metric": "inference.comparison.metrics",
    "active_units": "inference.posterior.active_units",
    "BoundParts": "inference.posterior.parts",
    "bound_parts": "inference.posterior.parts",
    "GapDecomposition": "inference.posterior.gap",
    "gap_decomposition": "inference.posterior.gap",
    "ParetoShapes": "inference.posterior.pareto",
    "psis_k_hat": "inference.posterior.pareto",
    "Calibration": "inference.posterior.ranks",
    "simulation_based_calibration": "inference.posterior.calibration",
    "PredictiveCheck": "inference.posterior.predictive",
    "predictive_check": "inference.posterior.predictive",
    "SampledEstimate": "inference.posterior.estimates",
    "mmd_test": "inference.samples.two_sample",
    "precision_recall": "inference.samples.precision_recall",
    "frechet_distance": "inference.samples.feature_distances",
    "kernel_distance": "inference.samples.feature_distances",
    "classifier_score": "inference.samples.classifier_score",
    "DigitFeatures": "inference.samples.digit_features",
    "sample_quality": "inference.samples.quality",
    "mode_coverage": "inference.samples.modes",
    "parzen_log_likelihood": "inference.samples.parzen",
    "EstimatorReport": "inference.estimators.report",
    "estimator_report": "inference.estimators.laboratory",
    "fit": "inference.training.fit",
    "load_run": "inference.training.run",
    "log_likelihood": "inference.likelihood.importance_sampling",
    "NUTS": "inference.posterior.nuts",
    "Posterior": "inference.posterior.chains",
    "PosteriorError": "inference.posterior.error",
    "posterior_error": "inference.posterior.error",
    "to_arviz": "inference.posterior.draws",
}

__all__ = [
    "CIWAE",
    "ELBO",
    "IWAE",
    "MIWAE",
    "MMD",
    "NUTS",
    "NVIL",
    "PIWAE",
    "REBAR",
    "RELAX",
    "RLOO",
    "RWS",
    "STL",
    "VIMCO",
    "Adversarial",
    "BoundParts",
    "Calibration",
    "ChiSquare",
    "Comparison",
    "Concrete",
    "DReG",
    "DigitFeatures",
    "DisARM",
    "Enumerated",
    "Estimate",
    "EstimatorReport",
    "Finding",
    "GapDecomposition",
    "InfoVAE",
    "Metric",
    "Objective",
    "ParetoShapes",
    "Posterior",
    "PosteriorError",
    "PredictiveCheck",
    "Renyi",
    "Report",
    "Run",
    "SampledEstimate",
    "TailAdaptive",
    "Validity",
    "WakeSleep",
    "active_units",
    "annealed_importance_sampling",
    "bidirectional",
    "bound_parts",
    "check_pair",
    "classifier_score",
    "classify",
    "compare",
    "estimator_report",
    "explain",
    "fit",
    "frechet_distance",
    "gap_decomposition",
    "gather",
    "kernel_distance",
    "load_run",
    "log_likelihood",
    "mmd_test",
    "mode_coverage",
    "parzen_log_likelihood",
    "posterior_error",
    "precision_recall",
    "predictive_check",
    "psis_k_hat",
    "sample_quality",
    "simulation_based_calibration",
    "to_arviz",
    "valid_objectives",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'inference' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
