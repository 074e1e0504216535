"""Programs in other people's styles: no false alarm, `explain`'s numbers, and `compare`."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pyro
import pytest
import torch
from jax import random
from numpyro.handlers import seed
from numpyro.infer.util import log_density
from pyro import poutine
from rows import ROWS

from inference import check_pair, compare, explain
from inference.checking.context import Context
from inference.engines.numpyro.pairs import evaluating as evaluating_numpyro
from inference.engines.pyro.handlers import Steer
from inference.engines.pyro.pairs import evaluating as evaluating_pyro
from ppl_models import create
from tests.inference.styles import numpyro_styles, pyro_styles

# Of each way in which NumPyro's programs differ from each other one, since each takes seconds.
ON_NUMPYRO = ("nnx_vae", "prod_lda", "deep_markov", "mixture")
STYLES = [
    *((pyro_styles, style.__name__) for style in pyro_styles.STYLES),
    *((numpyro_styles, name) for name in ON_NUMPYRO),
]
ZOO = [
    *(("pyro", name) for name, row in ROWS.items() if "pyro" in row.engines),
    ("numpyro", "semi-supervised-vae"),
]


def built(module: Any, name: str) -> tuple[Any, list[tuple[Any, ...]]]:
    """The pair, and the batches of its first steps."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        pair, data, _ = getattr(module, name)()
    return pair, data if isinstance(data, list) else [data]


def in_words(value: Any) -> str:
    return value if isinstance(value, str) else value.__name__.split(".")[-1]


# What stands in the fixtures is right, so that every finding would be a false alarm.
@pytest.mark.parametrize(("module", "name"), STYLES, ids=in_words)
def test_style_has_no_mistake(module, name):
    pair, batches = built(module, name)
    for batch in batches:
        report = check_pair(pair, *batch)
        assert not report.failed, report
        assert len(report.passed) >= 40
    again = check_pair(pair, *batches[0], checks=["guide-runs"])
    assert not again.failed, "the pair stays as it is"


def sums(context: Context) -> dict[str, float]:
    """log p at the guide's draws, and log q, as the library itself adds them up."""
    libraries = {"pyro": sums_of_pyro, "numpyro": sums_of_numpyro}
    return libraries[context.engine](context)


def sums_of_pyro(context: Context) -> dict[str, float]:
    held = {name: torch.tensor(value) for name, value in context.latents.items()}
    batch = [torch.tensor(a) if isinstance(a, np.ndarray) else a for a in context.batch]
    probe: Any = context.probe  # the engine's own, of which more is known than of every probe
    pair = probe.pair
    programs = {"log_p": poutine.condition(pair.model, held), "log_q": pair.guide}
    rows = Steer(values=probe._chosen)  # that the guide's plates chose, as in a step
    found = {}
    for name, program in programs.items():
        with pair.scope(), evaluating_pyro(pair), torch.random.fork_rng(), torch.no_grad():
            torch.manual_seed(0)
            with pyro.validation_enabled(is_validate=False), rows:
                found[name] = float(poutine.trace(program).get_trace(*batch).log_prob_sum())
    return found


def sums_of_numpyro(context: Context) -> dict[str, float]:
    probe: Any = context.probe
    held = jax.tree.map(jnp.asarray, {**probe.values, **context.latents})
    with evaluating_numpyro(context.pair):
        return {
            name: float(
                jax.jit(
                    lambda program=program: log_density(
                        seed(program, random.PRNGKey(0)), context.batch, {}, held
                    )[0]
                )()
            )
            for name, program in zip(("log_p", "log_q"), probe.functions, strict=True)
        }


def assert_sums(pair: Any, batch: tuple[Any, ...]) -> None:
    table = explain(pair, *batch)
    context = Context(pair, batch)
    _ = context.model, context.guide
    for column, expected in sums(context).items():
        terms = table[column].dropna()
        assert np.isclose(terms.sum(), expected, rtol=1e-5, atol=1e-4 * len(terms)), column


@pytest.mark.parametrize(("engine", "name"), ZOO)
def test_explain_has_the_librarys_densities_on_the_zoo(engine, name):
    row = ROWS[name]
    pair = create(row.model, engine=engine, seed=0, **row.hyperparameters)
    assert_sums(pair, row.batch(5))


@pytest.mark.parametrize(
    ("module", "name"),
    [each for each in STYLES if each[0] is pyro_styles or each[1] == "deep_markov"],
    ids=in_words,
)
def test_explain_has_the_librarys_densities_on_styles(module, name):
    pair, batches = built(module, name)
    assert_sums(pair, batches[0])


def test_compare_takes_styles_of_both_engines(tmp_path):
    styles = [
        (pyro_styles, "vae_of_methods"),
        (pyro_styles, "vae_of_a_class"),
        (numpyro_styles, "flax_vae"),
        (numpyro_styles, "equinox_vae"),
    ]
    metric = "log_likelihood:num_particles=5"
    found = compare(
        {f"{in_words(module)} {name}": built(module, name)[0] for module, name in styles},
        {"ELBO": "elbo"},
        pyro_styles.BINARY,
        test=pyro_styles.BINARY,
        budget={"steps": 2},
        metrics=(metric,),
        out=tmp_path,
        progress=False,
    )
    assert not any(found.frame["why"]), found.frame["why"]
    assert len(found.frame) == len(styles)
    assert np.isfinite(found.frame[metric].astype(float)).all()
