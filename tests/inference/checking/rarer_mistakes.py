"""More pairs with one mistake each: types, single numbers, drawing data, and bounds."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from mistakes import (
    BITS,
    X,
    bernoulli,
    generative,
    guide,
    heads,
    mistake,
    model,
    observe,
    prior,
    weight,
)
from own_energies import STATES, ising, laws
from pyro.distributions import constraints
from torch import Tensor

from ppl_models.networks.energies.restricted_machine import RestrictedBoltzmann


@mistake("pair-type", "should be a function")
def guide_by_name() -> Any:
    return model, "guide"


@mistake("engine", "engine='pyro'")
def written_in_neither() -> Any:
    return print, print


@mistake("batch", "equally many", batch=(X, X[:3]))
def arrays_of_unequal_length() -> Any:
    return model, guide


@mistake("batch", "not numbers", batch=(np.array(["a", "b"]),))
def words_for_numbers() -> Any:
    return model, guide


@mistake("batch", "pass rows", batch=(X[:0],))
def no_rows() -> Any:
    return model, guide


@mistake("guide-runs", "RuntimeError")
def wrong_product_in_guide() -> Any:
    def broken(x: Tensor) -> None:
        slope, scale = heads()
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x @ slope.T, scale).to_event(1))

    return model, broken


@mistake("runs-together", "RuntimeError")
def guide_of_another_width() -> Any:
    def wide(x: Tensor) -> None:
        slope, _ = heads()
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x * slope[:, 0], 1.0).to_event(1))

    return model, wide


@mistake("latent-is-not-observed", "remove it from the guide")
def guide_draws_the_data() -> Any:
    def drawing(x: Tensor) -> None:
        guide(x)
        with pyro.plate("rows", len(x)):
            pyro.sample("x", dist.Normal(x, 1.0).to_event(1))

    return model, drawing


@mistake("guide-sees-data", "wrong for an amortised guide", outcome="skipped")
def guide_without_data() -> Any:
    def blind(x: Tensor) -> None:
        slope, scale = heads()
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(slope[0], scale).to_event(1))

    return model, blind


@mistake("same-values", "number of values")
def more_classes_in_guide() -> Any:
    def three(x: Tensor) -> None:
        with pyro.plate("data", len(x)):
            k = pyro.sample("k", dist.Categorical(torch.ones(3)))
            observe(k[..., None] * weight()[0], x)

    def four(x: Tensor) -> None:
        slope = pyro.param("slope", lambda: torch.zeros(3, 4))
        with pyro.plate("data", len(x)):
            pyro.sample("k", dist.Categorical(logits=x @ slope))

    return three, four


class Averaging(dist.Normal):
    """log p of all rows at once."""

    def log_prob(self, value: Tensor) -> Tensor:
        return super().log_prob(value).mean(0)


def averaging(x: Tensor) -> None:
    with pyro.plate("data", len(x)):
        pyro.sample("x", Averaging(prior()[:, 0] * weight()[0, 0], 1.0), obs=x[:, 0])


@mistake("densities-fill-their-sites", "its batch shape is (5,)")
def density_of_another_shape() -> Any:
    return averaging, guide


@mistake("local-latents-per-row", "one entry per row")
def density_averaged_over_rows() -> Any:
    return averaging, guide


class AveragingInPlace(dist.Normal):
    """The same, with a dimension left."""

    def log_prob(self, value: Tensor) -> Tensor:
        return super().log_prob(value).mean(0, keepdim=True)


@mistake("local-latents-per-row", "one entry per row")
def density_averaged_in_place() -> Any:
    def averaged(x: Tensor) -> None:
        with pyro.plate("data", len(x)):
            loc = prior()[:, 0] * weight()[0, 0]
            pyro.sample("x", AveragingInPlace(loc, 1.0), obs=x[:, 0])

    return averaged, guide


@mistake("data-in-support", "from -0.5 to 0.5", batch=(BITS - 0.5,))
def centred_under_bernoulli() -> Any:
    return bernoulli, guide


@mistake("whole-numbers-where-counted", "Poisson", batch=(BITS / 2,))
def fractions_under_poisson() -> Any:
    def counts(x: Tensor) -> None:
        with pyro.plate("data", len(x)):
            rate = (prior() @ weight()).exp()
            pyro.sample("x", dist.Poisson(rate, validate_args=False).to_event(1), obs=x)

    return counts, guide


@mistake("repeatable", "numpy.random")
def proposal_drawn_by_numpy() -> Any:
    state = np.random.default_rng(0)

    def other(x: Tensor) -> None:
        slope, scale = heads()
        with pyro.plate("data", len(x)):  # the draw moves, its density does not
            pyro.sample("z", dist.Normal(x @ slope + state.normal(), scale).to_event(1))

    return model, other


@mistake("float32-is-enough", "in the guide")
def naive_logarithm_in_guide() -> Any:
    def naive(x: Tensor) -> None:
        slope, scale = heads()
        with pyro.plate("data", len(x)):
            mean = (1 + 1e-9 * (x @ slope).exp()).log() * 1e9
            pyro.sample("z", dist.Normal(mean, scale).to_event(1))

    return model, naive


@mistake("draws-are-finite", "softplus")
def draws_without_bound() -> Any:
    def loose(x: Tensor) -> None:
        slope, scale = heads()
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x @ slope, (200 * scale).exp()).to_event(1))

    return model, loose


@mistake("finite-log-q", "at its own draw")
def scale_of_zero() -> Any:
    def sure(x: Tensor) -> None:
        slope, scale = heads()
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x @ slope, 0 * scale).to_event(1))

    return model, sure


@mistake("finite-log-p", "at the guide's draw")
def logarithm_of_a_negative_draw() -> Any:
    def positive(x: Tensor) -> None:
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.LogNormal(torch.zeros(2), 1.0).to_event(1))
            observe(z.log() @ weight(), x)

    return positive, guide


@mistake("no-warnings", "beware")
def program_that_warns() -> Any:
    def warning(x: Tensor) -> None:
        warnings.warn("beware.", stacklevel=1)
        guide(x)

    return model, warning


@mistake("pairs-share-nothing", "fresh start")
def start_that_depends_on_earlier_ones() -> Any:
    starts: list[Tensor] = []

    def counting() -> Tensor:
        starts.append(torch.full((2,), 1.0 + len(starts)))
        return starts[-1]

    def other(x: Tensor) -> None:
        slope, _ = heads()
        scale = pyro.param("counted", counting, constraint=constraints.positive)
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x @ slope, scale).to_event(1))

    return model, other


@mistake("parameters-in-range", "initial value inside")
def begins_outside() -> Any:
    def below(x: Tensor) -> None:
        pyro.param("rate", torch.tensor(-1.0), constraint=constraints.positive)
        model(x)

    return below, guide


@mistake("parameters-are-trained", "requires_grad_(False)", outcome="noted")
def frozen_network() -> Any:
    network = torch.nn.Linear(2, 3).requires_grad_(requires_grad=False)

    def frozen(x: Tensor) -> None:
        pyro.module("network", network)
        with pyro.plate("data", len(x)):
            observe(network(prior()), x)

    return frozen, guide


@mistake("gradients-exist", "numpy()")
def through_numpy() -> Any:
    return generative(lambda z: torch.tensor((z @ weight()).numpy())), guide


@mistake("gradient-of-log-q", "cut off")
def half_detached_guide() -> Any:
    def half(x: Tensor) -> None:
        slope, scale = heads()
        mean = x @ slope
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(mean + mean.detach().sin(), scale).to_event(1))

    return model, half


@mistake("model-draws", "TypeError")
def draws_nothing() -> Any:
    def eager(x: Tensor, *, size: int = 1) -> None:
        del size
        model(x)

    return eager, guide


def drawing(scale: float = 1.0, more: int = 0) -> Any:
    """A model that draws so many rows more than it should, with a likelihood of its own."""

    def drawn(x: Tensor | None = None, *, size: int = 1) -> Tensor:
        with pyro.plate("data", size + more if x is None else len(x)):
            mean = prior() @ weight()
            spread = scale if x is None else 1.0
            pyro.sample("x", dist.Normal(mean, spread).to_event(1), obs=x)
        return mean

    return drawn


@mistake("draws-look-like-data", "`size` where x is None")
def draws_a_row_more() -> Any:
    return drawing(more=1), guide


@mistake("draws-look-like-data", "with obs=None")
def data_that_are_not_drawn() -> Any:
    def half(x: Tensor | None = None, *, size: int = 1) -> None:
        with pyro.plate("data", size if x is None else len(x)):
            mean = prior() @ weight()
            if x is not None:
                observe(mean, x)

    return half, guide


@mistake("returns-a-point", "shape (5, 1)")
def returns_a_column() -> Any:
    def column(x: Tensor | None = None, *, size: int = 1) -> Tensor:
        return drawing()(x, size=size)[:, :1]

    return column, guide


@mistake("draw-then-score", "same function")
def draws_with_another_scale() -> Any:
    return drawing(scale=3.0), guide


@mistake("kernel-leaves-density", "does not leave its density", batch=(BITS,))
def kernel_of_another_density() -> Any:
    class Slow(RestrictedBoltzmann):
        def visible_draw(self, hidden: Tensor, key: Any = None) -> Tensor:
            return super().visible_draw(hidden.mean(-1, keepdim=True).expand_as(hidden), key)

    def chained(x: Tensor | None = None, *, size: int = 1) -> Tensor:
        columns = BITS.shape[1]
        visible = pyro.param("visible", torch.full((columns,), -3.0))
        hidden = pyro.param("hidden", torch.full((2,), -3.0))
        pull = pyro.param("pull", 6 * torch.eye(columns, 2))
        with pyro.plate("data", size if x is None else len(x)):
            return pyro.sample("x", Slow(pull, visible, hidden, burn_in=2), obs=x)

    return chained, lambda x: None


@mistake("temperatures-lead-to-density", "nats away", batch=(STATES,))
def temperatures_that_end_elsewhere() -> Any:
    return ising("pyro", make=laws("pyro", "last"))


@mistake("conditionals-are-the-densitys", "of another density", batch=(STATES,))
def conditionals_of_another_density() -> Any:
    return ising("pyro", make=laws("pyro", "conditionals"))


def exact(evidence: float, counted: float) -> Any:
    """A pair whose guide is the posterior, with a closed form off by `evidence` nats per row.

    Its guide's density is counted so many times.
    """

    def exact_model(x: Tensor) -> None:
        mean = pyro.param("mean", torch.tensor(0.0))
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(3), 1.0).to_event(1))
            observe(z + mean, x)

    def posterior(x: Tensor) -> None:
        mean = pyro.param("mean", torch.tensor(0.0))
        with pyro.plate("data", len(x)):
            pyro.sample("z", _Counted((x - mean) / 2, 0.5**0.5).to_event(1))

    class _Counted(dist.Normal):
        def log_prob(self, value: Tensor) -> Tensor:
            return counted * super().log_prob(value)

    def log_evidence(x: Tensor) -> Tensor:
        return dist.Normal(0.0, 2.0**0.5).log_prob(x).sum(-1) + evidence

    return SimpleNamespace(
        model=exact_model, guide=posterior, log_evidence=log_evidence, engine="pyro"
    )


@mistake("bound-below-evidence", "above log p(x)")
def density_counted_twice() -> Any:
    return exact(evidence=0.0, counted=2.0)


@mistake("evidence-met-by-weights", "average to 0.3679 times p(x)")
def wrong_closed_form() -> Any:
    return exact(evidence=1.0, counted=1.0)


def _averaged(mean_of: Callable[[Tensor, int], Tensor]) -> Any:
    def precise(x: Tensor) -> None:
        scale = pyro.param("spread", torch.tensor(0.1), constraint=constraints.positive)
        with pyro.plate("data", len(x)):
            z = pyro.sample("z", dist.Normal(torch.zeros(3), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(mean_of(z, len(x)), scale).to_event(1), obs=x)

    def near(x: Tensor) -> None:
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x, 0.1).to_event(1))

    return precise, near


@mistake("particles-at-once", "one by one", outcome="noted")
def particles_reshaped_into_rows() -> Any:
    return _averaged(lambda z, rows: z.reshape(rows, -1, 3).mean(1))  # of one particle it is z


@mistake("bound-rises-with-particles", "mixes particles")
def many_particles_averaged() -> Any:
    def mean_of(z: Tensor, rows: int) -> Tensor:
        few = z.dim() == 2 or len(z) < 8  # as many as are looked at before particles go at once
        return z if few else z.reshape(rows, -1, 3).mean(1)

    return _averaged(mean_of)


@mistake("objectives", "no objective trains")
def latent_that_nobody_proposes() -> Any:
    return model, lambda x: pyro.param("unused", torch.ones(1)) and None


@mistake("trains-by-default", "Enumerated", batch=(BITS,), outcome="limited")
def classes_left_to_the_model() -> Any:
    def classes(x: Tensor) -> None:
        with pyro.plate("data", len(x)):
            k = pyro.sample("k", dist.Categorical(torch.ones(2)))
            observe(weight()[k], x)

    return classes, lambda x: pyro.param("unused", torch.ones(1)) and None


def mean_of_all(number: int | None) -> Any:
    """A mean of all rows and its guide; the plate knows how many rows there are, or it does not."""

    def shared(x: Tensor) -> None:
        mean = pyro.sample("mean", dist.Normal(torch.zeros(3), 10.0).to_event(1))
        rows = len(x) if number is None else number
        with pyro.plate("data", rows, subsample_size=len(x)):
            observe(mean, x)

    def shared_guide(x: Tensor) -> None:
        del x
        loc = pyro.param("loc", lambda: torch.zeros(3))
        scale = pyro.param("scale", lambda: torch.full((3,), 0.1), constraint=constraints.positive)
        pyro.sample("mean", dist.Normal(loc, scale).to_event(1))

    return shared, shared_guide


@mistake("globals-count-once", "plate('data', N, subsample_size=len(x))", outcome="noted")
def mean_of_all_beside_a_batch() -> Any:
    """A latent of all rows, in a plate that has the size of however many come."""
    return mean_of_all(None)


@mistake("same-mask", "masked in the model and not in the guide for 3 of", outcome="noted")
def mask_around_the_prior_alone() -> Any:
    def masked(x: Tensor) -> None:
        late: Any = torch.arange(len(x)) > 2
        with pyro.plate("data", len(x)):
            with pyro.poutine.mask(mask=late):
                z = prior()
            observe(z @ weight(), x)

    return masked, guide


ROWS = np.array([4, 0, 7, 2, 5])  # of eight


def by_row(taken: Callable[[Tensor], Any]) -> Any:
    """A guide with a parameter for each of eight rows, of which it takes some; its model."""

    def some(rows: Tensor, x: Tensor) -> None:
        with pyro.plate("data", 8, subsample=rows):
            observe(prior() @ weight(), x)

    def own(rows: Tensor, x: Tensor) -> None:
        del x
        loc = pyro.param("loc", lambda: torch.zeros(8, 2))
        with pyro.plate("data", 8, subsample=rows):
            pyro.sample("z", dist.Normal(loc[taken(rows)], 0.7).to_event(1))

    return some, own


@mistake("parameters-follow-rows", "both take entry 0 of 'loc'", batch=(ROWS, X))
def parameters_by_place() -> Any:
    return by_row(lambda rows: slice(len(rows)))
