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
# # Data of your own
#
# Arrays, a table, images, sequences of unequal length, counts of words: what each has to look like,
# and a model that takes it. Everything here is made up on the spot, so that the right answer is
# known. It takes about a minute on one core.

# %%
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd

from inference import check_pair, fit, log_likelihood
from ppl_models import create
from ppl_models.datasets import load

random = np.random.default_rng(0)

# %% [markdown]
# ## Real numbers: an array
#
# A row is a datum, a column an entry of it. Here rows lie near a plane: a latent of size 2, turned
# into 6 columns, and a noise of standard deviation 0.3. `ppca` is that model, and knows log p(x)
# exactly.

# %%
latent = random.normal(size=(1000, 2))
rows = latent @ random.normal(size=(2, 6)) + 0.3 * random.normal(size=(1000, 6))
train, valid, test = rows[:800], rows[800:900], rows[900:]

pair = create("ppca", engine="pyro", data_dim=6, latent_dim=2, data_mean=train.mean(0))
run = fit(
    pair, train, valid=valid, epochs=60, batch_size=100, learning_rate=0.02, progress=False, seed=0
)
print(log_likelihood(run, test, method="exact"))
print("noise scale:", round(float(np.exp(run.parameters["log_noise"])), 2))

# %% [markdown]
# ## A table
#
# Columns are taken in their order. Units matter: a column in thousands outweighs one between 0 and
# 1 in any likelihood with one scale for all, so give each column unit variance first, with the
# training rows' own mean and deviation.

# %%
table = pd.DataFrame(rows, columns=[f"sensor {n}" for n in range(6)])
table["sensor 5"] *= 1000
first = table[:800]
scaled = (table - first.mean()) / first.std()

pair = create(
    "vae", engine="pyro", data_dim=6, latent_dim=2, hidden=(32,), likelihood="learned-variance"
)
run = fit(pair, scaled[:800], epochs=60, batch_size=20, learning_rate=3e-3, progress=False, seed=0)
print(log_likelihood(run, scaled[900:], num_particles=200))

# %% [markdown]
# A missing entry is refused, with the row it is in: leave such rows out, impute them, or mask them
# in a program of your own.

# %%
holes = scaled[:800].copy()
holes.iloc[3, 2] = np.nan
try:
    fit(pair, holes, epochs=1, progress=False)
except ValueError as error:
    print(error)

# %% [markdown]
# ## Images, from a file
#
# `load("rows.npz")` reads a file of arrays `train`, `valid` and `test`; images (N, H, W) are laid
# out flat, and bytes become grey levels in [0, 1]. A Bernoulli likelihood wants zeros and ones:
# `binarisation="dynamic"` draws them from the grey levels afresh in each step. A split that is
# missing is drawn from the training rows. The same file goes into `ppl-zoo train vae --data`.

# %%
bars = np.zeros((600, 5, 5), np.uint8)
for image in bars:
    image[random.integers(5)] = 230  # a row
    image[:, random.integers(5)] = 230  # and a column
path = Path(tempfile.mkdtemp()) / "bars.npz"
np.savez(path, train=bars)

data = load(str(path), binarisation="dynamic")
print(data)
pair = create(
    "vae", engine="pyro", data_dim=25, latent_dim=6, hidden=(64,), data_mean=data.data_mean
)
run = fit(pair, data, epochs=60, learning_rate=3e-3, progress=False, seed=0)
print(log_likelihood(run, data.test, num_particles=200))

# %% [markdown]
# ## Sequences of unequal length
#
# They are padded to the longest, and their lengths are the second array. What lies after the end
# adds nothing to log p. Here each sequence alternates between two chords.

# %%
lengths = random.integers(4, 10, size=300)
music = np.zeros((300, 9, 6), np.float32)
for sequence, length in zip(music, lengths, strict=True):
    start = random.integers(2)
    for step in range(length):
        sequence[step, 3 * ((start + step) % 2) :][:3] = 1

pair = create("recurrent", engine="pyro", length=9, data_dim=6, hidden_dim=16)
run = fit(
    pair, (music, lengths), epochs=40, batch_size=50, learning_rate=0.02, progress=False, seed=0
)
found = log_likelihood(run, (music, lengths))
print(found)
print("the first chord costs at least", round(6 * np.log(2), 2), "nats")

# %% [markdown]
# After the first step all is decided, and the network has learnt that. The first one costs 6 log 2
# and not log 2, as the keys of one step are independent given the past in this model: it does not
# know that they come as a chord. `rnn_nade` and `rnn_rbm` have keys that depend on each other.

# %% [markdown]
# ## Counts of words
#
# A row is a document, a column a word of the vocabulary, an entry how often it occurs: whole
# numbers, as scikit-learn's `CountVectorizer` gives them (a sparse matrix is taken, too). Topics
# are latents of all documents, so that in minibatches the model has to know how many there are.

# %%
topics = np.repeat(np.eye(3), 4, axis=1) / 4  # three topics of four words each
shares = random.dirichlet([0.3] * 3, size=400)
counts = np.stack([random.multinomial(50, share @ topics) for share in shares])

pair = create("lda", engine="pyro", data_dim=12, topics=3, words=50, data_size=400)
print(len(check_pair(pair, counts[:20], rows=400).failed), "errors")
run = fit(pair, counts, epochs=60, batch_size=100, learning_rate=0.02, progress=False, seed=0)
learnt = run.latents(counts[:2])["topics"]
print(np.round(learnt[np.argsort(learnt.argmax(1))], 2))
