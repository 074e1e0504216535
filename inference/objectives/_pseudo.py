"""The log pseudo-likelihood of the sites whose density is known up to a constant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from inference.program.draws import Draws
    from inference.program.program import Program
    from inference.program.sites import Site
    from inference.program.structure import Structure


def energy_sites(structure: Structure) -> list[Site]:
    """The model's sites that are drawn by chains, or known up to a constant."""
    return [site for site in structure.model.values() if site.kernel or not site.normalised]


def chance_of_the_energy(program: Program, draws: Draws, *, every: bool) -> Any:
    """log p - log q of a draw, (N,), with pseudo-likelihoods where the constant is not known."""
    names = [site.name for site in energy_sites(program.structure)]
    known = [log_p[0] for name, log_p in draws.log_p_sites.items() if name not in names]
    known += [-log_q[0] for log_q in draws.log_q_sites.values()]
    chances = [log_chances(program, name, draws, every=every) for name in names]
    return sum(known + chances)


def log_chances(
    program: Program, name: str, draws: Draws | None = None, *, every: bool, columns: int = 1
) -> Any:
    """sum_i log p(v_i | all others) of a site, (N,).

    Args:
        program: the program.
        name: the site.
        draws: where its value is, if it is a latent.
        every: whether all entries are summed; otherwise some at random, times how many there are
            of each.
        columns: how many.
    """
    site = program.structure.model[name]
    value = _value(program, site, draws)
    width, values = value.shape[-1], {name: value}
    if site.full_conditionals:
        law = program.site(name, values)
        if every:
            return law.log_conditionals(value).sum(-1)
        chosen = _columns(program, value, columns)
        return law.log_conditionals(value, chosen).mean(-1) * width
    here = program.log_joint(values)
    chosen = None if every else _columns(program, value, columns)
    ordinals, terms = program.ops.arange(width, value), []
    for place in range(width if every else columns):
        at = ordinals == (place if chosen is None else chosen[..., place : place + 1])
        there = program.log_joint({name: program.ops.where(at, 1 - value, value)})
        terms.append(-program.ops.softplus(there - here))
    return sum(terms) * (width / len(terms))


def _value(program: Program, site: Site, draws: Draws | None) -> Any:
    if site.observed:
        return program.ops.real(program.data[site.argument or 0])
    assert draws is not None, "a latent's value is a draw's"
    return program.ops.real(draws.values[site.name][0])


def _columns(program: Program, value: Any, count: int) -> Any:
    """Columns of each row at random, (N, count)."""
    return program.ops.floor(program.uniform(value[..., :count]) * value.shape[-1])
