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
# # What does a distance between samples see?
#
# A distance of features says how far a generator's draws are from data. Which mistakes of a
# generator does it see, and how soon? Real digits are made worse here step by step, as Heusel et
# al. did (2017, arXiv:1706.08500), so that what is wrong is known. No model is trained, and it
# takes a few seconds. The features are the 64 pixels; of images of 28 x 28,
# `DigitFeatures.load()` has better ones.

# %%
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from inference import frechet_distance, kernel_distance, precision_recall
from ppl_models.datasets import load

data = load("digits", binarisation=None)
random = np.random.default_rng(0)
order = random.permutation(len(data.train))
real, others = order[:640], order[640:1280]
x, draws, classes = data.train[real], data.train[others], data.labels["train"][others]

# %% [markdown]
# ## Four ways to be worse
#
# Draws that are other digits, and then at four levels: noisy, blurred, without some of the classes,
# and with a share of inverted images among them.


# %%
def noisy(level):
    return draws + 0.1 * level * random.normal(size=draws.shape)


def blurred(level):
    images = draws.reshape(-1, 8, 8)
    return gaussian_filter(images, (0, 0.4 * level, 0.4 * level)).reshape(len(draws), -1)


def without_classes(level):
    kept = draws[classes < 10 - 2 * level]
    return kept[random.integers(len(kept), size=len(draws))]  # as many rows as before


def mixed(level):
    inverted = random.uniform(size=len(draws)) < 0.1 * level
    return np.where(inverted[:, None], 1 - draws, draws)


ways = {"noise": noisy, "blur": blurred, "classes gone": without_classes, "mixed": mixed}
made = {(name, level): way(level) for name, way in ways.items() for level in range(5)}

figure, axes = plt.subplots(4, 5, figsize=(5, 4.2), layout="constrained")
for (name, level), axis in zip(made, axes.flat, strict=True):
    axis.imshow(made[name, level][7].reshape(8, 8), cmap="gray_r", vmin=0, vmax=1)
    axis.set(xticks=[], yticks=[])
    if level == 0:
        axis.set_ylabel(name, fontsize=8)

# %% [markdown]
# ## What three measures say
#
# The Frechet distance compares means and covariances; the kernel distance all moments up to the
# third; precision is the share of draws that lie among data, and recall that of data among draws.

# %%
rows = []
for (name, level), drawn in made.items():
    shares = precision_recall(x, drawn)
    rows.append(
        {
            "draws": name,
            "level": level,
            "Frechet": frechet_distance(x, drawn).value,
            "kernel": 1000 * kernel_distance(x, drawn).value,
            "precision": shares.precision,
            "recall": shares.recall,
        }
    )
table = pd.DataFrame(rows).set_index(["draws", "level"])
print(table.round(2).to_string())
for name in ways:
    assert table.loc[name, "Frechet"].is_monotonic_increasing, name

# %% [markdown]
# - The Frechet distance grows with each of the four, and does not say which it was: draws without
#   eight of the ten classes are as far away as all of them somewhat blurred.
# - The kernel distance hardly sees the noise, which leaves the mean as it is: no single number sees
#   everything.
# - Precision and recall tell them apart. Lost classes cost recall alone, and inverted images
#   precision alone. A blur costs recall, as blurred draws lie close together; noise costs precision
#   at once. That noisy draws have all recall is no praise: they lie so far apart that their balls
#   hold all data.

# %%
figure, axes = plt.subplots(1, 2, figsize=(8, 3.2), layout="constrained")
for name in ways:
    axes[0].plot(table.loc[name, "Frechet"], "o-", label=name)
    axes[1].plot(table.loc[name, "precision"], table.loc[name, "recall"], "o-", label=name)
axes[0].set(xlabel="level", ylabel="Frechet distance")
axes[1].set(xlabel="precision", ylabel="recall")
_ = axes[0].legend(fontsize=8)

# %% [markdown]
# ## How many draws?
#
# Let data and draws be of one law, so that the distance is zero: a Gaussian with the digits' mean
# and covariance, of which there are as many rows as one wants. The estimate of the Frechet
# distance is above zero all the same, by an amount that falls as 1/N, and which is another for
# another generator. So figures of different N do not compare, and neither do small N at all. The
# kernel distance is right on average at any N (Binkowski et al. 2018, arXiv:1801.01401).

# %%
mean, covariance = data.train.mean(0), np.cov(data.train, rowvar=False)


def two_sets(count):
    sets = random.multivariate_normal(mean, covariance, size=(2, count), method="eigh")
    return frechet_distance(*sets).value, kernel_distance(*sets).value


counts = (125, 500, 2000, 8000)
found = {count: np.array([two_sets(count) for _ in range(8)]) for count in counts}
for count, each in found.items():
    (frechet, kernel), error = each.mean(0), each.std(0, ddof=1) / np.sqrt(len(each))
    print(
        f"N = {count:5}: Frechet {frechet:.4f} (times N: {frechet * count:4.0f}), "
        f"kernel {1000 * kernel:6.3f} +- {1000 * error[1]:.3f} thousandths"
    )
    assert abs(kernel) < 5 * error[1]
biases = np.array([found[count][:, 0].mean() * count for count in counts])
assert biases.max() < 1.3 * biases.min()
