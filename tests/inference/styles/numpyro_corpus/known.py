"""What does not work yet: test to program to the reason. Whoever mends one takes it out."""

from __future__ import annotations

KNOWN: dict[str, dict[str, str]] = {
    "trains_as_upstream": {
        "schools_in_a_flow": "the guide packs latents and draws them outside of the model's plates",
        "topics_by_a_network": "the support of the first batch's counts is asked of the next",
    },
    "trains_under_objectives_offered": {
        "generator": "no objective is offered to a generator whose draw is a deterministic site",
        "topics_by_a_network": "the support of the first batch's counts is asked of the next",
    },
    "evaluates_or_is_refused_by_name": {
        "parameters_by_row": "a support that depends on the rows fails inside of a compiled step",
        "stochastic_volatility": "a series of two rows does not fit the guide; the message is about event shapes",
        "topics_by_a_network": "the support of the first batch's counts is asked of the next",
    },
    "resumes_bit_for_bit": {
        "topics_by_a_network": "the support of the first batch's counts is asked of the next",
    },
    "is_not_blamed": {
        "batting_averages": "the guide packs latents and draws them outside of the model's plates",
        "schools_in_a_flow": "the guide packs latents and draws them outside of the model's plates",
        "semi_annealed": "the guide packs latents and draws them outside of the model's plates",
        "varying_slopes": "the guide packs latents and draws them outside of the model's plates",
    },
}
