"""How generative models learn, and how well: objectives, training, evaluation, on both engines.

Names are imported when they are first used, so that the command line starts quickly.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inference.checking.check import check_pair
    from inference.checking.explain import explain
    from inference.checking.report import Finding, Report
    from inference.comparison.compare import compare
    from inference.comparison.comparison import Comparison
    from inference.comparison.gathered import gather
    from inference.comparison.metrics import Metric
    from inference.evaluation.annealing import annealed_importance_sampling
    from inference.evaluation.bidirectional import bidirectional
    from inference.evaluation.classification import classify
    from inference.evaluation.likelihood import Estimate, log_likelihood
    from inference.evaluation.posterior.active import active_units
    from inference.evaluation.posterior.calibration import simulation_based_calibration
    from inference.evaluation.posterior.gap import GapDecomposition, gap_decomposition
    from inference.evaluation.posterior.pareto import ParetoShapes, psis_k_hat
    from inference.evaluation.posterior.parts import BoundParts, bound_parts
    from inference.evaluation.posterior.predictive import PredictiveCheck, predictive_check
    from inference.evaluation.posterior.ranked import Calibration
    from inference.evaluation.posterior.sampled import SampledEstimate
    from inference.evaluation.posterior_draws import to_arviz
    from inference.evaluation.samples.classifier_score import classifier_score
    from inference.evaluation.samples.digit_features import DigitFeatures
    from inference.evaluation.samples.feature_distances import frechet_distance, kernel_distance
    from inference.evaluation.samples.modes import mode_coverage
    from inference.evaluation.samples.parzen import parzen_log_likelihood
    from inference.evaluation.samples.precision_recall import precision_recall
    from inference.evaluation.samples.quality import sample_quality
    from inference.evaluation.samples.two_sample import mmd_test
    from inference.laboratory.estimators import estimator_report
    from inference.laboratory.report import EstimatorReport
    from inference.mcmc.nuts import NUTS
    from inference.mcmc.posterior import Posterior
    from inference.mcmc.posterior_error import PosteriorError, posterior_error
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
    from inference.training.fit import fit
    from inference.training.run import Run, load_run

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
    "Estimate": "inference.evaluation.likelihood",
    "IWAE": "inference.objectives",
    "MIWAE": "inference.objectives",
    "Objective": "inference.objectives",
    "RLOO": "inference.objectives",
    "Renyi": "inference.objectives",
    "Run": "inference.training.run",
    "VIMCO": "inference.objectives",
    "annealed_importance_sampling": "inference.evaluation.annealing",
    "bidirectional": "inference.evaluation.bidirectional",
    "classify": "inference.evaluation.classification",
    "compare": "inference.comparison.compare",
    "Comparison": "inference.comparison.comparison",
    "gather": "inference.comparison.gathered",
    "Metric": "inference.comparison.metrics",
    "active_units": "inference.evaluation.posterior.active",
    "BoundParts": "inference.evaluation.posterior.parts",
    "bound_parts": "inference.evaluation.posterior.parts",
    "GapDecomposition": "inference.evaluation.posterior.gap",
    "gap_decomposition": "inference.evaluation.posterior.gap",
    "ParetoShapes": "inference.evaluation.posterior.pareto",
    "psis_k_hat": "inference.evaluation.posterior.pareto",
    "Calibration": "inference.evaluation.posterior.ranked",
    "simulation_based_calibration": "inference.evaluation.posterior.calibration",
    "PredictiveCheck": "inference.evaluation.posterior.predictive",
    "predictive_check": "inference.evaluation.posterior.predictive",
    "SampledEstimate": "inference.evaluation.posterior.sampled",
    "mmd_test": "inference.evaluation.samples.two_sample",
    "precision_recall": "inference.evaluation.samples.precision_recall",
    "frechet_distance": "inference.evaluation.samples.feature_distances",
    "kernel_distance": "inference.evaluation.samples.feature_distances",
    "classifier_score": "inference.evaluation.samples.classifier_score",
    "DigitFeatures": "inference.evaluation.samples.digit_features",
    "sample_quality": "inference.evaluation.samples.quality",
    "mode_coverage": "inference.evaluation.samples.modes",
    "parzen_log_likelihood": "inference.evaluation.samples.parzen",
    "EstimatorReport": "inference.laboratory.report",
    "estimator_report": "inference.laboratory.estimators",
    "fit": "inference.training.fit",
    "load_run": "inference.training.run",
    "log_likelihood": "inference.evaluation.likelihood",
    "NUTS": "inference.mcmc.nuts",
    "Posterior": "inference.mcmc.posterior",
    "PosteriorError": "inference.mcmc.posterior_error",
    "posterior_error": "inference.mcmc.posterior_error",
    "to_arviz": "inference.evaluation.posterior_draws",
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
