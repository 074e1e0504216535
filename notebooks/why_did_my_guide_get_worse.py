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
# # Why did my guide get worse?
#
# More draws per datum make the importance-weighted bound tighter, so it should pay to take as many
# as one can afford. For the model it does. But the guide's gradient drowns in its own noise: its
# signal-to-noise ratio falls as 1/sqrt(K) (Rainforth et al. 2018, arXiv:1802.04537). Here a small
# VAE of handwritten digits shows it, first under the microscope, then in training. It takes
# about a minute.

# %% [markdown]
# ## A model to look at
#
# The report below is about one moment of training: fixed parameters and one batch. So the pair is
# trained for a while with five draws, until it is neither new nor finished.

# %%
import numpy as np
import pandas as pd

from inference import ELBO, IWAE, DReG, estimator_report, fit, log_likelihood
from ppl_models import create
from ppl_models.datasets import load

data = load("digits", binarisation="threshold")
print(data.data_id("train"))


def vae():
    return create(
        "vae",
        engine="numpyro",
        data_dim=64,
        latent_dim=8,
        hidden=(32,),
        data_mean=data.data_mean,
        seed=0,
    )


settings = {"batch_size": 20, "learning_rate": 3e-3, "progress": False}
run = fit(vae(), data.train, objective=IWAE(5), steps=1000, **settings)
print(log_likelihood(run.pair, data.test, num_particles=200))

# %% [markdown]
# ## Two estimators of one gradient
#
# `IWAE` and `DReG` maximise the same bound of K draws. They differ in the guide's gradient alone:
# `DReG` leaves out a part that is zero on average and all noise. `estimator_report` draws many
# gradients of each without training anything, and sorts the parameters by whose they are.

# %%
report = estimator_report(
    run,
    {"IWAE": IWAE, "DReG": DReG},
    data.train[:10],
    num_particles=(1, 5, 50),
    num_draws=200,
    reference_draws=0,
)
columns = ["label", "num_particles", "group", "bound", "variance", "snr", "snr_error", "ess"]
report.table()[columns].round(4)

# %% [markdown]
# `bound` is in nats per image and grows with K: the tighter bound. `snr` is the mean over the
# parameters of |mean| / standard deviation of a gradient, and the picture shows it against K. The
# dotted line is what so many draws would find in pure noise.

# %%
report.plot()

# %%
slopes = report.slopes()
slopes.round(2)

# %%
ratio = report.table().set_index(["label", "group", "num_particles"]).snr
slope = slopes.set_index(["label", "group"]).slope
for label in ("IWAE", "DReG"):
    for group in ("model", "guide"):
        first, last = ratio[label, group, 1], ratio[label, group, 50]
        verb = "grows" if slope[label, group] > 0 else "falls"
        print(
            f"{label}, {group}: the signal-to-noise ratio {verb} from {first:.2f} at K = 1 to "
            f"{last:.2f} at K = 50, as K to the power of {slope[label, group]:+.2f}."
        )
print(f"Pure noise would show {report.floor:.2f}.")

# %% [markdown]
# The model's gradient gets better with K under both. The guide's gets worse under IWAE, while the
# bound that it maximises gets tighter: a step of the guide is then mostly noise, and an optimiser
# has to average over more of them. Under DReG it is higher from the start and hardly changes. In
# theory the powers are +1/2 for the model, and for the guide -1/2 under IWAE and +1/2 under DReG,
# for many draws of weights that vary little. Here they vary a lot: `ess` says that of 50 weights
# only so many count.

# %% [markdown]
# ## Is it unbiased?
#
# Less noise would be no gain if the gradient were another one. The same report measures the mean
# against a reference, here DReG's gradient, of draws of its own. `bias` is the length of the
# difference, `bias_error` the length that noise alone would give it, and `bias_p` a p-value. If
# IWAE and DReG did not agree on the mean, it would show. The ELBO is in the table to show what a
# bias looks like, as its gradient is not that of the bound with K = 5.

# %%
bias = estimator_report(
    run,
    {"IWAE": IWAE(5), "ELBO": ELBO()},
    data.train[:10],
    num_draws=200,
    reference=DReG(5),
).table()
bias[["label", "group", "bias", "bias_error", "relative_bias", "bias_z", "bias_p"]].round(3)

# %% [markdown]
# ## What it does to training
#
# Two pairs from the same weights learn for the same number of steps with K = 50, one under each.
# What a guide is worth shows in the ELBO, the bound for a single draw, here the mean of 10: it is
# below log p(x) by the divergence of the guide from the true posterior. The estimate of log p(x)
# with 200 draws is a little below it too.

# %%
rows = {}
for label, objective in {"IWAE": IWAE(50), "DReG": DReG(50)}.items():
    trained = fit(vae(), data.train, objective=objective, steps=400, **settings).pair
    likelihood = log_likelihood(trained, data.test, num_particles=200).mean
    elbo = log_likelihood(trained, np.tile(data.test, (10, 1)), num_particles=1).mean
    rows[label] = {"log p(x)": likelihood, "ELBO": elbo, "gap": likelihood - elbo}
outcome = pd.DataFrame(rows).T
outcome.round(2)

# %%
gap = outcome["gap"]
better = gap.idxmin()
print(
    f"With K = 50 the guide trained under {better} is closer to the posterior: its gap is "
    f"{gap.min():.2f} nats per image, against {gap.max():.2f} under {gap.idxmax()}."
)

# %% [markdown]
# So if a guide got worse as K grew, look at its signal-to-noise ratio before anything else.
# Remedies are `DReG` where draws are reparameterised, `PIWAE` or `MIWAE`, which spend the same
# draws on several looser bounds for the guide, and `RWS`. This is one seed and one small network:
# it shows an effect, and does not measure how large it is elsewhere.
