"""What becomes of other people's programs: `python -m benchmarks.corpus --write corpus.md`.

For every program of the corpora of the tests (`tests/inference/styles`), one row: whether `fit`
under the library's own loss ends where the library's `SVI` does, which objectives train it, which
refuse it and why, what `check_pair` says against it, and whether its seeded mistake is found. Each
answer is by the function that the tests ask. Rows are kept as they come (`--rows`), so that a table
that was stopped goes on where it was; `--library` makes the rows of one, for two processes.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import platform
import re
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from inference import log_likelihood, valid_objectives
from inference.errors import ObjectiveError, PairError, ZooError
from inference.training.loop import Loop

STYLES = Path(__file__).parents[1] / "tests" / "inference" / "styles"
LIBRARIES = {"pyro": "pyro-ppl", "numpyro": "numpyro"}
REASONS = {  # of a refusal, by what it says
    r"no plate says|data lie in no plate": "no plate",
    r"changes with|normalised = False": "not normalised",
    r"in some draws of the guide": "sites that vary",
    r"scores copies of the draws": "flow without an inverse",
    r"leaves out a scale|under the same scale": "scales that differ",
    r"has no size=|draws data": "cannot draw",
    r"observes no site": "no likelihood",
    r"is for discrete|discrete draws|needs draws of the family": "no such discrete draws",
    r"not reparameterised|carries no gradient": "not reparameterised",
    r"outside|for all data at once|one draw of the globals": "global latents",
    r"none of the model's sites": "packed guide",
    r"is a point": "points",
    r"is not itself an argument|as it is": "data made of arguments",
    r"no site for the model's latent|proposes": "sites summed over or left",
    r"needs (classes|domains|rows of the other domain)": "no such data beside x",
    r"known up to a c|mean field of a machine": "a known constant",
    r"is for a model whose data are all": "not sequential",
}


class Corpus:
    """The programs of one library, with the functions of its tests."""

    def __init__(self, library: str) -> None:
        sys.path[:0] = [str(STYLES), str(STYLES.parents[1]), str(STYLES.parents[1] / "reference")]
        self.library = library
        self.tests: Any = importlib.import_module(f"test_{library}_corpus")
        registry: Any = importlib.import_module(f"{library}_corpus.registry")
        self.arguments = getattr(registry, "arguments_of", None) or registry.arguments

    def built(self, program: Any) -> Any:
        """The pair, made anew."""
        return self.tests.built(program) if self.library == "pyro" else program.make()

    def difference(self, program: Any) -> float:
        """Largest difference of a parameter from what the library's own loop makes of it."""
        theirs, run = self.tests.by_svi(program), self.tests.fitted(program)
        ours = (
            self.tests.unconstrained(run.pair.store)
            if self.library == "pyro"
            else self.tests.flatten(run.pair.values)
        )
        if ours.keys() != theirs.keys():
            return float("nan")
        gaps = (np.abs(ours[n] - theirs[n]) / (1 + np.abs(theirs[n])) for n in ours)
        return max((float(gap.max(initial=0)) for gap in gaps), default=0.0)

    def blamed(self, program: Any, *, wrong: bool = False) -> set[tuple[str, str | None]]:
        """Check and site of what `check_pair` finds; with the mistake, limits too."""
        asked = program if self.library == "pyro" else program.name
        return set(self.tests.blamed(asked, wrong=wrong))

    def grown(self, program: Any, losses: np.ndarray) -> str:
        """Says so where the losses did not go down."""
        if self.library == "pyro":
            return self.tests.grown(losses)
        return self.tests.grown(losses, len(program.batches()))


@contextlib.contextmanager
def losses_kept() -> Iterator[list[np.ndarray]]:
    """The losses of every step that a fit takes."""
    parts: list[np.ndarray] = []
    account = Loop._account

    def noting(self: Loop, taken: Any) -> None:
        parts.append(taken.losses)
        account(self, taken)

    Loop._account = noting  # pyright: ignore[reportAttributeAccessIssue]
    try:
        yield parts
    finally:
        Loop._account = account


def trained(corpus: Corpus, program: Any, most: int) -> dict[str, Any]:
    """Which objectives train a program, which refuse it, and what went wrong."""
    args, kwargs = corpus.arguments(program.batches()[0])
    validity = valid_objectives(corpus.built(program), *args, **kwargs)
    wrong, good = {}, []
    # The first, which is ELBO where it fits, and others by the program's place.
    place = corpus.tests.PROGRAMS.index(program)
    others = list(np.roll(validity.valid[1:], -place)) if len(validity.valid) > 1 else []
    for name in [*validity.valid[:1], *others][:most]:
        name = str(name)
        with losses_kept() as parts:
            try:
                corpus.tests.fitted(program, objective=corpus.tests.OBJECTIVES[name])
            except Exception as error:
                wrong[name] = f"{type(error).__name__}: {error}".splitlines()[0][:200]
                continue
        worse = corpus.grown(program, np.concatenate(parts))
        if worse and name not in corpus.tests.PLAYING:
            wrong[name] = worse
        else:
            good.append(name)
    return {
        "offered": list(validity.valid),
        "trained": good,
        "wrong": wrong,
        "refused": {name: reason(said) for name, said in validity.refused.items()},
    }


