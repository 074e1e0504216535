"""The certificate as tables."""

from __future__ import annotations

import math

import pandas as pd
from rich.table import Table

from inference.certificate.certify import FAMILIES, LIMIT, limit


def deviations_table(found: pd.DataFrame) -> Table:
    """Largest |z| by objective, kind of latent and engine, over all K, batches and plates."""
    comparisons = int(found["comparisons"].sum())
    table = Table(
        title=f"Largest |z| of the mean gradient; {comparisons:,} comparisons, of which one may "
        f"reach {limit(comparisons):.2f} ({LIMIT} after Bonferroni). -: refused by name"
    )
    columns = _columns(found)
    table.add_column("objective")
    for case, engine in columns:
        table.add_column(f"{case}\n{engine}", justify="right")
    for label in _labels(found):
        cells = []
        for case, engine in columns:
            z = _part(found, label, case, engine)["z"].max()
            cells.append("-" if math.isnan(z) else f"{z:.1f}")
        table.add_row(label, *cells)
    return table


def bias_table(found: pd.DataFrame) -> Table:
    """Exact relative bias of the guide's expected gradient, against the ELBO's, by K."""
    biased = found[found["bias"].notna() & (found["rows"] == found["rows"].max())]
    cases = list(dict.fromkeys(biased["case"]))
    table = Table(
        title="Not estimators of the ELBO's gradient, by design: |E[g] - grad ELBO| / |grad ELBO| "
        "of the guide, exact"
    )
    table.add_column("objective")
    table.add_column("K", justify="right")
    for case in cases:
        table.add_column(case, justify="right")
    for label in _labels(biased):
        own = biased[biased["objective"] == label]
        for k in sorted(set(own["num_particles"])):
            at_k = own[own["num_particles"] == k].groupby("case")["bias"].max()
            cells = [f"{at_k[case]:.3f}" if case in at_k else "-" for case in cases]
            table.add_row(label, str(k), *cells)
    return table


def upstream_table(found: pd.DataFrame) -> Table:
    """The libraries' own losses: largest |z| and relative error of the guide's mean gradient."""
    table = Table(
        title="The libraries' own losses on the same programs: largest |z|, and in brackets the "
        "relative error of the guide's mean gradient"
    )
    table.add_column("loss")
    table.add_column("engine")
    columns = [*dict.fromkeys(found[~found["subsampled"]]["case"])]
    for case in columns:
        table.add_column(case, justify="right")
    table.add_column("reparameterised,\nsubsampled plate", justify="right")
    for engine in dict.fromkeys(found["engine"]):
        for label in _labels(found[found["engine"] == engine]):
            own = found[(found["engine"] == engine) & (found["objective"] == label)]
            cells = [_with_error(own[(own["case"] == c) & ~own["subsampled"]]) for c in columns]
            table.add_row(label, engine, *cells, _with_error(own[own["subsampled"]]))
    return table


def _with_error(entry: pd.DataFrame) -> str:
    if entry.empty:
        return "-"
    return f"{entry['z'].max():.1f} ({entry['error'].max():.2f})"


def _columns(found: pd.DataFrame) -> list[tuple[str, str]]:
    pairs = found[["case", "engine"]].drop_duplicates()
    cases = list(dict.fromkeys(pairs["case"]))
    return [(c, e) for c in cases for e in dict.fromkeys(pairs["engine"])]


def _labels(found: pd.DataFrame) -> list[str]:
    known = [family.label for family in FAMILIES]
    present = list(dict.fromkeys(found["objective"]))
    return sorted(present, key=lambda name: known.index(name) if name in known else len(known))


def _part(found: pd.DataFrame, label: str, case: str, engine: str) -> pd.DataFrame:
    return found[
        (found["objective"] == label) & (found["case"] == case) & (found["engine"] == engine)
    ]
