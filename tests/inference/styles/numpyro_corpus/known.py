"""What does not work yet: test to program to the reason. Whoever mends one takes it out."""

from __future__ import annotations

_FACTOR = "a likelihood by factor leaves no bound to offer; the library's own loss trains it"
_LABELS = "ChiSquare fits the batches whose labels are observed, and refuses the others by name"

KNOWN: dict[str, dict[str, str]] = {
    "trains_as_upstream": {},
    "trains_under_objectives_offered": {
        "censored_survival": _FACTOR,
        "labels_now_and_then": _LABELS,
        "likelihood_by_factor": _FACTOR,
    },
    "evaluates_or_is_refused_by_name": {},
    "resumes_bit_for_bit": {},
    "is_not_blamed": {},
}
