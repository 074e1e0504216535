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
# # A first pair
#
# A model and a guide of one's own: write them, check them before anything is trained, break them
# in three ways that happen to everybody, fit them, and ask which of two objectives trains them
# better. It takes about a minute.

# %% [markdown]
# ## Write
#
# A pair is two functions. `model(x)` scores the rows of `x` in a plate; called without data it
# draws `size` rows, and in both cases it returns the likelihood's mean. `guide(x)` proposes every
# latent of the model. Here eight Gaussian latents explain 64 pixels, black or white.

# %%
import textwrap

import jax.numpy as jnp
import numpyro
import numpyro.distributions as dist
from flax import nnx
from numpyro.contrib.module import nnx_module

from inference import ELBO, IWAE, check_pair, compare, explain, figures, fit, log_likelihood
from ppl_models.datasets import load


def network(*sizes, seed):
    first, hidden, last = sizes
    rngs = nnx.Rngs(seed)
    return nnx.Sequential(
        nnx.Linear(first, hidden, rngs=rngs), nnx.tanh, nnx.Linear(hidden, last, rngs=rngs)
    )


encoder_net, decoder_net = network(64, 64, 16, seed=0), network(8, 64, 64, seed=1)


def model(x=None, *, size=1):
    decoder = nnx_module("decoder", decoder_net)
    with numpyro.plate("data", size if x is None else len(x)):
        z = numpyro.sample("z", dist.Normal(jnp.zeros(8), 1.0).to_event(1))
        logits = decoder(z)
        numpyro.sample("x", dist.Bernoulli(logits=logits).to_event(1), obs=x)
    return nnx.sigmoid(logits)


def guide(x):
    encoder = nnx_module("encoder", encoder_net)
    with numpyro.plate("data", len(x)):
        mean, log_scale = jnp.split(encoder(x), 2, axis=-1)
        numpyro.sample("z", dist.Normal(mean, jnp.exp(log_scale)).to_event(1))


pair = (model, guide)

# %% [markdown]
# ## Check
#
# `check_pair` wants a few rows of data, best a number that is no other dimension of the pair. It
# runs model and guide on them in many ways: the rows in another order, alone, twice; in double
# precision; gradients against finite differences; data drawn from the model and scored again.

# %%
data = load("digits", binarisation="threshold")
x = data.train[:7]


def wrapped(text):
    return textwrap.fill(str(text), 100, subsequent_indent="    ", break_on_hyphens=False)


def show(report):
    for finding in report.failed:
        print(wrapped(finding), end="\n\n")
    print(f"{len(report.passed)} passed, {len(report.failed)} failed")


report = check_pair(pair, x)
print(wrapped("passed: " + ", ".join(finding.check for finding in report.passed)))
for finding in report.skipped:
    print(wrapped(finding))

# %% [markdown]
# What was skipped has no meaning for this pair, and says why; `print(report)` has a line for
# each check. `explain` shows the sites as the library sees them, with batch | event shapes.

# %%
explain(pair, x).round(1)

# %% [markdown]
# ## Break
#
# The model shall also explain how much ink an image has, one number per image. `head` returns a
# column, `(N, 1)`, so `.to_event(1)` looks right. But the ink is a row, `(N,)`, and each image is
# compared with the ink of all. The shapes of the result betray nothing: `(N,)` as it should be.

# %%
head_net = nnx.Linear(8, 1, rngs=nnx.Rngs(2))


def model_of_ink(x=None, *, size=1):
    decoder, head = nnx_module("decoder", decoder_net), nnx_module("head", head_net)
    with numpyro.plate("data", size if x is None else len(x)):
        z = numpyro.sample("z", dist.Normal(jnp.zeros(8), 1.0).to_event(1))
        numpyro.sample("x", dist.Bernoulli(logits=decoder(z)).to_event(1), obs=x)
        ink = None if x is None else x.mean(-1)
        numpyro.sample("ink", dist.Normal(head(z), 0.1).to_event(1), obs=ink)
    return nnx.sigmoid(decoder(z))


show(check_pair((model_of_ink, guide), x))

# %% [markdown]
# The first finding names the line and the cause; the others are what follows from it. NumPyro's
# own `SVI` trains such a pair without a word, and its loss falls as one would like it to.

# %%
from jax import random
from numpyro.infer import SVI, Trace_ELBO
from numpyro.optim import Adam

