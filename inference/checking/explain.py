"""`explain`: the sites of a pair as a table."""

from __future__ import annotations

from typing import Any

import pandas as pd

from inference.checking.context import Context
from inference.checking.definition import in_words
from inference.data.call import named_apart
from inference.data.pair_arrays import is_of_the_zoo
from inference.engines import check_engine
from inference.errors import PairError
from inference.pairs import as_pair, called_with, check_pair_type, fitted
from inference.program.records import RecordedSite, raising_line
from inference.tables import PrintedTable

_NO_BATCH = "No batch was given: pass some rows of data, as in explain(pair, x[:7])."


def explain(pair: Any, *batch: Any, engine: str | None = None, **named: Any) -> pd.DataFrame:
    """The sites of model and guide on a batch, a row each, in the order in which they run.

    Args:
        pair: a pair, a run, or a `(model, guide)` tuple of any Pyro or NumPyro program.
        *batch: what model and guide take, some rows of each array; or a tuple of them.
        engine: `"pyro"` or `"numpyro"`, where it cannot be told from the pair.
        **named: what they take by name; a dictionary of it does as well.

    Returns:
        By site: `kind` (latent, observed, auxiliary; of a factor statement `constant factor`, which
            only weighs the rows, or `factor`, with which there is no likelihood), `distribution` in
            the model, `shape` (batch | event), `plates`, `reparameterised` and `in_guide` (of a
            latent: whether the guide's draw has a pathwise gradient, and the guide's distribution),
            `log_p` and `log_q` at one draw of the guide's, in nats summed over the batch, and the
            `line` of the statement.

    Raises:
        ArgumentError: if it is no pair.
        DataError: if a pair of the zoo cannot take the batch.
        PairError: if the pair fails on the batch; `check_pair` says more.
    """
    if engine is not None:
        check_engine(engine)
    inner, own = as_pair(pair)
    check_pair_type(inner)
    args, named = named_apart(inner, batch, named)
    if is_of_the_zoo(inner) and args:
        args = called_with(fitted(pair, engine=engine), args, named).arrays
    context = Context(inner, args, engine or own, named=named)
    try:
        model, guide = context.model.sites, context.guide.sites
    except Exception as error:
        where = raising_line(error)
        raise PairError(
            f"the pair fails on this batch{f' at {where}' if where else ''}: {in_words(error)} "
            + ("check_pair(pair, *batch) says what else is wrong." if batch or named else _NO_BATCH)
        ) from error
    names = [*model, *(name for name in guide if name not in model)]
    table = {name: _row(model.get(name), guide.get(name)) for name in names}
    for name in (name for name, run in model.items() if run.distribution == "Unit"):
        constant = context.structure.model[name].factor == ()
        table[name]["kind"] = "constant factor" if constant else "factor"
    return PrintedTable(pd.DataFrame.from_dict(table, orient="index").rename_axis("site"))


def _row(model: RecordedSite | None, guide: RecordedSite | None) -> dict[str, Any]:
    run = model or guide
    assert run is not None
    site = run.site
    plates = sorted(site.plates, key=lambda plate: plate.dim)
    kind = "observed" if site.observed else "auxiliary" if model is None else "latent"
    return {
        "kind": kind,
        "distribution": model.distribution if model else "",
        "shape": f"{_words(site.batch_shape)} | {_words(site.event_shape)}",
        "plates": ", ".join(f"{plate.name} ({plate.size})" for plate in plates),
        "reparameterised": "" if guide is None else guide.site.reparameterised,
        "in_guide": guide.distribution if guide else "",
        "log_p": model.total if model else float("nan"),
        "log_q": guide.total if guide else float("nan"),
        "line": run.line,
    }


def _words(shape: tuple[int, ...]) -> str:
    return " ".join(map(str, shape)) or "-"
