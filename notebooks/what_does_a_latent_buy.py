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
# # What does a latent buy?
#
# A model with latents explains an image by something that is not in it, and its likelihood is an
# integral that is only bounded. A model without draws the pixels one after another, or by an
# invertible map, and its likelihood is a number. Here six models of both kinds learn the same
# binary digits, and are asked for the same thing: nats per test image. It takes a few minutes on
# two cores.

# %% [markdown]
# ## Six models of the same images
#
# | model | pixels given | its likelihood |
# |---|---|---|
# | sigmoid belief net | 40 binary latents | a sum over 2^40 states, bounded |
# | VAE | 8 Gaussian latents | an integral, bounded |
# | NADE | the pixels before, by one hidden layer | exact |
# | MADE | the pixels before, by masks | exact |
# | PixelCNN | the pixels before, by masked convolutions | exact |
# | flow | noise of 64 dimensions, by an invertible map | of real data: bounded for binary ones |
#
# A flow has a density, and binary data have none: its latent image v is cut to 0 or 1 at 1/2, so
# that log P(x) = log of the mass where v is cut to x. A guide proposes v (dequantisation), and the
# bound is one of the same log P(x) that the others have. So all figures below are of one kind of
# data, and in one unit.

# %%
import time

import pandas as pd

from inference import figures, fit, log_likelihood
from ppl_models import create
from ppl_models.datasets import load

data = load("digits", binarisation="threshold")  # on where a pixel is more than half grey
print(data.data_id("test"))
mean = data.data_mean

pairs = {
    "belief net": create("sigmoid_belief", data_dim=64, latent_dims=(40,), data_mean=mean),
    "VAE": create("vae", data_dim=64, latent_dim=8, hidden=(100,), data_mean=mean),
    "NADE": create("nade", data_dim=64, hidden_dim=100, data_mean=mean),
    "MADE": create("made", data_dim=64, hidden=(200,), data_mean=mean),
    "PixelCNN": create("pixel_cnn", engine="pyro", image_shape=(8, 8), channels=16, blocks=2),
    "flow": create(
        "flow", data_dim=64, hidden=(100,), preprocess="logit", dequantisation="uniform", levels=2
    ),
}

# %% [markdown]
# ## Training
#
# At most 1,500 steps of Adam with batches of 100, for all. Discrete latents need an objective of
# their own, here VIMCO; all others climb the ELBO, which is log p(x) itself where there are no
# latents. 1,197 digits are soon known by heart: a run ends when the bound of the validation images
# has not risen for 20 epochs, and the parameters of the best epoch are kept.

# %%
settings = {"steps": 1500, "batch_size": 100, "learning_rate": 3e-3, "patience": 20}
objectives = {"belief net": "vimco:num_particles=5"}
runs = {
    label: fit(pair, data, objective=objectives.get(label, "elbo"), progress=False, **settings)
    for label, pair in pairs.items()
}

# %% [markdown]
# ## Bounds and exact values, side by side and apart
#
# A bound and an exact value do not belong in one column. A bound is of importance weights: with K
# draws from the guide its mean is below log p(x), and nearer to it the more there are. So how much
# of a difference is the model's, and how much the bound's, shows where K grows.

# %%
particles = (1, 50, 1000)


def nats(run):
    """The test images' log-likelihood by number of draws; one column where none are needed."""
    exact = log_likelihood(run.pair, data.test, 1)
    if exact.method == "exact":
        return {"exact": exact.mean, "±": exact.standard_error}
    each = {k: log_likelihood(run.pair, data.test, k) for k in particles}
    bounds = {f"bound, {k} draws": each[k].mean for k in particles}
    return {**bounds, "±": each[particles[-1]].standard_error}


columns = ["exact", *(f"bound, {k} draws" for k in particles), "±", "seconds to fit"]
table = pd.DataFrame({label: nats(run) for label, run in runs.items()}).T
table["seconds to fit"] = [run.history["seconds"].iloc[-1] for run in runs.values()]
sizes = [sum(v.size for v in run.parameters.values()) for run in runs.values()]
shown = table.reindex(columns=columns).map("{:.1f}".format).replace("nan", "")
shown.assign(parameters=sizes)

# %% [markdown]
# Seconds include what NumPyro compiles, and are of one machine. The last two columns are there to
# be read along: no two of these models are of one size, and none of them was tuned.

# %% [markdown]
# ## The same difference, image by image
#
# All models score the same test images, so that differences are known better than the values: here
# each model less MADE, in nats per image, by its exact value or by its best bound. For a model with
# latents it is a bound of the difference, too.

# %%
most = {
    label: log_likelihood(run.pair, data.test, particles[-1]).per_datum
    for label, run in runs.items()
}
for label, each in most.items():
    if label != "MADE":
        less = each - most["MADE"]
        print(f"{label:11} {less.mean():6.2f} ± {less.std(ddof=1) / len(less) ** 0.5:.2f}")

# %% [markdown]
# ## Samples
#
# Means where there is one that is no draw, of the belief net and the VAE; draws of the others.

# %%
figures.sample_rows(runs)

# %% [markdown]
# ## What it costs to draw
#
# A model with latents draws all pixels at once. One that draws them in order goes through them, 64
# here and 784 on MNIST, and so does the flow, whose kind is autoregressive in that direction. Each
# figure is of the second call, so that nothing is compiled in it.

# %%
seconds = {}
for label, run in runs.items():
    for _ in range(2):
        start = time.perf_counter()
        run.sample(100)
        seconds[label] = time.perf_counter() - start
pd.Series(seconds, name="seconds for 100 draws").round(3).to_frame()

# %% [markdown]
# ## What a latent buys
#
# Not likelihood, as such. Here two models without latents, NADE and MADE, are ahead, with the VAE
# half a nat behind them: its bound has come to rest between 50 and 1,000 draws, so that this is the
# model's. The belief net's has, too. The flow's still rises, so that some of its distance may be
# the bound's: uniform noise proposes its latent images blindly, and what a smooth density loses at
# the edges of binary data is not to be told from it. The PixelCNN is the smallest by far and takes
# longest. It is one seed of small models that nobody has tuned, and compares these runs, not
# families.
#
# What a latent buys is a code: `run.latents` gives it, images lie near each other or between each
# other there, and a draw takes one pass. A model without latents buys a number that is exact, an
# objective without a guide, and the pixels that are missing given those before; what it knows of an
# image as a whole is nowhere to be read.

# %%
codes = runs["VAE"].latents(data.test)["z"]
print("the first test image:", codes[0].round(2))
