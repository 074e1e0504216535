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
# # Same generator, many objectives
#
# A variational auto-encoder, a moment-matching network and a generative adversarial network differ
# in how they learn, not in what draws the images. Here one generator learns in five ways by
# changing one argument, and all five are asked the same questions. It takes a minute or two on two
# cores.

# %% [markdown]
# ## One generator
#
# `mlp_generator` puts Gaussian noise z of size 8 through one hidden layer to an image g of 8 x 8
# grey values. Its model observes x ~ Normal(g, 0.2), and its guide proposes the noise behind an
# image. Objectives that compare samples use g alone, bounds on the likelihood use all of it.

# %%
import optax
import pandas as pd

from inference import (
    annealed_importance_sampling,
    bidirectional,
    figures,
    fit,
    mmd_test,
    precision_recall,
)
from ppl_models import create
from ppl_models.datasets import load

data = load("digits", binarisation=None)  # grey values
print(data)
print(data.data_id("test"))


def generator(engine):
    return create(
        "mlp_generator",
        engine=engine,
        data_dim=64,
        latent_dim=8,
        hidden=(128,),
        likelihood="gaussian",
        output="sigmoid",
        noise_scale=0.2,
        data_mean=data.data_mean,
        seed=0,
    )


# %% [markdown]
# ## Five objectives
#
# Each as a string, the form in which the command line takes them too; `IWAE(num_particles=5)` and
# so on from `inference` are the same. Everything else is held fixed: initial weights, data, batches
# of 100, 800 steps of Adam with the first moment's decay at 0.5, as is usual for adversarial
# training. A step may be the critic's: the generator takes 400 of the GAN's 800 and, with
# `critic_steps=5`, 133 of the WGAN-GP's.

# %%
objectives = {
    "ELBO": "elbo",
    "IWAE, K = 5": "iwae:num_particles=5",
    "MMD": "mmd",
    "GAN": "adversarial:hidden=(128,)",
    "WGAN-GP": "adversarial:loss=wasserstein,gradient_penalty=10,critic_steps=5,hidden=(128,)",
}

runs = {
    label: fit(
        generator("numpyro"),
        data.train,
        objective=objective,
        steps=800,
        optimizer=optax.adam(2e-3, b1=0.5),
        progress=False,
    )
    for label, objective in objectives.items()
}

# %% [markdown]
# ## What the learning curves say
#
# Each curve says its own thing and has its own axis. The first two are negative bounds on the
# likelihood, in nats per image; for the same generator IWAE's bound is the tighter one. MMD's loss
# estimates a squared distance between data and draws. An adversarial loss says how well the
# *critic* does, 0 being a critic that cannot tell the two apart: it falls when the generator
# improves, but also when the critic gets worse. So only for the first three is lower better.

# %%
units = ["nats", "nats", "squared MMD", "critic's lead, nats", "critic's lead"]


def losses(runs):
    figure = figures.Picture(figsize=(11, 2.4), layout="constrained")
    for axes, (label, run), unit in zip(figure.subplots(1, 5), runs.items(), units, strict=True):
        axes.plot(run.history["step"], run.history["loss"])
        axes.set(title=label, xlabel="step", ylabel=unit)
        axes.spines[["top", "right"]].set_visible(False)
    return figure


losses(runs)

# %% [markdown]
# ## Samples
#
# One row for each objective. The noise is the same in a column, and so were the initial weights.

# %%
figures.sample_rows(runs)

# %% [markdown]
# ## The same questions to all
#
# *How likely are test images?* Annealed importance sampling estimates log p(x) in nats and does
# without the guide, which only ELBO and IWAE have trained. Those two were trained for just this
# likelihood; the other three never saw its noise scale of 0.2. Images, chains and temperatures are
# few, to be quick.
#
# *Do draws look like test images?* 300 draws against the 300 test images: a kernel two-sample test
# (MMD^2, and its p-value by permutation, which is at least 1/201), and precision and recall by
# nearest neighbours. Draws are g, without the noise. For a scale, the last row has 300 training
# images in place of draws.

