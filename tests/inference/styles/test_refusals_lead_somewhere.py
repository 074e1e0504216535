"""A refusal names something that works: an objective that is not refused, or the library's own.

Over all programs of both corpora, and over pairs with global latents as somebody new writes them.
"""

from __future__ import annotations

import re
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import numpyro_corpus.registry
import pyro_corpus
import pytest
from numpyro.infer.autoguide import AutoNormal

from inference import ELBO, IWAE, fit, valid_objectives
from inference.errors import ObjectiveError
from inference.objectives.registry import kinds
from ppl_models import create

NAMES = {kind.__name__ for kind in kinds()[0].values()}
THEIRS = re.compile(r"\b(?:Trace|TraceEnum)_ELBO\(\)")
PROGRAMS = [
    *((each, pyro_corpus.arguments_of) for each in pyro_corpus.PROGRAMS),
    *((each, numpyro_corpus.registry.arguments) for each in numpyro_corpus.registry.PROGRAMS),
]
EVERY = 8  # of the corpora; the programs from which refusals went in circles are among them
CIRCLES = {"structured_crossed_effects", "annotators", "topics_of_a_list_of_documents"}


def named(refusal: str, asked: str) -> set[str]:
    """The objectives that a refusal tells its reader to use."""
    return ({*re.findall(r"\b([A-Z]\w+)\(", refusal)} & NAMES) - {asked}


def astray(refused: dict[str, str], valid: tuple[str, ...]) -> list[str]:
    """Refusals that name objectives of which none trains the pair, and nothing else."""
    return [
        f"{asked}: {why}"
        for asked, why in refused.items()
        if named(why, asked) and not named(why, asked) & {*valid} and not THEIRS.search(why)
    ]


def test_a_refusal_that_goes_in_circles_is_seen() -> None:
    refused = {"IWAE": "IWAE(1) does not. Use ELBO().", "ELBO": "It does not."}
    assert astray(refused, ("VIMCO",)) == ["IWAE: IWAE(1) does not. Use ELBO()."]
    assert astray(refused, ("ELBO",)) == []
    assert astray({"IWAE": "Use ELBO(), or the library's Trace_ELBO()."}, ()) == []


@pytest.mark.filterwarnings("ignore")
def test_refusals_of_the_corpus_name_what_works() -> None:
    chosen = [
        (program, arguments)
        for place, (program, arguments) in enumerate(PROGRAMS)
        if place % EVERY == 0 or program.name in CIRCLES
    ]
    found = {}
    for program, arguments in chosen:
        args, kwargs = arguments(program.batches()[0])
        validity = valid_objectives(program.make(), *args, **kwargs)
        if wrong := astray(validity.refused, validity.valid):
            found[program.name] = wrong
    assert found == {}
    assert len(chosen) > 10


def regression(x: Any, y: Any = None) -> None:
    """Bayesian regression whose plate does not know the size of the whole."""
    weights = numpyro.sample("weights", dist.Normal(0, 1).expand([2]).to_event(1))
    with numpyro.plate("data", len(x)):
        numpyro.sample("y", dist.Normal(x @ weights, 1), obs=y)


def test_discrete_and_continuous_latents_name_what_takes_the_other_kind() -> None:
    x = (np.random.default_rng(0).random((8, 6)) < 0.5).astype(np.float32)
    net = create("sigmoid_belief", engine="pyro", data_dim=6, latent_dims=(16,), seed=0)
    vae = create("vae", engine="pyro", data_dim=6, latent_dim=2, hidden=(4,), seed=0)
    for pair, asked in ((net, "IWAE DReG STL Renyi Enumerated"), (vae, "Concrete ARM Enumerated")):
        validity = valid_objectives(pair, x)
        for name in asked.split():
            assert named(validity.refused[name], name) & {*validity.valid}, validity.refused[name]


def test_a_global_latent_is_refused_with_what_fits() -> None:
    x = np.random.default_rng(0).normal(size=(12, 2)).astype(np.float32)
    pair = regression, AutoNormal(regression)
    with pytest.raises(ObjectiveError, match=r"Objectives that fit this pair: ELBO, ") as raised:
        fit(pair, (x, x[:, 0]), objective=IWAE(2), steps=1, progress=False)
    assert "none" not in str(raised.value)
    run = fit(pair, (x, x[:, 0]), objective=ELBO(), steps=2, batch_size=12, progress=False)
    assert run.step == 2


def test_totals_that_come_with_the_rows_are_dreamt_below_a_largest():
    counts = np.array([[1, 2, 3], [0, 1, 1], [4, 0, 1]], np.float32)

    def pair(largest: int | None) -> Any:
        def model(x: Any) -> None:
            with numpyro.plate("data", len(x)):
                z = numpyro.sample("z", dist.Normal(jnp.zeros(3), 1.0).to_event(1))
                totals = x.sum(-1).astype(int)
                law = dist.Multinomial(totals, logits=z, total_count_max=largest)
                numpyro.sample("x", law, obs=x)

        def guide(x: Any) -> None:
            a = numpyro.param("a", 0.1)
            with numpyro.plate("data", len(x)):
                numpyro.sample("z", dist.Normal(a * x, 1.0).to_event(1))

        return model, guide

    assert "total_count_max" in valid_objectives(pair(None), counts).refused["WakeSleep"]
    with pytest.raises(ObjectiveError, match="'x' from the model, but its totals"):
        fit(pair(None), counts, objective="wakesleep", steps=1, progress=False)
    assert "WakeSleep" in valid_objectives(pair(9), counts).valid
    assert fit(pair(9), counts, objective="wakesleep", steps=1, progress=False).step == 1
