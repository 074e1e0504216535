"""What does not work yet: test to program to the reason. Whoever mends one takes it out."""

from __future__ import annotations

_WHICH_LIBRARY = "the library cannot be told from callables that reach the programs by attribute"
_UNSIZED = "a plate of size -1 in the guide counts as another plate than the model's"
_PLATE_FOR_DATA = "data in no plate are blamed, though the program means them as one event"
_FLOW = "the guide is asked for the density of values that no inverse of its flow is known for"
_SCALE = "a plate of all rows that takes a batch is blamed, for its scale"
_SUMS = "Enumerated refuses a global latent, and nothing else sums"

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
        "structured_crossed_effects": "a factor of globals is blamed for its place outside the "
        "rows' plate",
        "messenger_of_a_hierarchy": "a weight on a prior's mean is blamed where that mean is zero",
        "flow_of_censored_times": _FLOW,
        "laplace_of_a_gaussian_process": _PLATE_FOR_DATA,
        "list_with_a_discrete_guide": "parameters of AutoNormal in a list are said to have no "
        "gradient, which they have",
        "reached_by_attribute": _WHICH_LIBRARY,
        "effect_of_a_treatment": "sites that the guide observes by design are blamed",
        "flow_as_guide": _FLOW,
        "sequential_enumeration": _SCALE,
        "belief_net_with_baselines": "a baseline that was trained before is blamed as frozen",
        "objects_until_a_draw_says_stop": "the rows of a scene, which are no data of their own, "
        "are asked to be independent",
        "mean_of_minibatches": _SCALE,
        "rows_by_index": _SCALE,
        "easy_guide_and_subsample": _UNSIZED,
        "weight_matrices": _PLATE_FOR_DATA,
        "images_without_a_plate": _PLATE_FOR_DATA,
        "generator_without_a_likelihood": "a generator's draws are blamed for being no data",
        "local_level": _PLATE_FOR_DATA,
    },
    "the_mistake_is_found": {
        "reached_by_attribute": _WHICH_LIBRARY,
        "flow_as_guide": "networks that are never registered are not looked for",
        "mean_of_minibatches": "fit does not compare the plate with the rows of the whole data",
        "rows_by_index": "no check moves the indices of rows",
        "generator_without_a_likelihood": "fit's error is torch's own and names nothing",
    },
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
