"""What does not work yet: test to program to the reason. Whoever mends one takes it out."""

from __future__ import annotations

KNOWN: dict[str, dict[str, str]] = {
    "trains_as_upstream": {
        "reached_by_attribute": "the library cannot be told from callables that reach the programs by attribute",
    },
    "elbo_is_upstreams": {
        "flow_as_likelihood": "the look at a batch leaves the flow's cache without gradients",
        "reached_by_attribute": "the library cannot be told from callables that reach the programs by attribute",
    },
    "trains_under_every_objective": {
        "annotators": "Enumerated refuses a global latent, and nothing else sums",
        "reached_by_attribute": "the library cannot be told from callables that reach the programs by attribute",
        "topics_of_a_list_of_documents": "Enumerated refuses a global latent, and nothing else sums",
    },
    "evaluates_or_is_refused_by_name": {
        "reached_by_attribute": "the library cannot be told from callables that reach the programs by attribute",
    },
    "resumes_bit_for_bit": {},
    "is_not_blamed": {},
    "the_mistake_is_found": {},
}

OBJECTIVES: dict[str, dict[str, str]] = {}
