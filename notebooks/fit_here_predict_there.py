# ---
# jupyter:
#   jupytext:
#     formats: py:percent,ipynb
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Fit here, predict there
#
# A fitted pair *is* a program of its library. `fit` takes a model and a guide as they are, and what
# it returns goes back to `pyro.infer.Predictive`, `numpyro.infer.Predictive` and the libraries'
# other functions as it is. Nothing is converted on the way.

# %% [markdown]
# ## Pyro
#
# Waiting times in six clinics, some of which were visited twice only. Clinics differ; how much is a
# latent too.

# %%
import numpy as np
import pyro
import pyro.distributions as dist
import torch
from pyro.infer import Predictive, Trace_ELBO
from pyro.infer.autoguide import AutoNormal

from inference import RLOO, check_pair, fit

rng = np.random.default_rng(0)
counts = [2, 30, 12, 2, 25, 8]
clinic = torch.tensor(np.repeat(np.arange(6), counts))
levels = np.array([3.4, 2.8, 3.1, 2.6, 3.0, 3.3], np.float32)
minutes = torch.tensor(np.exp(levels[clinic] + 0.4 * rng.normal(size=len(clinic))).astype("f4"))


def waiting(clinic, minutes=None):
    typical = pyro.sample("typical", dist.Normal(3.0, 1.0))
    differ = pyro.sample("differ", dist.HalfNormal(0.5))
    with pyro.plate("clinics", 6):
        level = pyro.sample("level", dist.Normal(typical, differ))
    with pyro.plate("visits", len(clinic)):
        return pyro.sample("minutes", dist.LogNormal(level[..., clinic], 0.4), obs=minutes)


guide = AutoNormal(waiting, init_scale=0.1)
report = check_pair((waiting, guide), clinic, minutes)
print("errors:", report.failed)
print(*report.notes, sep="\n")

# %% [markdown]
# No error, and a note about minibatches, of which there are none here: one batch of all rows, given
# as a list, is what each step sees. The loss is the library's own.

# %%
optimizer = pyro.optim.Adam({"lr": 0.05})
run = fit(
    (waiting, guide),
    [(clinic, minutes)],
    objective=Trace_ELBO(),
    optimizer=optimizer,
    steps=200,
    progress=False,
)
run.history.tail(1)

# %% [markdown]
# `run.params` is a state of Pyro's store. Inside of its scope the very functions that were written
# above have the fitted values, and the store of whoever runs this stays as it was.

# %%
with pyro.get_param_store().scope(run.params):
    pyro.set_rng_seed(1)
    predict = Predictive(waiting, guide=guide, num_samples=300)
    drawn = predict(torch.arange(6))  # one visit to each clinic to come
low, middle, high = np.quantile(drawn["minutes"].reshape(-1, 6), [0.1, 0.5, 0.9], axis=0)
for place, (a, b, c) in enumerate(zip(low, middle, high, strict=True)):
    print(f"clinic {place}, {counts[place]:2d} visits: {b:4.1f} minutes, {a:4.1f} to {c:4.1f}")

# %% [markdown]
# The pair of a run needs no scope, because it brings its values along:

# %%
pyro.set_rng_seed(1)
again = Predictive(run.pair.model, guide=run.pair.guide, num_samples=300)(torch.arange(6))
print("the same draws:", torch.equal(again["minutes"], drawn["minutes"]))
print("left in the global store:", list(pyro.get_param_store()))

# %% [markdown]
# ## NumPyro
#
# Does a passenger come back, given two measurements? A logistic regression, in minibatches of 50 of
# 400. Its weights belong to all rows, so that the plate says how many there are in all.

# %%
import jax
import jax.numpy as jnp
import numpyro
import numpyro.distributions as ndist
from numpyro.infer import Predictive as NumPyroPredictive
from numpyro.infer import log_likelihood
from numpyro.infer.autoguide import AutoMultivariateNormal

x = rng.normal(size=(500, 2)).astype(np.float32)
truth = np.array([1.5, -1.0], np.float32)
y = (rng.random(500) < 1 / (1 + np.exp(-(x @ truth) - 0.5))).astype(np.int32)
kept, later = (x[:400], y[:400]), (x[400:], y[400:])


def comes_back(x, y=None, total=None):
    b = numpyro.sample("b", ndist.Normal(0, 2).expand([2]).to_event(1))
    at = numpyro.sample("at", ndist.Normal(0, 2))
    with numpyro.plate("passengers", total or len(x), subsample_size=len(x)):
        numpyro.sample("y", ndist.Bernoulli(logits=x @ b + at), obs=y)


posterior = AutoMultivariateNormal(comes_back)
run = fit(
    (comes_back, posterior),
    (*kept, len(kept[0])),  # arrays are cut into rows; the number is handed on as it is
    objective=RLOO(num_particles=4),
    batch_size=50,
    steps=500,
    learning_rate=0.02,
    progress=False,
)

# %% [markdown]
# `run.params` is the dictionary that `svi.get_params(state)` would have been. Everything that takes
# one takes it: the guide's own draws, predictive draws, and the log-likelihood of each row at each
# draw.

# %%
draws = posterior.sample_posterior(jax.random.key(0), run.params, sample_shape=(1000,))
for name, value in draws.items():
    mean, deviation = np.asarray(value.mean(0), float), np.asarray(value.std(0), float)
    print(name, mean.round(2), "+-", deviation.round(2))

predict = NumPyroPredictive(
    comes_back, guide=posterior, params=run.params, num_samples=1000, return_sites=["y"]
)
share = predict(jax.random.key(1), later[0])["y"].mean(0)
print(f"right about {(np.round(share) == later[1]).mean():.0%} of those left out")

pointwise = log_likelihood(comes_back, draws, *later)["y"]  # one row for each draw
each = jax.nn.logsumexp(pointwise, axis=0) - jnp.log(len(pointwise))
print(f"log predictive density {each.mean():.3f} nats per passenger")
