"""What does not work yet: test to program to the reason. Whoever mends one takes it out."""

from __future__ import annotations

_WHICH_LIBRARY = "the library cannot be told from callables that reach the programs by attribute"
_SUMS = "Enumerated refuses a global latent, and nothing else sums"
_UNSIZED = "a plate of size -1 in the guide counts as another plate than the model's"

_FITS = {
    "reached_by_attribute": _WHICH_LIBRARY,
    "easy_guide_and_subsample": _UNSIZED,
}

KNOWN: dict[str, dict[str, str]] = {
    "trains_as_upstream": {
        **_FITS,
    },
    "elbo_is_upstreams": {
        **_FITS,
        "effect_of_a_treatment": "what the guide observes is subtracted from the bound",
        "flow_as_likelihood": "the look at a batch leaves the flow's cache without gradients",
    },
    "trains_under_every_objective": {
        **_FITS,
        "mixture_of_regressions": _SUMS,
        "annotators": _SUMS,
        "topics_of_a_list_of_documents": _SUMS,
        "generator_without_a_likelihood": "objectives are offered to a model that observes nothing",
    },
    "evaluates_or_is_refused_by_name": {
        **_FITS,
        "effect_of_a_treatment": "what the guide observes is subtracted from the likelihood",
        "generator_without_a_likelihood": "a model that observes nothing has the likelihood 1",
    },
    "resumes_bit_for_bit": {
        "easy_guide_and_subsample": _UNSIZED,
    },
    "is_not_blamed": {
        "easy_guide_and_subsample": _UNSIZED,
    },
    "the_mistake_is_found": {},
}

_POINT = "it is offered to a guide of a point"
_NO_DIMENSION = "its baseline fails on sites without a dimension"
OBJECTIVES: dict[str, dict[str, str]] = {
    "laplace_of_a_gaussian_process": {"RWS": _POINT, "WakeSleep": _POINT},
    "weight_matrices": {"WakeSleep": "it is offered, and its loss is NaN in the first step"},
    "local_level": {"NVIL": _NO_DIMENSION},
    "conditioned_series": {"NVIL": _NO_DIMENSION},
}
"""Objectives that are offered for a program and fail, with the reason; the others train it."""