svi = SVI(model_of_ink, guide, Adam(1e-3), Trace_ELBO())
losses = svi.run(random.PRNGKey(0), 300, x, progress_bar=False).losses
print(f"from {losses[0]:.0f} to {losses[-1]:.0f} nats")

# %% [markdown]
# Next, a simpler guide: one scale for all images, kept in a reasonable range. It starts at 1,
# outside of the range, where `clip` is flat. Its gradient is zero, now and for ever, and the guide
# keeps a scale that nobody chose.


# %%
def guide_with_a_range(x):
    encoder = nnx_module("encoder", encoder_net)
    log_scale = jnp.clip(numpyro.param("log_scale", jnp.ones(8)), -4.0, 0.0)
    with numpyro.plate("data", len(x)):
        mean, _ = jnp.split(encoder(x), 2, axis=-1)
        numpyro.sample("z", dist.Normal(mean, jnp.exp(log_scale)).to_event(1))


show(check_pair((model, guide_with_a_range), x))

# %% [markdown]
# And the right pair on the wrong data: scikit-learn's own digits have pixels from 0 to 16.

# %%
from sklearn.datasets import load_digits

raw = load_digits().data.astype("float32")
show(check_pair(pair, raw[:7]))

# %% [markdown]
# ## Fit
#
# The right pair on the right data. `fit` takes the tuple as it is, and hands back a pair with what
# was learnt in `run.pair`.

# %%
run = fit(pair, data, objective=ELBO(), epochs=40, learning_rate=3e-3, progress=False)
print(log_likelihood(run.pair, data.test, num_particles=500))
run.plot()

# %%
figures.samples(run)

# %% [markdown]
# ## The same in Pyro
#
# The statements are the same; networks are `torch.nn`, and `pyro.module` registers them. A class
# with the methods `model` and `guide` is a pair as well as a tuple is.

# %%
import pyro
import torch
from torch import nn


class DigitPair(nn.Module):
    def __init__(self):
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.encoder = nn.Sequential(nn.Linear(64, 64), nn.Tanh(), nn.Linear(64, 16))
            self.decoder = nn.Sequential(nn.Linear(8, 64), nn.Tanh(), nn.Linear(64, 64))

    def model(self, x=None, *, size=1):
        pyro.module("decoder", self.decoder)
        with pyro.plate("data", size if x is None else len(x)):
            z = pyro.sample("z", pyro.distributions.Normal(torch.zeros(8), 1.0).to_event(1))
            logits = self.decoder(z)
            pyro.sample("x", pyro.distributions.Bernoulli(logits=logits).to_event(1), obs=x)
        return logits.sigmoid()

    def guide(self, x):
        pyro.module("encoder", self.encoder)
        with pyro.plate("data", len(x)):
            mean, log_scale = self.encoder(x).chunk(2, dim=-1)
            pyro.sample("z", pyro.distributions.Normal(mean, log_scale.exp()).to_event(1))


show(check_pair(DigitPair(), x))

# %% [markdown]
# ## Compare
#
# Does a bound of ten draws train this pair better than one of a single draw, in as many epochs?
# Two seeds each, so that there is a spread to judge the difference by. (Of the Pyro pair, as
# nothing has to be compiled for such short runs; `compare` takes pairs of both kinds.)

# %%
found = compare(
    {"digits": DigitPair()},
    {"ELBO": ELBO(), "IWAE, 10 draws": IWAE(num_particles=10)},
    data,
    seeds=2,
    budget={"epochs": 30},
    metrics=("log_likelihood:num_particles=500", "bound", "seconds"),
    learning_rate=3e-3,
    progress=False,
)
found.table()

# %%
found.plot()

# %% [markdown]
# `log_likelihood` says how well the model explains images that it has not seen. `bound` is the ELBO
# of a single draw under both, and asks for a good guide as well. In this run ten draws give the
# better model and the worse guide: where many draws are weighted, each alone may be poor.
# `why_did_my_guide_get_worse` goes on from here. A star marks a lead that exceeds its error.
#
# Every latent here belongs to one image and lies inside of the plate. What all data share, such as
# the weights of a regression, lies outside, and the plate then says how many data there are:
# `global_and_local`.
#
# `ppl-zoo new NAME` writes a pair such as this one into files of their own, with a card and with
# the tests that every model of the zoo has; `ppl-zoo check FILE.py:CLASS` is `check_pair` from a
# shell.
