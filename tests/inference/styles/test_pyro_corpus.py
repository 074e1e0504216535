"""Programs of the Pyro corpus train as upstream trains them, and are neither refused nor blamed."""

from __future__ import annotations

import copy
import dataclasses
import functools
import itertools
import math
import re
import warnings
from typing import Any

import numpy as np
import pyro
import pytest
import torch
from pyro import poutine
from pyro.infer import SVI, Trace_ELBO
from pyro.optim import Adam  # pyright: ignore[reportAttributeAccessIssue]
from pyro.poutine.guide import GuideMessenger
from pyro_corpus import PROGRAMS, Program, arguments_of
from pyro_corpus.known import KNOWN
from pyro_corpus.known import OBJECTIVES as KNOWN_TO_FAIL

from inference import ELBO, check_pair, fit, log_likelihood, valid_objectives
from inference.engines.pyro.pairs import evaluating
from inference.engines.pyro.parameters import stored_values
from inference.errors import ObjectiveError, PairError
from inference.objectives.registry import examples

SEED, PARTICLES = 3, 100
OBJECTIVES = {type(objective).__name__: objective for objective in examples()}
SUMMED = {  # losses and gradients are other estimates than upstream's
    "annotators",
    "belief_net_with_baselines",
    "callable_objects",
    "generator_without_a_likelihood",
    "hidden_markov",
    "list_with_a_discrete_guide",
    "mixture_of_regressions",
    "objects_until_a_draw_says_stop",
    "sequential_enumeration",
    "topics_of_a_list_of_documents",
}
PLAYING = {"Adversarial"}  # two sides take turns, so that no loss goes down
RESUMED = {  # one of each kind of state
    "annealed_by_keyword",
    "belief_net_with_baselines",
    "callable_objects",
    "conditioned_series",
    "easy_guide_and_subsample",
    "flow_as_guide",
    "hidden_markov",
    "list_with_a_discrete_guide",
    "messenger_of_a_hierarchy",
    "objects_until_a_draw_says_stop",
    "packed_sequences",
    "random_weights_in_a_module",
    "second_kind_missing",
    "sparse_gaussian_process",
}

# Upstream's own words, about its own compiled loss.
pytestmark = [
    pytest.mark.filterwarnings("ignore:.*torch.jit.trace:DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning"),
]


def corpus(test: str, programs: list[Program] = PROGRAMS) -> Any:
    """A case for each program; those that are known to fail say why."""
    known = KNOWN.get(test, {})
    assert set(known) <= {each.name for each in programs}
    cases = []
    for each in programs:
        marks = (
            [pytest.mark.xfail(strict=True, reason=known[each.name])] if each.name in known else []
        )
        cases.append(pytest.param(each, id=each.name, marks=marks))
    return pytest.mark.parametrize("program", cases)


def built(program: Program, *, wrong: bool = False) -> Any:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return program.make_wrong() if wrong else program.make()


def fitted(program: Program, *, pair: Any = None, **settings: Any) -> Any:
    usual = {
        "objective": program.loss(),
        "steps": program.steps,
        "seed": SEED,
        "optimizer": Adam({"lr": 0.01}),
        "progress": False,
    }
    return fit(built(program) if pair is None else pair, program.batches(), **(usual | settings))


def by_svi(program: Program, *, observed: bool = True) -> dict[str, np.ndarray]:
    """What Pyro's own loop makes of the parameters, which are drawn beforehand, from the seed.

    Every step has tensors of its own, as from a data loader.

    Args:
        program: the program.
        observed: whether Pyro sees what the guide observes; it would take it for latents.
    """
    pair, batches = built(program), program.batches()
    model, guide = pair if isinstance(pair, tuple) else (pair.model, pair.guide)
    if not (observed or isinstance(guide, GuideMessenger)):
        guide = poutine.block(guide, hide_fn=lambda site: site.get("is_observed", False))
    with pyro.get_param_store().scope(), torch.random.fork_rng():
        args, kwargs = arguments_of(batches[0])
        pyro.set_rng_seed(SEED)
        with torch.no_grad(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            Trace_ELBO().loss(model, guide, *copy.deepcopy(args), **kwargs)
        pyro.set_rng_seed(SEED)
        svi: Any = SVI(model, guide, Adam({"lr": 0.01}), loss=program.loss())
        for batch in itertools.islice(itertools.cycle(batches), program.steps):
            args, kwargs = arguments_of(copy.deepcopy(batch))
            svi.step(*args, **kwargs)
        return unconstrained(pyro.get_param_store().get_state())


def unconstrained(state: Any) -> dict[str, np.ndarray]:
    return {name: value.detach().numpy().copy() for name, value in state["params"].items()}


@functools.cache
def blamed(program: Program, *, wrong: bool = False) -> dict[tuple[str, str | None], str]:
    """Errors of `check_pair`, with the mistake limits too: check and site to what is said."""
    args, kwargs = arguments_of(program.batches()[0])
    rows: Any = {} if program.whole is None else {"rows": len(program.whole()[0])}
    report = check_pair(built(program, wrong=wrong), *args, **kwargs, **rows)
    found = [*report.failed, *(report.limits if wrong else ())]
    return {(finding.check, finding.site): str(finding) for finding in found}


@corpus("trains_as_upstream")
def test_trains_as_upstream(program):
    upstream = by_svi(program)
    ours = unconstrained(fitted(program).pair.store)
    assert sorted(ours) == sorted(upstream)
    for name, value in upstream.items():
        np.testing.assert_allclose(ours[name], value, rtol=1e-6, atol=1e-6, err_msg=name)


@corpus("elbo_is_upstreams", [each for each in PROGRAMS if each.name not in SUMMED])
def test_elbo_is_upstreams(program):
    """Without closed forms, and with what a guide observes left out of the bound."""
    program = dataclasses.replace(program, loss=Trace_ELBO, steps=6)
    upstream = by_svi(program, observed=False)
    ours = unconstrained(fitted(program, objective=ELBO(analytic_kl=False)).pair.store)
    for name, value in upstream.items():
        np.testing.assert_allclose(ours[name], value, rtol=1e-4, atol=1e-5, err_msg=name)


@corpus("trains_under_every_objective")
def test_trains_under_every_objective(program, losses):
    args, kwargs = arguments_of(program.batches()[0])
    validity = valid_objectives(built(program), *args, **kwargs)
    wrong = {}
    for name in validity.valid:
        try:
            fitted(program, objective=OBJECTIVES[name])
        except Exception as error:  # to name all of them
            losses.per_datum() if losses.parts else None
            wrong[name] = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200]}"
            continue
        worse = grown(losses.per_datum())
        if worse and name not in PLAYING:
            wrong[name] = worse
    assert validity.valid
    assert wrong.keys() == KNOWN_TO_FAIL.get(program.name, {}).keys(), wrong


