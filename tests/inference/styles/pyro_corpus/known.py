"""What does not work yet: test to program to the reason. Whoever mends one takes it out."""

from __future__ import annotations

_SUMS = "Enumerated refuses a global latent, and nothing else sums"
_CONSTRAINT = "a factor of latents, a soft constraint, leaves no bound on a likelihood to offer"

KNOWN: dict[str, dict[str, str]] = {
    "trains_as_upstream": {},
    "elbo_is_upstreams": {"structured_crossed_effects": _CONSTRAINT},
    "trains_under_every_objective": {
        "annotators": _SUMS,
        "structured_crossed_effects": _CONSTRAINT,
        "topics_of_a_list_of_documents": _SUMS,
    },
    "evaluates_or_is_refused_by_name": {},
    "resumes_bit_for_bit": {},
    "is_not_blamed": {},
    "the_mistake_is_found": {},
}

OBJECTIVES: dict[str, dict[str, str]] = {}
