"""What does not work yet: test to program to the reason. Whoever mends one takes it out."""

from __future__ import annotations

_PACKED = "the guide packs latents and draws them outside of the model's plates"
_GUIDES_FACTOR = "a factor that the guide makes is taken for an observation"
_NO_PLATE = "a program without a plate is told to open one"
_MINIBATCH = "a plate of the minibatch's size beside a global latent is taken for right"
_SUBSAMPLED = "the scale of a minibatch is taken for a dependence of rows on each other"
_SUPPORT = "the support of the first batch's counts is asked of the next"
_SUMMED = "the advice is to add a site to the guide that the loss sums over"
_UNMARKED = "no objective is offered where a latent to sum over stands beside global ones"

_GUIDES = {
    "batting_averages": _PACKED,
    "schools_in_a_flow": _PACKED,
    "semi_annealed": _PACKED,
    "varying_slopes": _PACKED,
}
_REFUSED = {**_GUIDES, "topics_by_a_network": _SUPPORT}

KNOWN: dict[str, dict[str, str]] = {
    "trains_as_upstream": _REFUSED,
    "trains_under_objectives_offered": {
        **_REFUSED,
        "generator": "no objective is offered to a generator whose draw is a deterministic site",
        "hidden_markov": _UNMARKED,
        "mixture_of_two_arrays": _UNMARKED,
    },
    "evaluates_or_is_refused_by_name": {
        **_REFUSED,
        "hidden_markov": _SUMMED,
        "mixture_of_two_arrays": _SUMMED,
        "parameters_by_row": "a support that depends on the rows fails inside of a compiled step",
        "stochastic_volatility": "a series of two rows does not fit the guide; the message is "
        "about event shapes",
    },
    "resumes_bit_for_bit": {
        name: _REFUSED[name]
        for name in (
            "topics_by_a_network",
            "varying_slopes",
        )
    },
    "is_not_blamed": {
        **_GUIDES,
        "annealed_classifier": _GUIDES_FACTOR,
        "autoregression": _NO_PLATE,
        "frozen_baseline": "a parameter that is frozen on purpose is taken for a mistake",
        "gaussian_process": _NO_PLATE,
        "generator": "a generator is told to observe something",
        "images_without_a_plate": _NO_PLATE,
        "mean_in_minibatches": _SUBSAMPLED,
        "stochastic_volatility": _NO_PLATE,
        "surrogate_likelihood": _GUIDES_FACTOR,
        "weight_matrices": _NO_PLATE,
    },
    "the_mistake_is_found": {
        "mean_in_minibatches": _MINIBATCH,
        "surrogate_likelihood": _MINIBATCH,
    },
}
