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
# # Which objective?
#
# It depends on the latents. `valid_objectives` says which objectives a pair takes at all;
# `estimator_report` measures their gradients on it: signal-to-noise ratio, bias, seconds. It takes
# under a minute on one core.

# %%
from inference import (
    RLOO,
    VIMCO,
    Concrete,
    DisARM,
    estimator_report,
    valid_objectives,
)
from ppl_models import create
from ppl_models.datasets import load

data = load("digits")
batch = data.test[:20]


def measured(pair, objectives):
    """The guide's gradients under several objectives, best signal first."""
    found = estimator_report(
        pair, objectives, batch, num_draws=100, num_particles=5, reference_draws=0
    )
    table = found.table()
    table = table[table["group"] == "guide"].set_index("label")
    return table.sort_values("snr", ascending=False)


# %% [markdown]
# ## Continuous latents
#
# All of these have a pathwise gradient. With more draws the bound is tighter; the guide's signal
# falls with them under `IWAE`, and rises under `DReG`.

# %%
gaussian = create("vae", engine="pyro", data_dim=64, latent_dim=4, hidden=(32,), seed=0)
print(", ".join(valid_objectives(gaussian, batch).valid))
continuous = measured(
    gaussian,
    {"ELBO": "elbo", "STL": "stl", "IWAE": "iwae:num_particles=5", "DReG": "dreg:num_particles=5"},
)
continuous[["snr", "seconds"]].round(3)

# %% [markdown]
# ## Binary latents
#
# There is no path through a coin, so that the gradient goes by the score, and what counts is how
# its noise is kept down: by other draws (`RLOO`, `VIMCO`), by antithetic pairs (`DisARM`, `ARM`),
# by a relaxation as a control variate (`REBAR`), or, biased, by the relaxation (`Concrete`).

# %%
binary = create("sigmoid_belief", engine="pyro", data_dim=64, latent_dims=(20,), seed=0)
valid = valid_objectives(binary, batch)
print(", ".join(valid.valid))
print("IWAE:", valid.refused["IWAE"])
discrete = measured(
    binary,
    {
        "RLOO": RLOO,
        "VIMCO": VIMCO,
        "DisARM": DisARM(),
        "Concrete": Concrete(temperature=0.5),
    },
)
discrete[["snr", "seconds"]].round(3)

# %% [markdown]
# ## Few states
#
# A latent with few states can be summed over: the gradient then has no noise from it at all.

# %%
few = create("mixture", engine="pyro", data_dim=64, components=5, likelihood="bernoulli", seed=0)
print(", ".join(valid_objectives(few, batch).valid))

# %% [markdown]
# ## No likelihood, or one up to a constant
#
# A generator without a density is compared by its draws. A density that is known up to a constant
# has its own ways.

# %%
print(", ".join(valid_objectives(create("mlp_generator", engine="pyro", data_dim=64), batch).valid))
print(", ".join(valid_objectives(create("rbm", engine="pyro", data_dim=64), batch).valid))

# %% [markdown]
# ## In short
#
# 1. Continuous latents: `ELBO()`, or `IWAE(num_particles=5)` where the model counts more than the
#    guide; `DReG(num_particles)` for many draws, `STL()` where the guide is almost right.
# 2. Binary or one-hot latents: `VIMCO(num_particles=5)` or `RLOO(num_particles=5)`; `DisARM()` or
#    `REBAR()` with one draw or two.
# 3. Few states: `Enumerated()`.
# 4. A latent that all data share: `ELBO()`.
# 5. Draws alone: `MMD()`, `Adversarial()`. Up to a constant: `CD()`, `NCE()`.
