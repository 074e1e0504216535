"""Programs of the NumPyro corpus train as upstream trains them, are not refused and not blamed."""

from __future__ import annotations

import functools
import itertools
import os
import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from numpyro.infer import SVI
from numpyro.optim import Adam
from numpyro_corpus import PROGRAMS, Program
from numpyro_corpus.known import KNOWN
from numpyro_corpus.registry import arguments

from inference import check_pair, fit, log_likelihood, valid_objectives
from inference.engines.funsor_backend import use_in_funsor
from inference.engines.numpyro.parameters import flatten
from inference.errors import ObjectiveError, PairError
from inference.objectives.registry import examples

SEED = 3
OBJECTIVES = {type(objective).__name__: objective for objective in examples()}
# Its eps is larger than rounding, of which Adam makes whole steps otherwise.
OPTIMIZER = Adam(0.01, eps=1e-3)
PLAYING = {"Adversarial"}  # two sides take turns, so that no loss goes down
RESUMED = {  # one of each kind of state
    "annealed_classifier",
    "autoregression",
    "callable_objects",
    "conditional_in_equinox",
    "dropout_and_averages",
    "factor_in_nnx",
    "hidden_markov",
    "labels_now_and_then",
    "parameters_by_row",
    "topics_by_a_network",
    "varying_slopes",
}

# Upstream's, where a network's parameters are read inside of its scan.
pytestmark = pytest.mark.filterwarnings("ignore:shape requires ndarray:DeprecationWarning")


# Each run compiles anew, so that the test command trains all programs and asks each one of these;
# ZOO_CORPUS=all asks all of all. A mistake is found by what is said of the program without it, so
# that those two ask the same programs.
TURNS = {
    "trains_under_objectives_offered": 0,
    "evaluates_or_is_refused_by_name": 1,
    "is_not_blamed": 1,
    "the_mistake_is_found": 1,
}


def corpus(test: str, programs: list[Program] = PROGRAMS) -> Any:
    """A case for each program; those that are known to fail say why."""
    known = KNOWN.get(test, {})
    assert set(known) <= {each.name for each in programs}
    if os.environ.get("ZOO_CORPUS") != "all" and test in TURNS:
        programs = [each for n, each in enumerate(programs) if n % 3 == TURNS[test]]
    cases = []
    for each in programs:
        marks = (
            [pytest.mark.xfail(strict=True, reason=known[each.name])] if each.name in known else []
        )
        cases.append(pytest.param(each, id=each.name, marks=marks))
    return pytest.mark.parametrize("program", cases)


def fitted(program: Program, **settings: Any) -> Any:
    usual = {
        "objective": program.loss(),
        "steps": program.steps,
        "seed": SEED,
        "optimizer": OPTIMIZER,
        "progress": False,
    }
    return fit(program.make(), program.batches(), **(usual | settings))


@functools.cache
def usual_run(name: str) -> Any:
    """The run that several tests look at."""
    return fitted(next(each for each in PROGRAMS if each.name == name))


def by_svi(program: Program) -> dict[str, np.ndarray]:
    """Parameters and networks' state after the steps of NumPyro's own loop.

    A step is compiled for batches that differ in their arrays alone; the rest it holds as it is.
    """
    use_in_funsor("jax", "numpyro")
    svi = SVI(*program.make(), OPTIMIZER, program.loss())
    batches = [jax.tree.flatten(on_device(batch)) for batch in program.batches()]
    args, kwargs = arguments(on_device(program.batches()[0]))
    state = svi.init(jax.random.PRNGKey(SEED), *args, **kwargs)
    updates: dict[str, Any] = {}
    for leaves, tree in itertools.islice(itertools.cycle(batches), program.steps):
        arrays = [leaf for leaf in leaves if isinstance(leaf, jax.Array)]
        rest = [None if isinstance(leaf, jax.Array) else leaf for leaf in leaves]
        update = updates.setdefault(f"{tree} {rest}", jax.jit(updating(svi, tree, rest)))
        state = update(state, arrays)
    return flatten({**svi.get_params(state), **(state.mutable_state or {})})


def updating(svi: SVI, tree: Any, rest: list[Any]) -> Any:
    def update(state: Any, arrays: list[Any]) -> Any:
        given = iter(arrays)
        leaves = [next(given) if leaf is None else leaf for leaf in rest]
        args, kwargs = arguments(jax.tree.unflatten(tree, leaves))
        return svi.update(state, *args, **kwargs)[0]

    return update


