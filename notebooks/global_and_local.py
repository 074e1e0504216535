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
# # Global and local
#
# The weights of a regression belong to all data, the class of a point to that point. The first is a
# *global* latent and lies outside of the data's plate, the second is *local* and lies inside. What
# that changes: how minibatches are weighed, and which objectives are left. Half a minute.

# %% [markdown]
# ## A regression, whose answer is known
#
# 400 points, two weights with a normal prior, noise of a known size: the posterior is a normal that
# can be written down, which is what everything below is held against.

# %%
import textwrap

import jax.numpy as jnp
import numpy as np
import numpyro
import numpyro.distributions as dist
from numpyro import handlers
from numpyro.infer.autoguide import AutoNormal

from inference import (
    ELBO,
    IWAE,
    NUTS,
    Enumerated,
    PairError,
    ZooError,
    fit,
    posterior_error,
    valid_objectives,
)

N, NOISE = 400, 1.5
rng = np.random.default_rng(0)
x = rng.normal(size=(N, 2)).astype(np.float32)
y = (x @ [0.8, -0.5] + NOISE * rng.normal(size=N)).astype(np.float32)

precision = x.T @ x / NOISE**2 + np.eye(2)
exact_mean = np.linalg.solve(precision, x.T @ y / NOISE**2)
exact_sd = np.sqrt(
    1 / np.diag(precision)
)  # of each weight, given the other: what AutoNormal can say


def wrapped(text):
    return textwrap.fill(str(text), 96, subsequent_indent="    ", break_on_hyphens=False)


# %% [markdown]
# The plate says how many data there are, not how many come at a time. So the prior of the weights
# counts once, and the likelihood of a minibatch as often as the whole is larger.


# %%
def regression(x, y=None):
    weights = numpyro.sample("weights", dist.Normal(jnp.zeros(2), 1.0).to_event(1))
    with numpyro.plate("data", N, subsample_size=len(x)):
        numpyro.sample("y", dist.Normal(x @ weights, NOISE), obs=y)


pair = regression, AutoNormal(regression, init_scale=0.1)
run = fit(
    pair,
    (x, y),
    objective=ELBO(num_particles=5),
    steps=3000,
    batch_size=40,
    learning_rate=1e-2,
    schedule="cosine",
    progress=False,
)
list(run.parameters)


# %%
def scales(run):
    return np.asarray(run.parameters["weights_auto_scale"])


print("exact deviation:", exact_sd.round(3))
print("guide's        :", scales(run).round(3))
print("exact mean     :", exact_mean.round(3))
print("guide's        :", np.asarray(run.parameters["weights_auto_loc"]).round(3))

# %% [markdown]
# ## The plate's size
#
# With a plate of the minibatch's own size 40 points would count as if they were all. `fit` sees
# that and refuses; the sentence says what to write.


# %%
def of_the_batch(x, y=None):
    weights = numpyro.sample("weights", dist.Normal(jnp.zeros(2), 1.0).to_event(1))
    with numpyro.plate("data", len(x)):
        numpyro.sample("y", dist.Normal(x @ weights, NOISE), obs=y)


try:
    fit((of_the_batch, AutoNormal(of_the_batch)), (x, y), steps=1, batch_size=40, progress=False)
except PairError as error:
    print(wrapped(error))

# %% [markdown]
# NumPyro's own `SVI` trains it without a word. The weights come out sqrt(10) times as uncertain,
# because each step believes that there are 40 points.

# %%
import jax
from jax import random
from numpyro.infer import SVI, Trace_ELBO

svi = SVI(of_the_batch, AutoNormal(of_the_batch, init_scale=0.1), numpyro.optim.Adam(1e-2),
          Trace_ELBO(num_particles=5))  # fmt: skip
state = svi.init(random.PRNGKey(0), x[:40], y[:40])
update = jax.jit(svi.update)
for _ in range(600):
    rows = rng.integers(N, size=40)
    state, _ = update(state, x[rows], y[rows])
wrong = np.asarray(svi.get_params(state)["weights_auto_scale"])
print("too wide by", (wrong / exact_sd).round(1))

# %% [markdown]
# ## Which objectives are left
#
# `IWAE` weighs draws *per datum*, and here nothing belongs to a datum. It says so, and what fits.

# %%
try:
    fit(pair, (x, y), objective=IWAE(num_particles=5), steps=1, batch_size=40, progress=False)
except ZooError as error:
    print(wrapped(error))
print(wrapped(f"valid: {', '.join(valid_objectives(pair, x[:10], y[:10]).valid)}"))

# %% [markdown]
# ## Chains beside it
#
# Few global latents have an exact reference on the same rows: the no-U-turn sampler. It sees all
# data at once, so the plate is full. `posterior_error` measures in deviations of the chains, and
# what sampling alone would make of it stands beside.

# %%
chains = NUTS(num_samples=500).sample(pair, (x, y))
print("converged:", chains.converged(), "with R-hat", chains.r_hat["weights"].round(3))
error = posterior_error(run, chains)
error.table.round(1)

# %% [markdown]
# ## Local beside global
#
# A mixture of three normals: centres and shares are global, the class of each point is local and
# discrete. The guide proposes the globals alone; `Enumerated` sums over the classes, exactly, given
# one draw of the globals. Minibatches again, so the plate knows N.

# %%
centres = np.array([-3.0, 0.0, 4.0], np.float32)
points = (centres[rng.choice(3, N, p=[0.5, 0.2, 0.3])] + rng.normal(size=N)).astype(np.float32)


def mixture(points):
    share = numpyro.sample("share", dist.Dirichlet(jnp.ones(3)))
    centre = numpyro.sample("centre", dist.Normal(jnp.array([-2.0, 0.0, 2.0]), 2.0).to_event(1))
    with numpyro.plate("data", N, subsample_size=len(points)):
        k = numpyro.sample("k", dist.Categorical(share), infer={"enumerate": "parallel"})
        numpyro.sample("x", dist.Normal(centre[k], 1.0), obs=points)


def globals_alone(points):
    return handlers.block(mixture, hide=["k"])(points)


of_classes = mixture, AutoNormal(globals_alone, init_scale=0.1)
summed = fit(
    of_classes,
    points,
    objective=Enumerated(),
    steps=2000,
    batch_size=40,
    learning_rate=2e-2,
    schedule="cosine",
    progress=False,
)
found = np.asarray(summed.parameters["centre_auto_loc"])
width = np.asarray(summed.parameters["centre_auto_scale"])
order = np.argsort(found)  # which class is called the first is nobody's decision
for true, mean, sd in zip(centres, found[order], width[order], strict=True):
    print(f"centre {true:4.1f}: {mean:5.2f} ± {sd:.2f}")

# %% [markdown]
# The same objective trains a mixture that has a guide for its classes, and what it is not valid for
# it refuses by name. `docs/global_latents.md` has the rules in one page.
