"""What does not work yet: test to program to the reason. Whoever mends one takes it out."""

from __future__ import annotations

_PACKED = "the guide packs latents and draws them outside of the model's plates"
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
    },
}
