"""`ppl-zoo certify`: every objective's mean gradient against an exact one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from inference.cli.text import answering, console, known_words, progress_bar, whole_numbers


def certify(
    *,
    objective: Annotated[
        list[str] | None, typer.Option(help="A row of the table; repeatable.", show_default="all")
    ] = None,
    case: Annotated[
        list[str] | None, typer.Option(help="A kind of latent; repeatable.", show_default="all")
    ] = None,
    engine: Annotated[
        list[str] | None, typer.Option(help="pyro or numpyro; repeatable.", show_default="both")
    ] = None,
    particles: Annotated[
        str, typer.Option(help="Values of K, each on the largest batch.")
    ] = "1,2,5,20",
    rows: Annotated[
        str, typer.Option(help="Sizes of the batch; those below the largest with one K.")
    ] = "1,20",
    subsampled: Annotated[
        bool, typer.Option(help="A plate that takes 4 of 12 data, with one K.")
    ] = True,
    upstream: Annotated[bool, typer.Option(help="The libraries' own losses, too.")] = True,
    draws: Annotated[int, typer.Option(min=1000, help="Draws of the latents for each.")] = 20_000,
    workers: Annotated[int, typer.Option(min=1, help="Processes.")] = 2,
    out: Annotated[Path | None, typer.Option(help="CSV file for every entry.")] = None,
) -> None:
    """Compare every objective's mean gradient with an exact one, on every kind of latent."""
    from inference.certificate.cases import CASES
    from inference.certificate.certify import FAMILIES, LIMIT, as_frame, limit, settings
    from inference.certificate.certify import certify as measure
    from inference.certificate.tables import bias_table, deviations_table, upstream_table
    from inference.certificate.upstream import upstream_settings
    from inference.engines import ENGINES

    with answering():
        labels = known_words("--objective", objective, [family.label for family in FAMILIES])
        cases = known_words("--case", case, list(CASES))
        engines = known_words("--engine", engine, list(ENGINES))
        counts, sizes = whole_numbers("--particles", particles), whole_numbers("--rows", rows)
    ours = list(
        settings(
            labels=labels,
            cases=cases,
            engines=engines,
            particles=counts,
            rows=sizes,
            subsampled=subsampled,
        )
    )
    theirs = [
        setting
        for setting in (upstream_settings(max(5, min(counts))) if upstream else ())
        if setting.case in cases and setting.engine in engines
    ]
    chosen = [*ours, *theirs]
    with progress_bar("entries", len(chosen)) as bar:
        outcomes = measure(chosen, draws, workers=workers, report=bar)
    if out is not None:
        with answering(OSError):
            as_frame(chosen, outcomes).to_csv(out, index=False)
    entries = list(zip(chosen, outcomes, strict=True))
    own = entries[: len(ours)]
    comparisons = sum(outcome.z.size for _, outcome in own)
    allowed = limit(comparisons)
    console.print(
        f"Largest |z| of the mean gradient: K = {particles} on batches of {max(sizes)} rows, and "
        "one K on the other batches and plates. "
        f"{draws:,} draws or more each. One of {comparisons:,} comparisons may reach {allowed:.2f} "
        f"({LIMIT} after Bonferroni). "
        "-: refused by name.",
        deviations_table(own),
        "No estimators of the ELBO's gradient, by design: |E[g] - grad ELBO| / |grad ELBO| of the "
        "guide, E[g] exact.",
        bias_table(own),
        sep="\n",
    )
    if theirs:
        console.print(
            "The libraries' own losses on the same programs, K = "
            f"{theirs[0].num_particles}: largest |z|, and in brackets the relative error of the "
            "guide's mean gradient, noise included.",
            upstream_table(entries[len(ours) :]),
            sep="\n",
        )
    failed = [(s, o) for s, o in own if o.z.size and o.largest > allowed]
    if failed:
        console.print(f"FAILED: {len(failed)} beyond {LIMIT} after Bonferroni.")
        console.print(as_frame(*zip(*failed, strict=True)).to_string(index=False))
        raise typer.Exit(1)