def grown(losses: np.ndarray) -> str:
    """Says so where the losses of the second half are above those of the first, beyond noise."""
    first, last = np.array_split(losses, 2)
    if not np.isfinite(losses).all():
        return f"losses are not finite: {losses}"
    noise = np.sqrt(first.var() / len(first) + last.var() / len(last))
    if last.mean() > first.mean() + 4 * noise:
        return f"the loss grew from {first.mean():.4g} to {last.mean():.4g}"
    return ""


@corpus("evaluates_or_is_refused_by_name")
def test_evaluates_or_is_refused_by_name(program):
    """To the estimate of particles that are traced one by one, or with what stands against it."""
    run = fitted(program)
    try:
        estimate = log_likelihood(run.pair, program.batches()[0], num_particles=PARTICLES)
    except (ObjectiveError, PairError) as refusal:
        right = re.search(r"'[\w.]+'|no plate|observes no site|argument", str(refusal))
    else:
        right = abs(estimate.mean - traced_one_by_one(program, run.pair)) < 1.0
    assert right


def traced_one_by_one(program: Program, pair: Any) -> float:
    """The importance-weighted log-likelihood, mean over rows; NaN where nothing is observed."""
    args, kwargs = arguments_of(program.batches()[0])
    weights = []
    with evaluating(pair), pair.scope(), torch.no_grad(), torch.random.fork_rng():
        torch.manual_seed(SEED)
        for _ in range(PARTICLES):
            guide = poutine.trace(pair.guide).get_trace(*args, **kwargs)
            model = poutine.trace(poutine.replay(pair.model, trace=guide))
            scored = model.get_trace(*args, **kwargs)
            if all(at["infer"].get("_deterministic") for at in observations(scored)):
                return math.nan
            log_weight = sum(densities(scored, [*scored.nodes]))
            weights.append(log_weight - sum(densities(guide, guide.stochastic_nodes)))
    return float((torch.logsumexp(torch.stack(weights), 0) - math.log(PARTICLES)).mean())


def observations(trace: Any) -> list[Any]:
    return [trace.nodes[name] for name in trace.observation_nodes]


def densities(trace: Any, names: list[str]) -> list[torch.Tensor]:
    trace.compute_log_prob()
    return [trace.nodes[name]["log_prob"] for name in names if "log_prob" in trace.nodes[name]]


@corpus("resumes_bit_for_bit", [each for each in PROGRAMS if each.name in RESUMED])
def test_resumes_bit_for_bit(program, tmp_path):
    whole = fitted(program, steps=8)
    fitted(program, steps=3, out=tmp_path / "run")
    resumed = fitted(program, steps=8, out=tmp_path / "run", resume=True)
    one, other = stored_values(whole.pair), stored_values(resumed.pair)
    assert sorted(one) == sorted(other)
    for name, array in one.items():
        assert array.tobytes() == other[name].tobytes(), name


@corpus("is_not_blamed")
def test_is_not_blamed(program):
    assert blamed(program) == {}


@corpus("the_mistake_is_found")
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_mistake_is_found(program):
    """By a finding that the program without the mistake does not have."""
    assert blamed(program, wrong=True).keys() - blamed(program).keys()


def test_the_corpus_is_whole():
    assert KNOWN_TO_FAIL.keys() <= {each.name for each in PROGRAMS}
    assert 40 <= len(PROGRAMS) == len({each.name for each in PROGRAMS})
    assert all(len(each.idea.splitlines()) == 1 and each.mistake for each in PROGRAMS)
    assert {each.name for each in PROGRAMS} >= RESUMED
