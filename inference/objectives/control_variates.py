"""Score-function learning with relaxations as control variates."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from inference.arguments import check_count, check_number
from inference.objectives._network import apply, network
from inference.objectives._objective import gradient_only, possible
from inference.objectives._site_by_site import SiteBySite
from inference.program.program import Relaxation

if TYPE_CHECKING:
    from inference.program.draws import Draws
    from inference.program.program import Program
    from inference.program.sites import Site


@dataclass(frozen=True)
class _Conditional:
    """Continuous draws behind discrete ones, b = H(z), given the discrete ones.

    Attributes:
        z: a draw of z given b, shaped as b. It is also a draw of z as such: with the same noise
            the two are equal, and differ in how they depend on the logits alone.
        gap: derivative of z as such by the logits, minus that of z given b; diagonal.
        relaxed: b relaxed, as a function of z.
        score: derivative of log q(b) by the logits.
    """

    z: Any
    gap: Any
    relaxed: Any
    score: Any


class REBAR(SiteBySite):
    """The ELBO's gradient for discrete draws, with their relaxation as a control variate.

        grad = E[ (f(b) - eta f(s(z~))) grad log q(b) + eta grad f(s(z)) - eta grad f(s(z~)) ]
        f = log p(x, .) - log q(. | x),  b = H(z),  z~ a draw of z given b,  s = sigmoid(. / T)

    Unbiased at any scale eta and temperature T. One scale per site is learnt by descending the
    variance of the gradient by the site's logits (the temperature is not learnt). z and z~ share
    their noise, so that f(s(z)) and f(s(z~)) are one evaluation of the model. In a guide with
    several discrete sites each has its own control variate, for which the sites drawn before it
    are held and those after it are relaxed: 1 + S evaluations of the model for S such sites. Sites
    with a reparameterised draw keep their pathwise gradient. The model has to follow a draw between
    its values: where(b > 0.5, one, other) jumps there, and `fit` refuses it; b * one + (1 - b) *
    other does not.

    The objective owns the scales: see `Objective.attach`.

    Args:
        temperature: T.
        num_particles: K, the number of draws that are averaged.

    Raises:
        ArgumentError: if an argument is out of range.

    References:
        Tucker, Mnih, Maddison, Lawson & Sohl-Dickstein 2017, arXiv:1703.07370.
    """

    owns = True
    relaxes = "inside"

    def __init__(self, temperature: float = 0.5, num_particles: int = 1) -> None:
        self.temperature = check_number("temperature", temperature, positive=True)
        self.num_particles = check_count("num_particles", num_particles)

    def perturbation(
        self, latents: Sequence[str], random: np.random.Generator
    ) -> dict[str, NDArray[Any]]:
        """A scale that is not one."""
        del random
        return {f"scale.{site}": np.array(0.7) for site in latents}

    def _site_term(self, program: Program, draws: Draws, site: Site, held: dict[str, Any]) -> Any:
        """Zero in value; the gradient by the site's logits, and that of its variance; (K, N)."""
        structure = program.structure
        c = _conditional(program, site, draws, self.temperature)
        relax = Relaxation(self.temperature)
        value, slope = (
            possible(program, each)
            for each in program.slope(c.relaxed, site.name, values=held, relax=relax)
        )
        by_z = _pulled_back(site, c.relaxed, slope, self.temperature)
        eta = program.parameter(f"scale.{site.name}", np.ones((), dtype=np.float32))
        variate, variate_slope = self._control(program, site, c.z, eta * value, eta * by_z)
        signal = structure.spread(possible(program, program.stop(draws.log_w) - variate), site)
        gradient = signal * c.score + variate_slope * c.gap
        logits = draws.logits[site.name]
        logits = program.ops.where(logits == -math.inf, 0.0, logits)  # of values that q never takes
        learnt = structure.gather(program.stop(gradient) * logits)
        if site.family == "one-hot":  # the logits are log-probabilities so far
            probability = program.ops.exp(program.stop(draws.logits[site.name]))
            gradient = gradient - probability * gradient.sum(-1)[..., None]
        return gradient_only(program, learnt - structure.gather(gradient**2))

    def _control(
        self, program: Program, site: Site, z: Any, value: Any, slope: Any
    ) -> tuple[Any, Any]:
        """The control variate, (K, N), and its derivative by z."""
        del program, site, z
        return value, slope


class RELAX(REBAR):
    """`REBAR` with a network of z added to the control variate.

        grad = E[ (f(b) - c(z~)) grad log q(b) + grad c(z) - grad c(z~) ],
        c(z) = eta f(s(z)) + r(z)

    Unbiased for any c. The scale and the network r (one hidden layer for each site; it starts as
    the zero function, where this is `REBAR`) are learnt by descending the variance of the gradient
    by the site's logits.

    The objective owns the scales and networks: see `Objective.attach`.

    Args:
        temperature: T.
        num_particles: K, the number of draws that are averaged.
        hidden: size of the hidden layer.

    Raises:
        ArgumentError: if an argument is out of range.

    References:
        Grathwohl, Choi, Wu, Roeder & Duvenaud 2018, arXiv:1711.00123.
    """

    def __init__(
        self, temperature: float = 0.5, num_particles: int = 1, *, hidden: int = 50
    ) -> None:
        super().__init__(temperature, num_particles)
        self.hidden = check_count("hidden", hidden)

    def perturbation(
        self, latents: Sequence[str], random: np.random.Generator
    ) -> dict[str, NDArray[Any]]:
        """A network, too, that is not zero."""
        values = super().perturbation(latents, random)
        for site in latents:
            values[f"control.{site}.1.weight"] = 0.1 * random.normal(size=(self.hidden, 1))
        return values

    def _control(
        self, program: Program, site: Site, z: Any, value: Any, slope: Any
    ) -> tuple[Any, Any]:
        """The control variate with the network, (K, N), and its derivative by z."""
        size = math.prod(site.event_shape)
        flat = z.reshape(*z.shape[: z.ndim - len(site.event_shape)], size)
        weights = network(program, f"control.{site.name}", size, self.hidden)
        output, output_slope = apply(program, weights, flat)
        return value + program.structure.gather(output), slope + output_slope.reshape(z.shape)


def _conditional(program: Program, site: Site, draws: Draws, temperature: float) -> _Conditional:
    """Draws of z given b; nothing carries a gradient."""
    ops, v = program.ops, program.uniform(draws.logits[site.name])
    logits = program.stop(draws.logits[site.name])
    on = ops.where(draws.values[site.name] > 0, 1.0, 0.0)
    if site.family == "bernoulli":
        sign = 2 * on - 1
        t = ops.log(v) - ops.log1p(-v) + ops.softplus(sign * logits)
        z = sign * ops.softplus(t)
        gap = 1 - ops.sigmoid(t) * ops.sigmoid(sign * logits)
        return _Conditional(z, gap, ops.sigmoid(z / temperature), on - ops.sigmoid(logits))
    waiting = ops.log(-ops.log(v))
    first = (waiting * on).sum(-1)[..., None]
    later = waiting - logits - first  # of the others, relative to the first
    z = -first - (1 - on) * ops.softplus(later)
    gap = 1 - (1 - on) * ops.sigmoid(later)
    return _Conditional(z, gap, ops.softmax(z / temperature), on)


def _pulled_back(site: Site, relaxed: Any, slope: Any, temperature: float) -> Any:
    """A derivative by the relaxed value as a derivative by z."""
    if site.family == "bernoulli":
        return slope * relaxed * (1 - relaxed) / temperature
    return (slope - (slope * relaxed).sum(-1)[..., None]) * relaxed / temperature
