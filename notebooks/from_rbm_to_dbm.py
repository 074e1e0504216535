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
# # From a restricted Boltzmann machine to a deep one
#
# A density that is known up to a constant is a pair like any other here: it is trained by `fit`,
# and its likelihood has three estimates, which check each other. Then a second machine learns the
# first one's codes, and the two become one deep model.

# %%
import numpy as np
import optax
from IPython.display import display

from inference import complete, figures, fit, log_likelihood, log_partition, stack, turn_over
from ppl_models import create
from ppl_models.datasets import load

data = load("digits", binarisation="threshold")
x, test = data.train, data.test
print(data.data_id("test"), x.shape)

# %% [markdown]
# ## A machine and its chains
#
# The gradient of the log-likelihood is that of log f at the data less its mean under the model.
# `CD(chains=100)` takes the latter from 100 chains that go on from step to step (persistent
# contrastive divergence). The value that it reports is a pseudo-likelihood, no bound: a way to see
# that learning goes on, not how good the model is.

# %%
told = {
    "objective": "cd:chains=100",
    "batch_size": 100,
    "optimizer": optax.sgd,
    "schedule": "cosine",
    "progress": False,
}
pair = create("rbm", data_dim=64, hidden_dim=16, data_mean=x.mean(0))
small = fit(pair, x, epochs=80, learning_rate=0.005, **told)
print(small.unit, small.rows[-1]["loss"])

# %%
figures.filters(small, count=16)

# %% [markdown]
# ## The likelihood by three methods
#
# With 16 hidden units the constant is a sum over 65,536 states. Annealed importance sampling
# estimates it by chains from units without connections; on average it finds too little of it, so
# that the likelihood is too high. RAISE leads chains from the data down and is too low. With more
# units only the two are left, and their distance says how far they can be trusted.

# %%
print(log_partition(small, "exact"))
some = test[:40]
for method in ("ais", "exact", "raise"):
    settings = {} if method == "exact" else {"num_temperatures": 500}
    chains = {"num_chains": 10} if method == "raise" else {}
    print(log_likelihood(small, some, method=method, **settings, **chains))

# %% [markdown]
# ## More units
#
# Filters become strokes. The free energies of training and test data should lie on each other;
# where those of the training data are much lower the machine has learnt them by heart.

# %%
pair = create("rbm", data_dim=64, hidden_dim=64, data_mean=x.mean(0))
lower = fit(pair, x, epochs=80, learning_rate=0.005, **told)
print(log_likelihood(lower, test, method="ais", num_temperatures=500))
figures.filters(lower, count=24)

# %%
figures.free_energies(lower, x, test, labels=("train", "test"))

# %% [markdown]
# ## Any part from any other
#
# The lower halves of some digits are given, and chains draw the upper ones: a directed model would
# need another guide for that. Data on the left, then three draws.

# %%
observed = np.arange(64) >= 32
noise = np.random.default_rng(0).random((8, 64)) < 0.5
begun = np.where(observed, test[:8], noise).astype("float32")
drawn = [complete(lower, begun, observed, steps=200, seed=seed) for seed in range(3)]
rows = np.stack([test[:8], *drawn], axis=1)
picture = figures.Picture(figsize=(4, 8), layout="constrained")
for place, axes in enumerate(picture.subplots(8, 4).flat):
    axes.imshow(rows[place // 4, place % 4].reshape(8, 8), cmap="gray")
    axes.set_axis_off()
display(picture)

# %% [markdown]
# ## Deeper
#
# The codes of data are draws of the hidden units. A second machine learns them; it begins as the
# first one turned over, so that the deep belief net of both begins as good as the first machine
# alone. `stack` puts them together, and with `kind="dbm"` it makes one undirected machine of them,
# in which each half has half a say.

# %%
codes = np.concatenate([lower.encode(x, seed=seed) for seed in range(3)])
upper = turn_over(lower, hidden_dim=100, data_mean=codes.mean(0))
upper = fit(upper, codes, epochs=20, learning_rate=0.002, **told)
net = stack([lower, upper], kind="dbn")
print("belief net: ", log_likelihood(net, test, 1, method="ais", num_temperatures=500))

# %% [markdown]
# The bound is that of one draw of the guide. Now all layers learn together: the deep Boltzmann
# machine by data at its mean-field guide and persistent chains.

# %%
machine = stack([lower, upper], kind="dbm", sweeps=5)
deep = fit(machine, x, epochs=40, learning_rate=0.004, **told)
print("machine:    ", log_likelihood(deep, test, 1, method="ais", num_temperatures=500))

# %%
figures.chains(deep, rows=6, steps=(0, 1, 3, 10, 30, 100))