def reason(said: str) -> str:
    """A refusal in few words."""
    found = (words for pattern, words in REASONS.items() if re.search(pattern, said))
    return next(found, said[:60])


def evaluated(corpus: Corpus, program: Any) -> str:
    """The likelihood per datum, or in few words why there is none."""
    pair = corpus.tests.fitted(program).pair
    try:
        return f"{log_likelihood(pair, program.batches()[0], num_particles=3).mean:.3g}"
    except (ObjectiveError, PairError) as error:
        said = str(error)
        return "no weights per datum" if re.search("per datum|for each of", said) else reason(said)
    except ZooError as error:
        return reason(str(error))


def row(corpus: Corpus, program: Any, most: int) -> dict[str, Any]:
    begun = time.process_time()
    loss = type(program.loss()).__name__
    found: dict[str, Any] = {"library": corpus.library, "program": program.name, "loss": loss}
    found["difference"] = corpus.difference(program)
    found |= trained(corpus, program, most)
    found["evaluated"] = evaluated(corpus, program)
    blamed = corpus.blamed(program)
    found["blamed"] = sorted(check for check, _ in blamed)
    found["found"] = sorted({check for check, _ in corpus.blamed(program, wrong=True) - blamed})
    return found | {"seconds": time.process_time() - begun}


def table(rows: list[dict[str, Any]]) -> Iterator[str]:
    """The Markdown of the rows."""
    right = [r for r in rows if not r["wrong"]]
    equal = sum(r["difference"] <= 1e-5 for r in rows)
    yield (
        f"{len(rows)} programs: {equal} end within 1e-5 of the library's own `SVI` under its own "
        f"loss; {sum(len(r['trained']) for r in rows)} fits under objectives that "
        f"`valid_objectives` offers, all that were tried right for {len(right)} programs; "
        f"{sum(len(r['blamed']) for r in rows)} errors blamed; "
        f"{sum(bool(r['found']) for r in rows)} of {len(rows)} seeded mistakes found.\n"
    )
    yield (
        "| library | program | upstream's loss | difference | objectives trained | refused "
        "| `log_likelihood` | blamed | mistake found by | CPU seconds |"
    )
    yield "|---|---|---|---|---|---|---|---|---|---|"
    for r in rows:
        why = Counter(r["refused"].values())
        wrong = "; ".join(f"**{name}**: {said}" for name, said in r["wrong"].items())
        cells = [
            r["library"],
            f"`{r['program']}`",
            r["loss"],
            f"{r['difference']:.1e}",
            f"{len(r['trained'])} of {len(r['offered'])} offered {wrong}".strip(),
            ", ".join(f"{count} {words}" for words, count in why.most_common()) or "none",
            r["evaluated"],
            ", ".join(r["blamed"]) or "none",
            ", ".join(r["found"]) or "**not found**",
            f"{r['seconds']:.0f}",
        ]
        yield f"| {' | '.join(str(cell).replace('|', '/') for cell in cells)} |"


def heading(rows: list[dict[str, Any]]) -> Iterator[str]:
    versions = (f"{name} {version(name)}" for name in ("pyro-ppl", "torch", "numpyro", "jax"))
    fits = {r["most"] for r in rows}
    limit = (
        "All objectives that are offered"
        if min(fits) > 99
        else f"Of the objectives that are offered at least {min(fits)}"
    )
    machine = f"{platform.machine()}, {os.cpu_count()} cores, no GPU"
    yield (
        "# Other people's programs\n\n"
        f"By `python -m benchmarks.corpus`, {date.today().isoformat()}, {', '.join(versions)}, "
        f"Python {platform.python_version()}, {machine}. {limit}, 20 steps each.\n"
    )


def main(
    write: Annotated[Path | None, typer.Option(help="Where the table goes.")] = None,
    rows: Annotated[Path, typer.Option(help="Where rows are kept.")] = Path("build/corpus.jsonl"),
    library: Annotated[list[str] | None, typer.Option(help="pyro or numpyro.")] = None,
    most: Annotated[int, typer.Option(help="Objectives to train each program under.")] = 100,
    name: Annotated[list[str] | None, typer.Option(help="Programs.")] = None,
) -> None:
    """Ask every program of the corpora, keep the rows, print or write the table."""
    warnings.simplefilter("ignore")
    rows.parent.mkdir(parents=True, exist_ok=True)
    for each in library or LIBRARIES:
        corpus = Corpus(each)
        for program in corpus.tests.PROGRAMS:
            done = {(r["library"], r["program"]) for r in kept(rows)}
            if (each, program.name) in done or (name and program.name not in name):
                continue
            found = row(corpus, program, most) | {"most": most}
            with rows.open("a") as file:
                file.write(json.dumps(found) + "\n")
            print(each, program.name, f"{found['seconds']:.0f} s", found["wrong"], flush=True)
            forget(each)
    found = sorted(kept(rows), key=lambda r: r["library"], reverse=True)
    text = "\n".join((*heading(found), *table(found))) + "\n"
    write.write_text(text) if write else print(text)


def forget(library: str) -> None:
    """Let go of what was compiled for one program, or of its parameters."""
    if library == "numpyro":
        importlib.import_module("jax").clear_caches()
    else:
        importlib.import_module("pyro").clear_param_store()


def kept(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


if __name__ == "__main__":
    typer.run(main)
