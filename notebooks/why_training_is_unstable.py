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
# # Why training against a critic is unstable
#
# A generator and a critic do not descend one function: each changes what the other descends. Three
# small things show what comes of that: an orbit that never arrives, a gradient that vanishes where
# it is needed, and a generator that draws one mode after the other. It takes half a minute.

# %% [markdown]
# ## An orbit
#
# Let one player choose a and descend v(a, b) = a b, and the other choose b and ascend it. The only
# equilibrium is a = b = 0. A simultaneous step of rate r,
#
#     a' = a - r b,    b' = b + r a,
#
# has a'^2 + b'^2 = (1 + r^2)(a^2 + b^2): the distance from the equilibrium grows by sqrt(1 + r^2)
# in every step, exactly, however small r is (Goodfellow, Bengio & Courville 2016, chapter 20).

# %%
import matplotlib.pyplot as plt
import numpy as np

rate, steps = 0.1, 200


def orbit(alternating):
    points = [(1.0, 0.0)]
    for _ in range(steps):
        a, b = points[-1]
        moved = a - rate * b
        points.append((moved, b + rate * (moved if alternating else a)))
    return np.array(points)


together, in_turn = orbit(alternating=False), orbit(alternating=True)
radius = np.linalg.norm(together, axis=1)
growth = radius[1:] / radius[:-1]
print(f"growth of the radius a step: {growth.min():.15f} to {growth.max():.15f}")
print(f"sqrt(1 + r^2):               {np.sqrt(1 + rate**2):.15f}")
assert np.allclose(growth, np.sqrt(1 + rate**2), rtol=1e-14)

# %% [markdown]
# In turns, as `fit` takes them, a' = a - r b and then b' = b + r a'. That map has determinant 1:
# the orbit stays on an ellipse, and does not arrive either.

# %%
figure, axes = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained")
for axis, points, title in ((axes[0], together, "simultaneous"), (axes[1], in_turn, "in turns")):
    axis.plot(*points.T, lw=0.8)
    axis.plot(0, 0, "k+")
    axis.set(title=title, xlabel="a", ylabel="b", aspect="equal")
distance = np.linalg.norm(in_turn, axis=1)
print(f"in turns the radius stays between {distance.min():.3f} and {distance.max():.3f}")
assert distance.max() < 1.1

# %% [markdown]
# ## A gradient that vanishes
#
# Draws from N(m, 1) against data from N(0, 1). The best critic is known: its score is
# D(x) = log p(x) - log q(x) = m^2 / 2 - m x. What does the generator's m learn from it? Each loss
# has its own gradient, an average over draws, the critic held.

# %%
from inference.objectives.losses import LOSSES

means = np.linspace(0.25, 6, 24)
draws = np.random.default_rng(0).normal(size=20_000)


class Numpy:
    """The functions that a loss asks for."""

    exp = staticmethod(np.exp)

    @staticmethod
    def softplus(values):
        return np.logaddexp(0, values)


def slope(loss, mean, step=1e-4):
    """Of the generator's loss by the mean of its draws, with the critic held."""
    values = [
        loss.generator(mean**2 / 2 - mean * (draws + mean + sign * step), Numpy) for sign in (1, -1)
    ]
    return (values[0] - values[1]) / (2 * step)


figure, axis = plt.subplots(figsize=(5, 3.2), layout="constrained")
slopes = {}
for name in ("minimax", "non-saturating", "maximum-likelihood"):
    slopes[name] = np.array([slope(LOSSES[name](), mean) for mean in means])
    axis.semilogy(means, np.abs(slopes[name]), label=name)
axis.set(xlabel="m, how far the draws are off", ylabel="|gradient|")
axis.legend()
print("at m = 6:", {name: f"{values[-1]:.2g}" for name, values in slopes.items()})
print("at m = 1/4:", {name: f"{values[0]:.2g}" for name, values in slopes.items()})

# %% [markdown]
# Far from the data, where the critic is sure of itself, log(1 - sigmoid(D)) is flat: the gradient
# of the minimax loss vanishes, that of -log sigmoid(D) grows with m. The gradient of the
# maximum-likelihood loss is m on average, as that of the likelihood, but its average is over
# exp(D), which few draws decide: far off, 20,000 draws miss it.

# %% [markdown]
# ## One mode after the other
#
# `grid` has 25 Gaussians. A generator that is faster than its critic goes where the critic of the
# moment is weakest, all draws together: to one place, and when the critic has learnt that, to
# another. How many of the 25 have a draw, how many have 25 of 2,500, how far do the draws spread
# (the data: 2.83), and what does a step cost?

# %%
import pandas as pd

from inference import fit, mode_coverage
from inference.objectives import Adversarial
from ppl_models import create
from ppl_models.datasets import load
from ppl_models.datasets.grid import SCALE, centres

data = load("grid")
hidden = (64, 64)
remedies = {
    "non-saturating": {"loss": "non-saturating"},
    "slow critic": {"loss": "non-saturating", "critic_learning_rate": 5e-4},
    "unrolled, 2 steps": {"unrolled": 2},
    "Wasserstein, gradient penalty": {"loss": "wasserstein", "gradient_penalty": 0.1},
}
rows, drawn = [], {}
for name, settings in remedies.items():
    pair = create(
        "mlp_generator",
        engine="numpyro",
        data_dim=2,
        latent_dim=2,
        hidden=hidden,
        likelihood="gaussian",
        seed=0,
    )
    run = fit(
        pair,
        data.train,
        objective=Adversarial(hidden=hidden, **settings),
        steps=1200,
        batch_size=128,
        learning_rate=2e-3,
        optimizer="adam:b1=0.9",
        seed=0,
        progress=False,
    )
    cost = 1e3 * run.history["seconds"].iloc[-1] / run.step  # with the time of compiling
    drawn[name] = run.sample(2500)
    some, many = (mode_coverage(drawn[name], centres(), SCALE, least=n) for n in (1, 25))
    rows.append(
        {
            "": name,
            "modes": some.covered,
            "modes, 25 draws": many.covered,
            "spread": round(float(drawn[name].std(0).mean()), 2),
            "near a mode": f"{some.high_quality:.0%}",
            "ms a step": round(cost, 2),
        }
    )
pd.DataFrame(rows).set_index("")

# %%
figure, axes = plt.subplots(1, 4, figsize=(10, 2.7), layout="constrained")
for axis, (name, points) in zip(axes, drawn.items(), strict=True):
    axis.plot(*centres().T, "k+", ms=4)
    axis.plot(*points.T, ".", ms=1)
    axis.set(title=name, xlim=(-5, 5), ylim=(-5, 5), xticks=[], yticks=[])

# %% [markdown]
# Beside a slow critic the draws lie together, off the data's middle, and cover no mode; the plain
# loss covers two, and so does the Wasserstein loss after so few steps. With the gradient through
# two steps of the critic the draws lie over most of the data, a mode having one or two and none its
# share: 1,200 steps are no contest, and the card of `mlp_generator` has longer runs. What a remedy
# costs is seen at once: unrolling takes the critic's gradient once for each step that it looks
# ahead, and goes back through all of them.
