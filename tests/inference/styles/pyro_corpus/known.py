"""What does not work yet: test to program to the reason. Whoever mends one takes it out."""

from __future__ import annotations

_OBJECTS = "fit makes numbers, None and strings of a batch into an array, or refuses them"
_DICTIONARY = "fit makes the dictionary in a batch into an array and refuses it"
_LISTS = "fit makes a list of tensors of unequal lengths into an array and refuses it"
_PACKED = "fit makes a PackedSequence into an array and refuses it"
_KEYWORDS = "fit takes no arguments by keyword in a batch"
_WHOLE_NUMBER = "fit refuses a whole number among the arguments as an array without rows"
_NO_ARGUMENT = "fit refuses a batch without arguments as empty"
_WHICH_LIBRARY = "the library cannot be told from callables that reach the programs by attribute"
_MESSENGER = (
    "fit hands upstream's loss a method in place of the messenger, which upstream tells by its "
    "class: what the guide's run observes is then subtracted, and the likelihood cancels"
)
_LIKELIHOOD = "what a messenger's run of the model observes loses its likelihood"
_COMPILED = "fit hands upstream's loss another method in every step, so that each compiles anew"
_TWICE = "the optimiser is given the flow's parameters twice, under two names"
_UNSIZED = "a plate of size -1 in the guide counts as another plate than the model's"
_PLATE_FOR_DATA = "data in no plate are blamed, though the program means them as one event"
_OBSERVING = "what a messenger's run of the model observes is blamed as observed by the guide"
_FLOW = "the guide is asked for the density of values that no inverse of its flow is known for"
_SCALE = "a plate of all rows that takes a batch is blamed, for its scale"
_ARRAYS_TO_CHECK = "check_pair makes lists of unequal lengths and packed sequences into arrays"
_KEYWORDS_TO_CHECK = "check_pair takes no arguments by keyword"

_FITS = {
    "numbers_and_none": _OBJECTS,
    "chosen_by_a_string": _OBJECTS,
    "dictionary_of_data": _DICTIONARY,
    "packed_sequences": _PACKED,
    "list_of_groups": _LISTS,
    "annealed_by_keyword": _KEYWORDS,
    "flow_of_batting_averages": _TWICE,
    "flow_of_censored_times": _TWICE,
    "reached_by_attribute": _WHICH_LIBRARY,
    "annotators": _WHOLE_NUMBER,
    "topics_of_a_list_of_documents": _LISTS,
    "schools_partly_centred": _WHOLE_NUMBER,
    "easy_guide_and_subsample": _UNSIZED,
    "sparse_gaussian_process": _NO_ARGUMENT,
    "hidden_markov": _WHOLE_NUMBER,
}

_SUMMED = {"annotators", "topics_of_a_list_of_documents", "hidden_markov"}

KNOWN: dict[str, dict[str, str]] = {
    "trains_as_upstream": {
        **_FITS,
        "messenger_of_a_hierarchy": _MESSENGER,
        "regressive_messenger": _MESSENGER,
        "partial_over_closures": _COMPILED,
    },
    "elbo_is_upstreams": {
        **{name: why for name, why in _FITS.items() if name not in _SUMMED},
        "messenger_of_too_many_zeros": _LIKELIHOOD,
        "messenger_of_a_hierarchy": _LIKELIHOOD,
        "regressive_messenger": _LIKELIHOOD,
        "effect_of_a_treatment": "what the guide observes is subtracted from the bound",
        "flow_as_likelihood": "the look at a batch leaves the flow's cache without gradients",
    },
    "trains_under_every_objective": {
        **_FITS,
        "mixture_of_regressions": "Enumerated refuses a global latent, and nothing else sums",
        "generator_without_a_likelihood": "objectives are offered to a model that observes nothing",
    },
    "evaluates_or_is_refused_by_name": {
        **_FITS,
        "effect_of_a_treatment": "what the guide observes is subtracted from the likelihood",
        "generator_without_a_likelihood": "a model that observes nothing has the likelihood 1",
    },
    "resumes_bit_for_bit": {
        "packed_sequences": _PACKED,
        "annealed_by_keyword": _KEYWORDS,
        "easy_guide_and_subsample": _UNSIZED,
        "sparse_gaussian_process": _NO_ARGUMENT,
        "hidden_markov": _WHOLE_NUMBER,
    },
    "is_not_blamed": {
        "packed_sequences": _ARRAYS_TO_CHECK,
        "list_of_groups": _ARRAYS_TO_CHECK,
        "annealed_by_keyword": _KEYWORDS_TO_CHECK,
        "structured_crossed_effects": "a factor of globals is blamed for its place outside the "
        "rows' plate",
        "messenger_of_too_many_zeros": _OBSERVING,
        "messenger_of_a_hierarchy": _OBSERVING,
        "regressive_messenger": _OBSERVING,
        "flow_of_censored_times": _FLOW,
        "laplace_of_a_gaussian_process": _PLATE_FOR_DATA,
        "list_with_a_discrete_guide": "parameters of AutoNormal in a list are said to have no "
        "gradient, which they have",
        "reached_by_attribute": _WHICH_LIBRARY,
        "effect_of_a_treatment": "sites that the guide observes by design are blamed",
        "flow_as_guide": _FLOW,
        "sequential_enumeration": _SCALE,
        "topics_of_a_list_of_documents": _ARRAYS_TO_CHECK,
        "belief_net_with_baselines": "a baseline that was trained before is blamed as frozen",
        "objects_until_a_draw_says_stop": "the rows of a scene, which are no data of their own, "
        "are asked to be independent",
        "schools_partly_centred": "a deterministic site is blamed for the shape of its value, and "
        "the schools' order for their guide's",
        "mean_of_minibatches": _SCALE,
        "rows_by_index": _SCALE,
        "easy_guide_and_subsample": _UNSIZED,
        "weight_matrices": _PLATE_FOR_DATA,
        "images_without_a_plate": _PLATE_FOR_DATA,
        "generator_without_a_likelihood": "a generator's draws are blamed for being no data",
        "local_level": _PLATE_FOR_DATA,
    },
    "the_mistake_is_found": {
        "packed_sequences": _ARRAYS_TO_CHECK,
        "list_of_groups": _ARRAYS_TO_CHECK,
        "annealed_by_keyword": _KEYWORDS_TO_CHECK,
        "reached_by_attribute": _WHICH_LIBRARY,
        "flow_as_guide": "networks that are never registered are not looked for",
        "topics_of_a_list_of_documents": _ARRAYS_TO_CHECK,
        "mean_of_minibatches": "fit does not compare the plate with the rows of the whole data",
        "rows_by_index": "no check moves the indices of rows",
        "generator_without_a_likelihood": "fit's error is torch's own and names nothing",
    },
}

_POINT = "it is offered to a guide of a point"
_NO_DIMENSION = "its baseline fails on sites without a dimension"
OBJECTIVES: dict[str, dict[str, str]] = {
    "laplace_of_a_gaussian_process": {"RWS": _POINT},
    "second_kind_missing": {"NVIL": "its baseline reads no shape where the second kind is missing"},
    "local_level": {"NVIL": _NO_DIMENSION},
    "conditioned_series": {"NVIL": _NO_DIMENSION},
    "objects_until_a_draw_says_stop": {"ELBO": "it looks up sites that this draw has not"},
}
"""Objectives that are offered for a program and fail, with the reason; the others train it."""
