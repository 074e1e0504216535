"""Gibbs sampling against enumeration, on both engines.

Data are one row many times over, so that the last sweep has as many independent draws of its
posterior; a chi-square test then has a false-failure rate of 1e-6.
"""

from __future__ import annotations

import itertools
from typing import Any

import jax.numpy as jnp
import numpy as np
import numpyro
import pyro
import pytest
import tiny_belief_net as tbn
import torch
from numpy.typing import NDArray
from scipy.special import logsumexp, softmax
from scipy.stats import chi2, norm

from inference import NUTS, RWS, Gibbs, compare, posterior_error
from inference.errors import ArgumentError, ObjectiveError
from ppl_models import create

LIBRARY: dict[str, Any] = {"pyro": pyro, "numpyro": numpyro}
GIVEN: dict[str, Any] = {"pyro": torch.tensor, "numpyro": jnp.asarray}
ENGINES = ("pyro", "numpyro")
COPIES, RATE = 1500, 1e-6


def last(posterior: Any, site: str) -> NDArray[Any]:
    """The last draw of each chain, (chains * N, *event)."""
    draws = posterior.draws[site][:, -1]
    return draws.reshape(-1, *draws.shape[2:])


def follows(found: NDArray[Any], law: NDArray[Any]) -> bool:
    """Whether the numbers of states are draws from a law, by chi-square at 1e-6."""
    counts = np.bincount(found.reshape(-1).astype(int), minlength=len(law))
    expected = law * counts.sum()
    assert expected.min() > 4
    return bool(((counts - expected) ** 2 / expected).sum() < chi2.isf(RATE, len(law) - 1))


@pytest.mark.parametrize("engine", ENGINES)
def test_binary_latents_follow_the_posterior(engine: str) -> None:
    """2 chains of 1,500 copies of a row, 2^3 states; those of another row fail."""
    values = tbn.parameters(hidden=3)
    pair, x = tbn.pair(engine, values), tbn.data(2)
    sampler = Gibbs(num_warmup=20, num_samples=4)
    found = sampler.sample(pair, x[:1].repeat(COPIES, 0), seed=1)
    assert found.draws["b"].shape == (2, 4, COPIES, 3)
    assert found.engine == engine
    states = np.array(list(itertools.product([0.0, 1.0], repeat=3)))
    logits = states @ values["weight"].T + values["bias"]
    prior = (states * values["prior"] - np.logaddexp(0, values["prior"])).sum(1)
    each = [(row * logits - np.logaddexp(0, logits)).sum(1) for row in x]
    laws = [softmax(prior + given) for given in each]
    numbers = last(found, "b") @ [4, 2, 1]
    assert follows(numbers, laws[0])
    assert not follows(numbers, laws[1])  # the planted mistake
    index = (found.draws["b"] @ np.array([4.0, 2.0, 1.0], found.draws["b"].dtype)).astype(int)
    joint = (prior + each[0])[index].sum(-1)
    np.testing.assert_allclose(found.statistics["energy"], -joint, rtol=1e-4)
    assert (found.statistics["n_steps"] == 3).all()
    assert found.divergences == 0


@pytest.mark.parametrize("engine", ENGINES)
def test_categories_chains_and_one_hot_rows(engine: str) -> None:
    """A mixture's class; and the result is that of `NUTS` in every respect."""
    mixture: Any = create("mixture", engine=engine, data_dim=2, components=3, seed=1)
    x = np.array([[0.4, -0.7]], np.float32).repeat(COPIES, 0)
    found = Gibbs(num_warmup=1, num_samples=4).sample(mixture, x)
    given = mixture.posterior(torch.tensor(x[:1]) if engine == "pyro" else x[:1])
    law = np.asarray(given.probs.detach() if engine == "pyro" else given.probs)[0]
    assert follows(last(found, "z"), law)
    few = Gibbs(num_warmup=1, num_samples=40).sample(mixture, x[:5])
    assert few.held
    assert few.r_hat["z"].shape == (5,)
    assert "R-hat up to" in repr(few)
    assert len(few.summary()) == 5
    data: Any = few.to_arviz()
    assert data.log_likelihood["x"].shape == (2, 40, 5)
    assert data.posterior.attrs["engine"] == engine


