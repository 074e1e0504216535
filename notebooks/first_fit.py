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
# # A first fit
#
# From loading handwritten digits to a picture of what a variational auto-encoder has learnt about
# them. It takes about a minute on two cores.

# %% [markdown]
# ## Data
#
# `digits` are 1,797 images of 8 x 8 pixels that come with scikit-learn. They are *dynamically
# binarised*: the training images hold grey values, and each training step draws black and white
# pixels from them afresh. The validation and test images were drawn once, so that scores can be
# compared. The data id says exactly which data these are.

# %%
from inference import IWAE, figures, fit, log_likelihood
from ppl_models import create, info, list_models
from ppl_models.datasets import load

data = load("digits")
print(data)
print(data.data_id("test"))

# %% [markdown]
# ## A model/guide pair
#
# A pair is a model, p(z) p(x | z), and a guide, q(z | x), written with the primitives of NumPyro
# or of Pyro. A latent of size 2 can be drawn on paper.

# %%
print(list_models("*vae*"))
print(info("vae").text.split("\n\n")[0])

pair = create(
    "vae", engine="numpyro", data_dim=64, latent_dim=2, hidden=(128, 128), data_mean=data.data_mean
)

# %% [markdown]
# ## Fit
#
# The objective is one argument. Here it is the importance-weighted bound with five draws; replace
# it by `ELBO()` and nothing else changes. Training stops when the validation bound has not risen
# for ten reports.

# %%
run = fit(
    pair,
    data,
    objective=IWAE(num_particles=5),
    epochs=600,
    learning_rate=2e-3,
    patience=10,
    progress=False,
)
run.history.tail()

# %%
run.plot()

# %% [markdown]
# ## Score
#
# The log-likelihood of held-out images, in nats per image. More draws give a tighter estimate: it
# approaches the true value from below.

# %%
for num_particles in (1, 10, 1000):
    print(log_likelihood(run.pair, data.test, num_particles=num_particles))

# %% [markdown]
# ## Look
#
# Images drawn from the model, and test images above their reconstructions.

# %%
figures.samples(run)

# %%
figures.reconstructions(run, data.test[:12])

# %% [markdown]
# The latent plane: where the guide puts the test images, coloured by the digit that they show
# (which the model was never told), and what the decoder draws at each place.

# %%
figures.latent_scatter(run, data.test, data.labels["test"])

# %%
figures.latent_manifold(run)
