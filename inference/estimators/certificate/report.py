"""What was measured, in sections: words and tables for a terminal and for a file."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from inference.estimators.certificate import noise as beside
from inference.estimators.certificate import record
from inference.estimators.certificate.certify import LIMIT, limit
from inference.estimators.certificate.noise import Noise
from inference.estimators.certificate.programs import ENERGIES, PROGRAMS
from inference.estimators.certificate.tables import (
    Entries,
    Grid,
    bias_table,
    deviations_table,
    noise_table,
    upstream_table,
)


@dataclass(frozen=True)
class Section:
    """A table with what it says.

    Attributes:
        title: its title.
        text: what is in the table.
        grid: the table.
    """

    title: str
    text: str
    grid: Grid


@dataclass(frozen=True)
class Certificate:
    """Everything that was measured.

    Attributes:
        own: the zoo's objectives.
        upstream: the libraries' own losses.
        noise: local gradients beside a global latent.
        draws: of the latents for each entry.
    """

    own: Entries
    upstream: Entries
    noise: list[Noise]
    draws: int

    @property
    def allowed(self) -> float:
        """The |z| that one of all comparisons may reach."""
        return limit(sum(outcome.z.size for _, outcome in self.own))

    def sections(self) -> Iterator[Section]:
        """Those that something was measured for."""
        on_cases, on_programs = _by_kind(self.own)
        if on_cases:
            counts = ", ".join(map(str, sorted({s.num_particles for s, _ in on_cases})))
            most = max(s.rows for s, _ in on_cases)
            text = (
                f"K = {counts} on batches of {most} rows, and one K on the other batches and on a "
                f"plate that takes 4 of 12 data. {self._limits(on_cases)}"
            )
            yield Section(record.OBJECTIVES, text, deviations_table(on_cases))
            text = (
                "By design. What they are compared with is the expectation that they do have; this "
                "is how far it is from the ELBO's gradient, |E[g] - grad ELBO| / |grad ELBO| of "
                "the guide's parameters, E[g] exact."
            )
            biases = bias_table(on_cases)
            if biases.rows:
                yield Section(record.BIAS, text, biases)
        theirs, on_programs_theirs = _by_kind(self.upstream)
        if theirs:
            yield Section(record.UPSTREAM, _of_upstream(theirs), upstream_table(theirs))
        if on_programs:
            counted = max(s.num_particles for s, _ in on_programs)
            text = (
                f"K = {counted}. {self._limits(on_programs)} .: valid, and without an exact "
                "statement to compare it with."
            )
            yield Section(record.PROGRAMS, text, deviations_table(on_programs))
        if on_programs_theirs:
            text = _of_upstream(on_programs_theirs)
            table = upstream_table(on_programs_theirs)
            yield Section(record.PROGRAMS_UPSTREAM, text, table)
        of_energies = [(s, o) for s, o in self.own if s.case in ENERGIES]
        if of_energies:
            text = (
                "A machine of 4 x 3 units, the same less its exact constant, a deep machine of "
                "3-2-2 units, and a chain of 3 bits and their corrupted copies. "
                f"{self._limits(of_energies)}"
            )
            yield Section(record.ENERGIES, text, deviations_table(of_energies))
        if self.noise:
            text = (
                "Standard deviation of the gradient by a local logit, N Bernoulli latents beside a "
                "global Gaussian one, and ours over the least of upstream's: at most "
                f"{beside.LIMIT}."
            )
            yield Section(record.NOISE, text, noise_table(self.noise))

    def markdown(self) -> dict[str, str]:
        """Title to text of every section, for a file."""
        return {s.title: f"{s.text}\n\n{s.grid.markdown()}" for s in self.sections()}

    def failed(self) -> list[str]:
        """What is beyond its limit, in words."""
        deviating = [
            f"{s.label}, {s.case}, {s.engine}, K = {s.num_particles}, {s.rows} rows: |z| = "
            f"{o.largest:.2f}, allowed {self.allowed:.2f}"
            for s, o in self.own
            if o.z.size and not o.largest <= self.allowed
        ]
        noisy = [
            f"noise, {n.engine}, {n.order}, N = {n.size}: {n.ratio:.2f} times upstream's, allowed "
            f"{beside.LIMIT}"
            for n in self.noise
            if not n.ratio <= beside.LIMIT
        ]
        return deviating + noisy

    def _limits(self, entries: Entries) -> str:
        largest = max((o.largest for _, o in entries if o.z.size), default=0.0)
        comparisons = sum(outcome.z.size for _, outcome in self.own)
        return (
            "Largest |z| of the mean gradient over all parameters; "
            f"{self.draws:,} draws or more each. One of {comparisons:,} comparisons may reach "
            f"{self.allowed:.2f} ({LIMIT} after Bonferroni); the largest is {largest:.2f}. "
            "-: refused by name."
        )


def _by_kind(entries: Entries) -> tuple[Entries, Entries]:
    """Entries of the cases and of the programs."""
    return (
        [(s, o) for s, o in entries if s.case not in PROGRAMS and s.case not in ENERGIES],
        [(s, o) for s, o in entries if s.case in PROGRAMS],
    )


def _of_upstream(entries: Entries) -> str:
    return (
        f"K = {entries[0][0].num_particles}: largest |z| against what each sets out to estimate, "
        "and in brackets the relative error of the guide's mean gradient, noise included. "
        "-: does not apply, or raises an error."
    )