@pytest.mark.parametrize("engine", ENGINES)
def test_latents_that_data_share(engine: str) -> None:
    """A shared class, a shared one-hot row and a count, and a bit for each of two data.

    2 chains of 250 sweeps; the means of seven indicators at 6 standard errors of 60 draws, which is
    less than they are worth: a false-failure rate of 1e-7.
    """
    w, (d, count) = LIBRARY[engine], laws_of(engine)
    seen = np.array([0.3, 1.9], np.float32)
    levels, tilts = [0.0, 0.7, 1.5], [-0.4, 0.4]
    given = GIVEN[engine]

    def model(x: Any) -> None:
        k = w.sample("k", d.Categorical(probs=given([0.5, 0.3, 0.2])))
        row = w.sample("row", count(given([0.4, 0.6])))
        n = w.sample("n", d.Binomial(2, probs=given(0.3)))
        with w.plate("data", len(x)):
            b = w.sample("b", d.Bernoulli(given(0.5)))
            mean = given(levels)[k] + (row * given(tilts)).sum(-1) + 0.5 * n + b
            w.sample("x", d.Normal(mean, given(0.8)), obs=x)

    found = Gibbs(num_warmup=30, num_samples=250).sample(model, seen, seed=3, engine=engine)
    every = []
    for k, r, n, *b in itertools.product(range(3), range(2), range(3), *[(0, 1)] * 2):
        mean = levels[k] + tilts[r] + 0.5 * n + np.array(b)
        prior = [0.5, 0.3, 0.2][k] * [0.4, 0.6][r] * [0.49, 0.42, 0.09][n] * 0.5**2
        every.append((np.log(prior) + norm.logpdf(seen, mean, 0.8).sum(), k, r, n, *b))
    table = np.array(every)
    weight = np.exp(table[:, 0] - logsumexp(table[:, 0]))
    truth = {"k": table[:, 1], "row": table[:, 2], "n": table[:, 3], "b": table[:, 4:].T}
    total = {
        "k": found.draws["k"],
        "row": found.draws["row"][..., 1],
        "n": found.draws["n"],
        "b": np.moveaxis(found.draws["b"], -1, 0),
    }
    for name, values in truth.items():
        for state in (1,) if name in ("row", "b") else (1, 2):
            chances = ((np.asarray(values) == state) * weight).sum(-1)
            hits = np.reshape(total[name] == state, (-1, 2 * 250))
            spread = np.sqrt(chances * (1 - chances) / 60)
            assert (abs(hits.mean(1) - chances) < 6 * spread).all()
    assert min(float(np.min(found.ess[n])) for n in ("k", "n", "b")) > 60


