"""The checks in the order in which they are made; one is made where what it needs has passed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from inference.checking import (
    bounds,
    contract,
    data_matter,
    draws,
    global_latents,
    gradients,
    kernels,
    numerics,
    objectives,
    parameters,
    rows,
    sequential,
    shapes,
    support,
)
from inference.checking.context import Context
from inference.checking.definition import Check, Mistake, Skip, in_words
from inference.checking.report import Finding, Level, Outcome
from inference.program.records import raising_line

_IN_ORDER = (
    contract.pair_type,
    contract.engine,
    contract.batch,
    contract.same_arguments,
    contract.guide_runs,
    contract.model_runs,
    contract.runs_together,
    contract.guide_proposes_all,
    contract.guide_proposes_no_more,
    contract.guide_observes_nothing,
    contract.latent_is_not_observed,
    contract.model_observes,
    data_matter.data_matter,
    data_matter.guide_sees_data,
    shapes.same_event_shapes,
    shapes.same_batch_shapes,
    shapes.same_plates,
    shapes.same_scale,
    shapes.same_mask,
    shapes.batch_dimensions_in_plates,
    shapes.plate_dimensions_agree,
    shapes.values_fill_their_sites,
    shapes.densities_fill_their_sites,
    shapes.data_in_plate,
    shapes.local_latents_per_row,
    bounds.particles_at_once,
    support.data_in_support,
    support.whole_numbers_where_counted,
    support.draws_in_support,
    support.guide_covers_support,
    support.same_values,
    support.arguments_in_range,
    support.finite_edges,
    numerics.finite_log_q,
    numerics.finite_log_p,
    numerics.finite_at_prior_draws,
    numerics.draws_are_finite,
    numerics.float32_is_enough,
    numerics.repeatable,
    numerics.calls_leave_no_trace,
    numerics.pairs_share_nothing,
    numerics.no_warnings,
    rows.rows_change_places,
    rows.rows_alone,
    rows.rows_count_once_each,
    rows.other_batch_sizes,
    parameters.has_parameters,
    parameters.networks_are_registered,
    parameters.parameters_are_finite,
    parameters.parameters_in_range,
    parameters.parameters_are_trained,
    parameters.gradients_exist,
    parameters.gradients_are_finite,
    parameters.model_parameters_have_gradients,
    parameters.guide_parameters_have_gradients,
    gradients.gradient_of_log_p,
    gradients.gradient_of_log_q,
    gradients.gradient_through_draws,
    draws.model_draws,
    draws.draws_look_like_data,
    draws.returns_a_point,
    draws.draw_then_score,
    kernels.kernel_leaves_density,
    kernels.temperatures_lead_to_density,
    kernels.conditionals_are_the_densitys,
    sequential.no_entry_sees_later_ones,
    sequential.conditionals_give_the_density,
    bounds.bound_below_evidence,
    bounds.evidence_met_by_weights,
    bounds.bound_rises_with_particles,
    objectives.objectives,
    objectives.trains_by_default,
    global_latents.globals_count_once,
    global_latents.parameters_follow_rows,
)
CHECKS: dict[str, Check] = {each.name: each for each in _IN_ORDER}
"""By name. A check comes after those that it needs."""

_OUTCOMES: dict[Level, Outcome] = {"error": "failed", "limit": "limited", "note": "noted"}


def with_needs(names: Iterable[str]) -> list[Check]:
    """The checks of these names and all that they need, in their order."""
    wanted, queue = set[str](), list(names)
    while queue:
        name = queue.pop()
        if name not in wanted:
            wanted.add(name)
            queue += CHECKS[name].needs
    return [each for each in CHECKS.values() if each.name in wanted]


def run(checks: Iterable[Check], context: Context) -> Iterator[Finding]:
    """The findings of some checks; an exception inside of a check is a finding too."""
    unmet: set[str] = set()
    for each in checks:
        missing = [name for name in each.needs if name in unmet]
        if missing:
            unmet.add(each.name)
            yield Finding(each.name, "skipped", f"it needs {missing[0]!r}, which did not pass.")
            continue
        try:
            mistakes = list(each.body(context))
        except Skip as reason:
            yield Finding(each.name, "skipped", str(reason), reason.site, reason.line)
            continue
        except Exception as error:  # the pair is the user's: anything can come
            mistakes = [Mistake(in_words(error), line=raising_line(error))]
        if any(mistake.level != "note" for mistake in mistakes):
            unmet.add(each.name)
        for mistake in mistakes:
            yield Finding(
                each.name,
                _OUTCOMES[mistake.level],
                mistake.message,
                mistake.site,
                mistake.line,
            )
        if not mistakes:
            yield Finding(each.name, "passed", each.text)