def on_device(batch: Any) -> Any:
    return jax.tree.map(lambda a: jnp.asarray(a) if isinstance(a, np.ndarray) else a, batch)


@functools.cache
def blamed(name: str, *, wrong: bool = False) -> dict[tuple[str, str | None], str]:
    """Errors of `check_pair`, with the mistake limits too: check and site to what is said."""
    program = next(each for each in PROGRAMS if each.name == name)
    args, kwargs = arguments(program.batches()[0])
    rows: Any = {} if program.whole is None else {"rows": len(program.whole()[0])}
    pair = program.make_wrong() if wrong else program.make()
    report = check_pair(pair, *args, **kwargs, **rows)
    found = [*report.failed, *(report.limits if wrong else ())]
    return {(finding.check, finding.site): str(finding) for finding in found}


@corpus("trains_as_upstream")
def test_trains_as_upstream(program):
    upstream = by_svi(program)
    ours = flatten(usual_run(program.name).pair.values)
    assert sorted(ours) == sorted(upstream)
    for name, value in upstream.items():
        np.testing.assert_allclose(ours[name], value, rtol=1e-6, atol=1e-6, err_msg=name)


def offered(program: Program) -> list[str]:
    """Of the objectives that fit the program the first, and another for each place in the corpus.

    So every objective meets several programs, and every program more than one objective.
    """
    args, kwargs = arguments(program.batches()[0])
    valid = valid_objectives(program.make(), *args, **kwargs).valid
    assert valid
    others = valid[1:]
    place = PROGRAMS.index(program)
    return [valid[0], *([others[place % len(others)]] if others else [])]


@corpus("trains_under_objectives_offered")
def test_trains_under_objectives_offered(program, losses):
    wrong = {}
    for name in offered(program):
        try:
            fitted(program, objective=OBJECTIVES[name])
        except Exception as error:  # to name all of them
            wrong[name] = f"{type(error).__name__}: {str(error).strip().splitlines()[0][:200]}"
            losses.parts.clear()
            continue
        worse = grown(losses.per_datum(), len(program.batches()))
        if worse and name not in PLAYING:
            wrong[name] = worse
    assert not wrong, "; ".join(f"{name}: {why}" for name, why in wrong.items())


def grown(losses: np.ndarray, batches: int) -> str:
    """Says so where the losses of the second half are above those of the first, beyond noise."""
    if not np.isfinite(losses).all():
        return f"losses are not finite: {losses}"
    passes = losses[: len(losses) // batches * batches].reshape(-1, batches).mean(1)
    first, last = np.array_split(passes, 2)
    noise = np.sqrt(first.var() / len(first) + last.var() / len(last))
    if last.mean() > first.mean() + 2 * noise:
        return f"the loss grew from {first.mean():.4g} to {last.mean():.4g}"
    return ""


@corpus("evaluates_or_is_refused_by_name")
def test_evaluates_or_is_refused_by_name(program):
    run = usual_run(program.name)
    try:
        estimate = log_likelihood(run.pair, program.batches()[0], num_particles=3)
    except (ObjectiveError, PairError) as refusal:
        named = re.search(r"'[\w.]+'|no plate|observes no site|argument", str(refusal))
    else:
        named = np.isfinite(estimate.per_datum).all()
    assert named


@corpus("resumes_bit_for_bit", [each for each in PROGRAMS if each.name in RESUMED])
def test_resumes_bit_for_bit(program, tmp_path):
    whole = usual_run(program.name)
    fitted(program, steps=7, out=tmp_path / "run")
    resumed = fitted(program, out=tmp_path / "run", resume=True)
    one, other = flatten(whole.pair.values), flatten(resumed.pair.values)
    assert list(one) == list(other)
    for name, array in one.items():
        assert array.tobytes() == other[name].tobytes(), name


@corpus("is_not_blamed")
def test_is_not_blamed(program):
    assert blamed(program.name) == {}


@corpus("the_mistake_is_found")
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_mistake_is_found(program):
    """By a finding that the program without the mistake does not have."""
    assert blamed(program.name, wrong=True).keys() - blamed(program.name).keys()


def test_the_corpus_is_whole():
    assert 40 <= len(PROGRAMS) == len({each.name for each in PROGRAMS})
    assert all(len(each.idea.splitlines()) == 1 and each.mistake for each in PROGRAMS)
    assert {each.name for each in PROGRAMS} >= RESUMED
