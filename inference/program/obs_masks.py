"""Statements that observe some rows and draw the others: `sample(name, law, obs=, obs_mask=)`.

Both libraries make two sites of one, `name_observed` and `name_unobserved`, each masked where the
other counts, and hand on the value of the one that does. Of a row that is observed the model has no
latent, so that what the guide draws there is no part of the bound, and costs nothing, though the
guide may not mask it (autoguides do not).
"""

from __future__ import annotations

from collections.abc import Collection, Iterator

_DRAWN, _SEEN = "_unobserved", "_observed"


def drawn_in_part(names: Collection[str]) -> Iterator[str]:
    """The sites, among a model's, that stand for the rows which a statement does not observe."""
    for name in names:
        if name.endswith(_DRAWN) and name.removesuffix(_DRAWN) + _SEEN in names:
            yield name