def laws_of(engine: str) -> tuple[Any, Any]:
    """The library's distributions, and its law of one-hot rows."""
    if engine == "pyro":
        import pyro.distributions as d

        return d, lambda probs: d.OneHotCategorical(probs)
    import numpyro.distributions as d

    return d, lambda probs: d.Multinomial(1, probs)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_prior_up_to_a_constant(engine: str) -> None:
    """A latent whose prior is an RBM, as of a deep belief net: its constant cancels."""
    w = LIBRARY[engine]
    d, _ = laws_of(engine)
    values = tbn.parameters(hidden=3)
    rng = np.random.default_rng(5)
    weight, bias, up = (rng.normal(size=s).astype(np.float32) for s in ((3, 2), 3, 2))
    given = GIVEN[engine]
    if engine == "pyro":
        from ppl_models.networks.energies.restricted_machine import RestrictedBoltzmann
    else:
        from ppl_models.networks.energies.restricted_machine_numpyro import RestrictedBoltzmann
    law = RestrictedBoltzmann(given(weight), given(bias), given(up), burn_in=3)
    emission = np.asarray(0.4 * values["weight"], np.float32)

    def model(x: Any) -> None:
        with w.plate("data", len(x)):
            h = w.sample("h", law)
            w.sample("x", d.Bernoulli(logits=h @ given(emission.T)).to_event(1), obs=x)

    x = tbn.data(1).astype(np.float32)
    found = Gibbs(num_warmup=20, num_samples=4).sample(
        model, x.repeat(COPIES, 0), seed=2, engine=engine
    )
    states = np.array(list(itertools.product([0.0, 1.0], repeat=3)))
    prior = states @ bias + np.logaddexp(0, up + states @ weight).sum(1)
    logits = states @ emission.T
    law_of = softmax(prior + (x * logits - np.logaddexp(0, logits)).sum(1))
    assert follows(last(found, "h") @ [4, 2, 1], law_of)


def test_refusals_name_the_latent() -> None:
    import numpyro.distributions as d

    def real(x: Any) -> None:
        with numpyro.plate("data", len(x)):
            z = numpyro.sample("z", d.Normal(0, 1))
            numpyro.sample("x", d.Normal(z, 1), obs=x)

    def counted(x: Any) -> None:
        with numpyro.plate("data", len(x)):
            z = numpyro.sample("n", d.Poisson(2.0))
            numpyro.sample("x", d.Normal(z, 1), obs=x)

    def many(x: Any) -> None:
        with numpyro.plate("data", len(x)):
            z = numpyro.sample("m", d.Binomial(300, 0.1))
            numpyro.sample("x", d.Normal(z, 1), obs=x)

    def stuck(x: Any) -> None:
        with numpyro.plate("data", len(x)):
            z: Any = numpyro.sample("z", d.Bernoulli(0.5).expand([2]).to_event(1))
            numpyro.factor("never", -jnp.inf * (z.sum(-1) < 5))
            numpyro.sample("x", d.Normal(z.sum(-1), 1), obs=x)

    x = np.zeros(2, np.float32)
    cases = (
        (real, r"finitely many states, but those of latent 'z' \(support real\)"),
        (counted, "latent 'n'"),
        (many, "latent 'm' has 301 where 256 are the most"),
        (stuck, "2 of 2 chains were at latents with joint density zero"),
    )
    for model, words in cases:
        with pytest.raises(ObjectiveError, match=words):
            Gibbs(num_warmup=1, num_samples=4).sample(model, x, engine="numpyro")
    with pytest.raises(ObjectiveError, match="Gibbs draws latents, and this model has none"):
        Gibbs().sample(
            create("rbm", engine="numpyro", data_dim=3, hidden_dim=2), x.reshape(1, 2)[:, [0, 1, 1]]
        )
    with pytest.raises(ArgumentError, match="num_chains must be a whole number of at least 2"):
        Gibbs(num_chains=1)


def test_beside_guides(tmp_path: Any) -> None:
    """In `compare`, and as the reference of `posterior_error`."""
    pair, x = tbn.pair("numpyro", tbn.parameters(hidden=3)), tbn.data(6).astype(np.float32)
    sampler = Gibbs(num_warmup=5, num_samples=40)
    error = posterior_error(pair, sampler.sample(pair, x))
    assert error.wasserstein > 0
    belief = {
        "net": create("sigmoid_belief", engine="numpyro", data_dim=x.shape[1], latent_dims=[3])
    }
    found: Any = compare(
        belief,
        {"Gibbs": sampler, "RWS": RWS(2)},
        x,
        test=x,
        budget={"steps": 5},
        batch_size=6,
        out=tmp_path / "c",
    )
    assert found.chains("net", "Gibbs").draws
    assert isinstance(sampler, Gibbs)
    assert not isinstance(sampler, NUTS)
