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
# # Compare objectives
#
# Which way of learning should a belief net have, and what did it cost the one that came out worse?
# A sigmoid belief net of 32 binary units learns handwritten digits under four objectives, three
# times each, on the same budget. It takes half a minute.

# %%
from inference import NVIL, RWS, VIMCO, WakeSleep, bound_parts, compare, drawn_rows, psis_k_hat
from ppl_models import create
from ppl_models.datasets import load

data = load("digits")
net = create("sigmoid_belief", engine="pyro", data_dim=64, latent_dims=(32,), units="signed")

# %% [markdown]
# ## One call
#
# `compare` builds the pair anew for each seed, trains it, and asks every run the same questions.
# The budget is the same number of gradient steps for all. What an objective needs of its own, here
# a learning rate, stands beside it.

# %%
found = compare(
    {"belief net": net},
    {
        "NVIL": (NVIL(), {"learning_rate": 3e-3}),
        "VIMCO": VIMCO(num_particles=5),
        "RWS": RWS(num_particles=5),
        "wake-sleep": WakeSleep(),
    },
    data,
    seeds=3,
    budget={"steps": 600},
    metrics=("bound", "log_likelihood:num_particles=200", "seconds"),
    learning_rate=1e-2,
    progress=False,
)
found.table()

# %% [markdown]
# A figure is the mean over the three seeds ± their standard deviation. A star is a lead over every
# other row that exceeds its error (Welch's t-test at 5 %, corrected for the number of rivals): no
# star, no winner. The bound depends on the guide, the log-likelihood much less: where a row is good
# at one and bad at the other, the model is right and the guide is not.

# %%
found.frame[["objective", "seed", *found.metrics]].round(2)

# %% [markdown]
# ## How they got there
#
# The curves show one and the same bound for all, the importance-weighted bound of 16 draws on
# validation rows, whatever each one was trained under. Against steps they tell which objective
# makes more of a step, against seconds which one is worth its price.

# %%
found.plot()

# %% [markdown]
# ## Where the difference is
#
# `bound_parts` takes the ELBO apart into what the code says about an image and what the code costs;
# `psis_k_hat` tells for how many images the guide misses part of the posterior.

# %%
for objective in ("NVIL", "VIMCO", "RWS", "wake-sleep"):
    run = found.run("belief net", objective)
    print(objective)
    print("  ", bound_parts(run, data.test, num_particles=50))
    print("  ", psis_k_hat(run, drawn_rows(data.test, 100), num_particles=500))

# %% [markdown]
# ## Keep it
#
# The report is one HTML file that needs no network: the table, sortable; the curves, with switches;
# the codes of the test images in the plane, with what each decodes to; samples; and for every run
# the command that repeats it. With `out="runs/nets"` the runs would be kept as well, and the same
# call would go on where it was stopped.

# %%
import tempfile
from pathlib import Path

folder = tempfile.TemporaryDirectory()
page = found.to_html(Path(folder.name, "belief_nets.html"), title="Belief nets on digits")
print(f"{page.name}: {page.stat().st_size // 1024} KiB")
