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
    ARM,
    IWAE,
    REBAR,
    RLOO,
    VIMCO,
    Concrete,
    DisARM,
    DReG,
    estimator_report,
    fit,
    valid_objectives,
)
from ppl_models import create
from ppl_models.datasets import load

data = load("digits", binarisation="threshold")
batch = data.test[:20]


def measured(pair, objectives, num_particles=5):
    """The guide's gradients under several objectives: signal-to-noise ratio and its error."""
    found = estimator_report(
        pair, objectives, batch, num_draws=100, num_particles=num_particles, reference_draws=0
    )
    table = found.table()
    table = table[table["group"] == "guide"].set_index(["label", "num_particles"])
    return table[["snr", "snr_error", "seconds"]].round(3)


# %% [markdown]
# ## Continuous latents
#
# All of these have a pathwise gradient. `IWAE` and `DReG` climb the same bound, tighter with
# more draws. How clear the guide's gradient is then is asked of a pair that was trained a while.

# %%
gaussian = create("vae", engine="pyro", data_dim=64, latent_dim=4, hidden=(32,), seed=0)
print(", ".join(valid_objectives(gaussian, batch).valid))
trained = fit(
    gaussian,
    data.train,
    objective=IWAE(5),
    steps=1000,
    batch_size=20,
    learning_rate=3e-3,
    progress=False,
)
measured(trained, {"ELBO": "elbo", "STL": "stl"})

# %%
measured(trained, {"IWAE": IWAE, "DReG": DReG}, num_particles=(1, 5, 50))

# %% [markdown]
# With more draws the guide's signal falls under `IWAE`; a hundred gradients find 0.08 where there
# is none. Under `DReG` the three ratios are the same within twice their errors. There is more of it
# in `why_did_my_guide_get_worse`.

# %% [markdown]
# ## Binary latents
#
# There is no path through a coin, so that the gradient goes by the score, and what counts is how
# its noise is kept down: by other draws (`RLOO`, `VIMCO`), by antithetic pairs (`DisARM`, `ARM`),
# by a relaxation as a control variate (`REBAR`), or, biased, by the relaxation (`Concrete`). All of
# them have four draws here, which are two pairs of `ARM` and `DisARM`; `REBAR` scores each draw and
# two relaxed ones beside it.

# %%
binary = create("sigmoid_belief", engine="pyro", data_dim=64, latent_dims=(20,), seed=0)
valid = valid_objectives(binary, batch)
print(", ".join(valid.valid))
print("IWAE:", valid.refused["IWAE"])
objectives = {
    "RLOO": RLOO(4),
    "VIMCO": VIMCO(4),
    "ARM": ARM(2),
    "DisARM": DisARM(2),
    "REBAR": REBAR(num_particles=4),
    "Concrete": Concrete(temperature=0.5, num_particles=4),
}
measured(binary, objectives)

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
# 2. Binary or one-hot latents: `VIMCO(num_particles=5)` or `RLOO(num_particles=5)`; `REBAR()` with
#    one draw, `DisARM()` with one pair.
# 3. Few states: `Enumerated()`.
# 4. A latent that all data share: `ELBO()`.
# 5. Draws alone: `MMD()`, `Adversarial()`. Up to a constant: `CD()`, `NCE()`.