# %%
scores, rows = {}, {}
for label, run in runs.items():
    scores[label] = annealed_importance_sampling(
        run.pair, data.test[:20], num_chains=8, num_temperatures=100
    )
    rows[label] = run.sample(len(data.test))
rows["training images"] = data.train[: len(data.test)]


def quality(drawn):
    test = mmd_test(data.test, drawn, num_permutations=200)
    near = precision_recall(data.test, drawn)
    return {
        "MMD^2": test.estimate,
        "p": test.p_value,
        "precision": near.precision,
        "recall": near.recall,
    }


table = pd.DataFrame({label: quality(drawn) for label, drawn in rows.items()}).T
table.insert(0, "log p(x), 20 images", {label: score.mean for label, score in scores.items()})
table.insert(
    1,
    "Monte Carlo error",
    {label: score.monte_carlo_error for label, score in scores.items()},
)
table.map("{:.3f}".format).replace("nan", "")

# %% [markdown]
# Twenty images are few, but they are the same ones for all. In nats per image, each generator less
# the one trained under the ELBO:

# %%
for label, score in scores.items():
    if label != "ELBO":
        less = score.per_datum - scores["ELBO"].per_datum
        print(f"{label:12} {less.mean():7.1f} ± {less.std(ddof=1) / len(less) ** 0.5:.1f}")

# %% [markdown]
# Annealing is below log p(x) in expectation. By how much? For images that the model itself drew,
# chains run in reverse give an upper bound too, here of the generator trained under the ELBO:

# %%
print(bidirectional(runs["ELBO"].pair, 10, num_chains=8, num_temperatures=100))

# %% [markdown]
# ## What the table says
#
# - The generators trained by a bound on the likelihood give test images the highest likelihood, by
#   far more than the gap between the bounds. Between ELBO and IWAE so few images hardly decide.
# - MMD and WGAN-GP have the lowest MMD^2. For one of them it is what was trained.
# - Precision of ELBO and IWAE is near that of real images, though their samples are blurred: a
#   blurred digit is not far from several sharp ones. Recall is far below that of real images for
#   all five.
# - The GAN is last by likelihood, MMD^2, precision and recall. Its samples have strong contrast,
#   and many of them are no digits.
# - The two-sample test tells every generator from the data, with the smallest p-value that it has.
#
# So which is best depends on the question. This is one seed, one small network and one short
# training without tuning for any of the five: it compares these runs, not the methods.

# %% [markdown]
# ## What a critic knows
#
# `run.critic` asks the critic of an adversarial run for its scores. Here are mean scores of images
# that it was trained on, of test images, of its own generator's draws, and of another's. The GAN's
# score is positive where the critic says "data"; of a WGAN's only differences mean something.

# %%
asked = {
    "training images": data.train[:300],
    "test images": data.test,
    "own draws": None,
    "draws of ELBO": rows["ELBO"],
}
pd.DataFrame(
    {
        label: {
            name: runs[label].critic(rows[label] if x is None else x).mean()
            for name, x in asked.items()
        }
        for label in ("GAN", "WGAN-GP")
    }
).round(2)

# %% [markdown]
# Training and test images score nearly the same. Both critics put the other generator's draws
# between the data and the draws that they have learnt to tell from data. They were trained on their
# own generator's draws alone, so their scores do not rank generators.

# %% [markdown]
# ## The same string on the other engine
#
# The pair's Pyro sibling under the same objective, with torch's Adam. Initial weights and draws
# are other ones, so the figures are alike and not equal.

# %%
from functools import partial

import torch

pyro_run = fit(
    generator("pyro"),
    data.train,
    objective=objectives["MMD"],
    steps=800,
    optimizer=partial(torch.optim.Adam, lr=2e-3, betas=(0.5, 0.999)),
    progress=False,
)
both = {"NumPyro": rows["MMD"], "Pyro": pyro_run.sample(len(data.test))}
pd.DataFrame({label: quality(drawn) for label, drawn in both.items()}).T.round(3)
