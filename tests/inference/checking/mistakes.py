"""Pairs with one mistake each, and the check that has to find it.

The right pair is z ~ N(0, 1)^2, x ~ N(z W, 1)^3 with an amortised Gaussian guide.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyro
import pyro.distributions as dist
import torch
from pyro.distributions import constraints
from torch import Tensor

X = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)
BITS = (X > 0).astype(np.float32)


def weight() -> Tensor:
    return pyro.param("weight", lambda: torch.linspace(-1, 1, 6).reshape(2, 3))


def prior() -> Tensor:
    return pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))


def observe(mean: Tensor, x: Tensor) -> None:
    pyro.sample("x", dist.Normal(mean, 1.0).to_event(1), obs=x)


def generative(mean: Callable[[Tensor], Tensor]) -> Callable[[Tensor], None]:
    """The model with another mean of x given z."""

    def changed(x: Tensor) -> None:
        with pyro.plate("data", len(x)):
            observe(mean(prior()), x)

    return changed


model = generative(lambda z: z @ weight())


def heads() -> tuple[Tensor, Tensor]:
    slope = pyro.param("slope", lambda: torch.linspace(0.2, -0.3, 6).reshape(3, 2))
    scale = pyro.param("scale", lambda: torch.full((2,), 0.7), constraint=constraints.positive)
    return slope, scale


def guide(x: Tensor) -> None:
    slope, scale = heads()
    with pyro.plate("data", len(x)):
        pyro.sample("z", dist.Normal(x @ slope, scale).to_event(1))


@dataclass(frozen=True)
class Mistake:
    """A mistake.

    Attributes:
        check: the name of the check that has to find it.
        pair: model and guide.
        word: part of the remedy or of the site's name, in the message.
        batch: what they are called with.
        outcome: of the check; `"limited"` where it is right under some objectives, `"noted"` or
            skipped with the reason where it may be right as well.
    """

    check: str
    pair: Any
    word: str
    batch: tuple[Any, ...] = (X,)
    outcome: str = "failed"


MISTAKES: dict[str, Mistake] = {}


def mistake(
    check: str, word: str, *, batch: tuple[Any, ...] = (X,), outcome: str = "failed"
) -> Callable[[Callable[[], Any]], Callable[[], Any]]:
    """Add the pair that a function returns."""

    def add(make: Callable[[], Any]) -> Callable[[], Any]:
        MISTAKES[make.__name__] = Mistake(check, make(), word, batch, outcome)
        return make

    return add


@mistake("guide-proposes-all", "Add a sample statement 'w'")
def missing_site() -> Any:
    def two(x: Tensor) -> None:
        with pyro.plate("rows", len(x)):
            pyro.sample("w", dist.Normal(0.0, 1.0))
        model(x)

    return two, guide


@mistake("guide-proposes-no-more", "is_auxiliary")
def misspelt_site() -> Any:
    def other(x: Tensor) -> None:
        guide(x)
        with pyro.plate("rows", len(x)):
            pyro.sample("zz", dist.Normal(0.0, 1.0))

    return model, other


@mistake("same-event-shapes", ".to_event()")
def guide_without_event() -> Any:
    def bare(x: Tensor) -> None:
        slope, scale = heads()
        with pyro.plate("units", 2, dim=-1), pyro.plate("data", len(x), dim=-2):
            pyro.sample("z", dist.Normal(x @ slope, scale))

    return model, bare


@mistake("same-plates", "same plates")
def guide_outside_of_plate() -> Any:
    def bare(x: Tensor) -> None:
        slope, scale = heads()
        pyro.sample("z", dist.Normal(x @ slope, scale).to_event(1))

    return model, bare


@mistake("same-batch-shapes", "as many rows")
def one_draw_for_all_rows() -> Any:
    def mean_guide(x: Tensor) -> None:
        slope, scale = heads()
        pyro.sample("z", dist.Normal((x @ slope).mean(0), scale).to_event(1))

    return model, mean_guide


@mistake("guide-observes-nothing", "Remove obs=")
def guide_observes() -> Any:
    def seeing(x: Tensor) -> None:
        guide(x)
        with pyro.plate("rows", len(x)):
            pyro.sample("seen", dist.Normal(x, 1.0).to_event(1), obs=x)

    return model, seeing


@mistake("model-observes", "obs=")
def no_likelihood() -> Any:
    def blind(x: Tensor) -> None:
        with pyro.plate("data", len(x)):
            pyro.sample("x", dist.Normal(prior() @ weight(), 1.0).to_event(1))

    return blind, guide


@mistake("data-matter", "give 'x' obs= the batch")
def observes_a_constant() -> Any:
    def constant(x: Tensor) -> None:
        with pyro.plate("data", len(x)):
            observe(prior() @ weight(), torch.zeros(len(x), 3))

    return constant, guide


@mistake("values-fill-their-sites", "squeeze")
def column_against_row() -> Any:
    def regression(x: Tensor) -> None:
        with pyro.plate("data", len(x)):
            mean = prior() @ weight()[:, :1]  # (N, 1)
            pyro.sample("y", dist.Normal(mean, 1.0), obs=x[:, 0])  # (N,)

    return regression, guide


@mistake("batch-dimensions-in-plates", "to_event(1)", outcome="limited")
def forgotten_event() -> Any:
    def bare(x: Tensor) -> None:
        with pyro.plate("data", len(x), dim=-2):
            z = pyro.sample("z", dist.Normal(torch.zeros(len(x), 1, 2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal((z @ weight())[:, 0], 1.0), obs=x)

    def bare_guide(x: Tensor) -> None:
        slope, scale = heads()
        with pyro.plate("data", len(x), dim=-2):
            pyro.sample("z", dist.Normal((x @ slope)[:, None], scale).to_event(1))

    return bare, bare_guide


@mistake("data-in-plate", "plate('data', len(x))", outcome="limited")
def no_plate() -> Any:
    def bare(x: Tensor) -> None:
        z = pyro.sample("z", dist.Normal(torch.zeros(len(x), 2), 1.0).to_event(2))
        pyro.sample("x", dist.Normal(z @ weight(), 1.0).to_event(2), obs=x)

    def bare_guide(x: Tensor) -> None:
        slope, scale = heads()
        pyro.sample("z", dist.Normal(x @ slope, scale).to_event(2))

    return bare, bare_guide


@mistake("same-scale", "same scale=")
def scaled_prior_alone() -> Any:
    def scaled(x: Tensor) -> None:
        with pyro.plate("data", len(x)):
            with pyro.poutine.scale(scale=0.1):
                z = prior()
            observe(z @ weight(), x)

    return scaled, guide


@mistake("rows-alone", "worked out over the batch")
def centred_over_rows() -> Any:
    return generative(lambda z: z @ weight() - z.mean()), guide


@mistake("rows-change-places", "mixes rows")
def running_sum() -> Any:
    return generative(lambda z: z.cumsum(0) @ weight()), guide


@mistake("rows-count-once-each", "do not average")
def averaged_over_rows() -> Any:
    def averaged(x: Tensor) -> None:
        with pyro.poutine.scale(scale=1 / len(x)):
            model(x)

    def averaged_guide(x: Tensor) -> None:
        with pyro.poutine.scale(scale=1 / len(x)):
            guide(x)

    return averaged, averaged_guide


@mistake("other-batch-sizes", "size", outcome="limited")
def size_written_in() -> Any:
    def fixed(x: Tensor) -> None:
        with pyro.plate("data", 5):
            z = pyro.sample("z", dist.Normal(torch.zeros(2), 1.0).to_event(1))
            pyro.sample("x", dist.Normal(z @ weight(), 1.0).to_event(1), obs=x)

    return fixed, guide


def bernoulli(x: Tensor) -> None:
    with pyro.plate("data", len(x)):
        pyro.sample(
            "x", dist.Bernoulli(logits=prior() @ weight(), validate_args=False).to_event(1), obs=x
        )


@mistake("data-in-support", "divide by 255", batch=(200 * BITS,))
def bytes_under_bernoulli() -> Any:
    return bernoulli, guide


@mistake("whole-numbers-where-counted", "Binarise", batch=(0.5 * BITS,), outcome="limited")
def grey_under_bernoulli() -> Any:
    return bernoulli, guide


@mistake("draws-in-support", "same support")
def normal_guide_of_positive_latent() -> Any:
    def positive(x: Tensor) -> None:
        with pyro.plate("data", len(x)):
            gamma = dist.Gamma(torch.ones(2), 1.0, validate_args=False)
            z = pyro.sample("z", gamma.to_event(1))
            pyro.sample("x", dist.Normal(z @ weight(), 1.0).to_event(1), obs=x)

    return positive, guide


@mistake("guide-covers-support", "over the real numbers")
def positive_guide_of_real_latent() -> Any:
    def narrow(x: Tensor) -> None:
        slope, scale = heads()
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.LogNormal(x @ slope, scale).to_event(1))

    return model, narrow


@mistake("arguments-in-range", "softplus")
def scale_without_softplus() -> Any:
    def raw(x: Tensor) -> None:
        slope, _ = heads()
        with pyro.plate("data", len(x)):
            normal = dist.Normal(x @ slope, x @ slope, validate_args=False)
            pyro.sample("z", normal.to_event(1))

    return model, raw


@mistake("finite-edges", "logits=", batch=(np.c_[BITS[:, :2], np.ones(5, np.float32)],))
def saturated_probabilities() -> Any:
    def saturated(x: Tensor) -> None:
        with pyro.plate("data", len(x)):
            z = prior()
            probs = torch.cat([(z @ weight())[:, :2].sigmoid(), torch.ones(len(x), 1)], 1)
            law = torch.distributions.Bernoulli(probs, validate_args=False)
            pyro.sample("x", _Logarithms(law.probs, validate_args=False).to_event(1), obs=x)

    return saturated, guide


class _Logarithms(dist.Bernoulli):
    """log p without the clamp that torch puts around it."""

    def log_prob(self, value: Tensor) -> Tensor:
        return torch.where(value == 1, self.probs.log(), (1 - self.probs).log())


@mistake("finite-at-prior-draws", "logarithm of 0")
def infinite_at_prior() -> Any:
    return generative(lambda z: (z @ weight()).clamp_min(0.0).log()), guide


@mistake("float32-is-enough", "logsumexp")
def naive_logarithm() -> Any:
    return generative(lambda z: (1 + 1e-9 * (z @ weight()).exp()).log() * 1e9), guide


@mistake("repeatable", "numpy.random")
def drawn_by_numpy() -> Any:
    state = np.random.default_rng(0)

    return generative(lambda z: z @ weight() + float(state.normal())), guide


@mistake("calls-leave-no-trace", "from call to call")
def remembers_the_last_batch() -> Any:
    seen = set[float]()

    def remembering(x: Tensor) -> None:
        seen.add(float(x[0, 0]))
        with pyro.plate("data", len(x)):
            observe(prior() @ weight() + len(seen), x)

    return remembering, guide


@mistake("networks-are-registered", "pyro.module")
def network_not_registered() -> Any:
    network = torch.nn.Linear(3, 2)

    def forgetful(x: Tensor) -> None:
        _, scale = heads()
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(network(x), scale).to_event(1))

    return model, forgetful


@mistake("has-parameters", "param")
def nothing_to_train() -> Any:
    def fixed(x: Tensor) -> None:
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal(x[:, :2], 1.0).to_event(1))

    return generative(lambda z: z @ torch.ones(2, 3)), fixed


@mistake("parameters-are-finite", "initial value")
def begins_at_nan() -> Any:
    def spoilt(x: Tensor) -> None:
        pyro.param("bias", torch.tensor(torch.nan))
        model(x)

    return spoilt, guide


@mistake("model-parameters-have-gradients", "'unused'")
def unused_parameter() -> Any:
    def wasteful(x: Tensor) -> None:
        pyro.param("unused", torch.ones(2))
        model(x)

    return wasteful, guide


@mistake("guide-parameters-have-gradients", "detach()")
def detached_guide() -> Any:
    def cut(x: Tensor) -> None:
        slope, scale = heads()
        with pyro.plate("data", len(x)):
            pyro.sample("z", dist.Normal((x @ slope).detach(), scale).to_event(1))

    return model, cut


@mistake("gradient-of-log-p", "cut off")
def half_detached_model() -> Any:
    return generative(lambda z: z @ weight() + (z @ weight()).detach().sin()), guide


@mistake("gradient-through-draws", "cut off")
def detached_draw() -> Any:
    return generative(lambda z: z.detach() @ weight()), guide


@mistake("gradients-are-finite", "sqrt")
def root_at_zero() -> Any:
    return generative(lambda z: z @ weight() + (weight() * 0).square().sum().sqrt()), guide


@mistake("same-arguments", "same arguments")
def other_arguments() -> Any:
    def labelled(x: Tensor, y: Tensor) -> None:
        guide(x + y)

    return model, labelled


@mistake("batch", "remove or impute", batch=(np.where(X > 1, np.nan, X),))
def missing_values() -> Any:
    return model, guide


@mistake("model-runs", "RuntimeError")
def wrong_product() -> Any:
    return generative(lambda z: z @ weight().T), guide
