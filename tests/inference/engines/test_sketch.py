"""A look that works out no number says of a pair what running it says."""

from __future__ import annotations

import functools
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
import pytest
from jax import random
from numpyro.infer import SVI
from numpyro.optim import Adam
from rows import ROWS

from inference import ELBO, check_pair, fit, log_likelihood, to_arviz
from inference.engines.numpyro import inspection, sketch
from inference.engines.numpyro.sketch import only, sketched
from inference.program.structure import Structure
from ppl_models import create

# The last row of each model.
ZOO = {row.model: name for name, row in ROWS.items() if "numpyro" in row.engines}.values()


def look(
    both: Any, batch: tuple[Any, ...], kwargs: dict[str, Any] | None = None, *, values: bool
) -> Structure:
    arrays = tuple(jnp.asarray(a) if isinstance(a, np.ndarray) else a for a in batch)
    with pytest.MonkeyPatch.context() as patch:
        if values:
            patch.setattr(inspection, "sketched", lambda *_: None)
        model, guide = both
        return inspection.inspect(model, guide, arrays, kwargs or {})


def told(structure: Structure) -> Any:
    """What a structure says, with whether limits are known in place of the functions."""
    parts = [
        {name: replace(site, inside=None) for name, site in sites.items()}
        for sites in (structure.model, structure.guide)
    ]
    limits = [
        s.inside is None for part in (structure.model, structure.guide) for s in part.values()
    ]
    return replace(structure, model=parts[0], guide=parts[1]), *map(list, parts), limits


def assert_same_state(both: Any, batch: tuple[Any, ...]) -> None:
    """The first state of SVI, with nothing else worked out, is what running all of it gives."""
    model, guide = both
    svi, key = SVI(model, guide, Adam(0.1), ELBO()), random.PRNGKey(3)
    given = tuple(map(jnp.asarray, batch))
    one, other = only(svi.init, both, key, *given), svi.init(key, *given)
    assert one is not None
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for mine, theirs in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        assert jax.typeof(mine) == jax.typeof(theirs)
        np.testing.assert_array_equal(mine, theirs)


@pytest.mark.parametrize("name", ZOO)
def test_pairs_of_the_zoo(name: str) -> None:
    row = ROWS[name]
    pair = create(row.model, engine="numpyro", **row.hyperparameters)
    both = pair.model, pair.guide
    one, other = (look(both, row.batch(5), values=values) for values in (False, True))
    assert told(one) == told(other)
    assert_same_state(both, row.batch(5))


@pytest.fixture
def as_the_zoo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs of this file keep nothing."""
    monkeypatch.setattr(sketch, "keeps_nothing", lambda _: True)


@pytest.mark.usefixtures("as_the_zoo")
def test_what_a_run_works_out_of_its_data_stays_the_same() -> None:
    """Parameters that begin at draws and at the data, and what no output depends on."""

    def model(x: Any) -> None:
        start: Any = numpyro.sample("rate", dist.Gamma(2.0, 1.0)) + x.mean(0)
        mean: Any = numpyro.param("mean", start, constraint=dist.constraints.positive)
        with numpyro.plate("data", len(x)):
            z: Any = numpyro.sample("z", dist.Normal(0, 1))
            numpyro.sample("x", dist.Normal(mean + jnp.exp(z)[:, None], 1).to_event(1), obs=x)

    def guide(x: Any) -> None:
        scale: Any = numpyro.param("scale", lambda key: random.uniform(key, (2,)) + 0.5)
        numpyro.sample("rate", dist.Gamma(scale[0], scale[1]))
        with numpyro.plate("data", len(x)):
            numpyro.sample("z", dist.Normal(0, 1))

    x = np.random.default_rng(0).gamma(2.0, size=(5, 3)).astype(np.float32)
    assert_same_state((model, guide), (x,))


@pytest.mark.usefixtures("as_the_zoo")
def test_values_that_decide_are_worked_out() -> None:
    def branches(x: Any) -> None:
        law = dist.Normal(0, 1) if x.sum() > 0 else dist.Laplace(0, 1)
        with numpyro.plate("data", len(x)):
            numpyro.sample("x", law, obs=x)

    def limits(x: Any) -> None:
        with numpyro.plate("data", len(x)):
            numpyro.sample("x", dist.Uniform(0.0, 2 * x.max()), obs=x)

    def nothing(x: Any) -> None:
        del x

    x = jnp.arange(1.0, 4.0)
    for program in (branches, limits):
        assert sketched(program, nothing, (x,), lambda *_: True) is None
    assert look((branches, nothing), (x,), values=False).model["x"].support == "real"
    inside = look((limits, nothing), (x,), values=False).model["x"].inside
    assert inside is not None
    assert inside(np.array([5.0, 7.0])).tolist() == [True, False]


class InAnAttribute:
    """A mask of ones that is made when it is first asked for."""

    made: Any = None

    def __call__(self) -> Any:
        if self.made is None:
            self.made = jnp.tril(jnp.ones((3, 3)))
        return self.made


def in_a_cache() -> Any:
    return functools.lru_cache(lambda: jnp.tril(jnp.ones((3, 3))))


@pytest.mark.parametrize("keep", [InAnAttribute, in_a_cache])
@pytest.mark.parametrize(
    "ask",
    [
        lambda pair, x: fit(pair, x, steps=2, progress=False),
        log_likelihood,
        check_pair,
        to_arviz,
    ],
    ids=["fit", "log_likelihood", "check_pair", "to_arviz"],
)
def test_what_a_program_keeps_is_of_use_to_its_next_run(ask: Any, keep: Any) -> None:
    """Upstream runs it once before anything is compiled, so that such programs work there."""
    mask = keep()

    def model(x: Any) -> None:
        w: Any = numpyro.param("w", jnp.ones(3))
        with numpyro.plate("data", len(x)):
            z: Any = numpyro.sample("z", dist.Normal(jnp.zeros(3), 1).to_event(1))
            numpyro.sample("x", dist.Normal(z @ mask() * w, 1).to_event(1), obs=x)

    def guide(x: Any) -> None:
        s: Any = numpyro.param("s", jnp.ones(3))
        with numpyro.plate("data", len(x)):
            numpyro.sample("z", dist.Normal(x @ mask() * s, 1).to_event(1))

    x = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)
    found = ask((model, guide), x)
    assert not getattr(found, "failed", ())
    assert fit((model, guide), x, steps=2, progress=False).rows[-1]["step"] == 2
