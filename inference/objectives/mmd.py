"""Moment matching: generators from the maximum mean discrepancy, and VAEs with it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from inference.arguments import check_count, check_flag, check_number, check_one_of
from inference.descriptions import shown
from inference.errors import ArgumentError, ObjectiveError
from inference.objectives._kernels import (
    build_kernel,
    check_kernel,
    linear_mmd,
    squared_distances,
    squared_mmd,
)
from inference.objectives._objective import Objective, gradient_only
from inference.objectives._score_draws import check_one_constant, of_mmd
from inference.objectives.requirements import (
    DRAWN_DATA,
    DRAWN_LATENTS,
    LOCAL,
    OBSERVED,
    REPARAMETERISED,
)
from inference.program.program import DRAWS

if TYPE_CHECKING:
    from inference.program.program import Program

_LEAST = 3  # draws by whose scores is learnt


class MMD(Objective):
    """The maximum mean discrepancy between data and the model's draws (a GMMN).

        MMD^2 = E k(x, x') + E k(g, g') - 2 E k(x, g),    x, x' data, g, g' from the model

    with a mixture of kernels. No likelihood and no guide are involved: what is trained is whatever
    makes `model(None, size=...)`. Where the pair is given something besides x, the kernel is that
    of x times, for whole numbers such as labels, [y = y'], or times the kernel of the other
    columns, so that conditional distributions are matched.

    The value is -MMD^2 (or -MMD with `sqrt`), counted once for each datum, so that the history's
    loss is MMD^2; it is no bound on a likelihood and not in nats.

    Args:
        kernel: `"rbf-mixture"`, the mean of exp(-d^2 / (2 s^2)) over bandwidths s, or
            `"inverse-multiquadric"`, that of 1 / (1 + d^2 / (2 s^2)).
        bandwidths: s, in the units of x; None for 1/4, 1/2, 1, 2 and 4 times the root mean square
            distance between two data of the minibatch.
        unbiased: whether pairs of a row with itself are left out. The unbiased estimate may be
            negative.
        linear_time: whether each row is used in one pair only: unbiased too, O(N), of higher
            variance. Needs as many draws as data.
        sqrt: whether to descend MMD in place of MMD^2, whose gradient does not vanish with it;
            needs `unbiased=False`.
        num_samples: rows to draw in each step; as many as the minibatch has without it, and 3 or
            more with `draw="score"`, which compares each with two others.
        draw: how data are drawn where a gradient has to go through them: `"mean"` (of the
            likelihood), `"sample"` (its own draw, if that is reparameterised), `"relaxed"` or
            `"straight-through"` (discrete sites, at temperature 0.5; the gradient is biased), or
            `"score"` (of any, by log p of the draw and what it costs less what others cost:
            REINFORCE with a mean as its baseline, which is unbiased; of a density that is known up
            to a constant, too, as that cancels: a Boltzmann machine learns by its chains' draws).
        features: a network of the engine, kept as it is, that maps x to a code in which to
            compare, such as a fitted encoder; None compares x.

    Raises:
        ArgumentError: if an argument is out of range, or two do not go together.

    References:
        Li, Swersky & Zemel 2015, arXiv:1502.02761; Dziugaite, Roy & Ghahramani 2015,
        arXiv:1505.03906; Gretton et al. 2012, JMLR 13.
    """

    needs = (DRAWN_DATA,)
    constant_cancels = True

    def __init__(
        self,
        kernel: str = "rbf-mixture",
        bandwidths: float | Sequence[float] | None = None,
        *,
        unbiased: bool = True,
        linear_time: bool = False,
        sqrt: bool = False,
        num_samples: int | None = None,
        draw: str = "mean",
        features: Any = None,
    ) -> None:
        self.bandwidths = check_kernel(kernel, bandwidths)
        self.kernel = kernel
        self.unbiased = check_flag("unbiased", unbiased)
        self.linear_time = check_flag("linear_time", linear_time)
        self.sqrt = check_flag("sqrt", sqrt)
        if sqrt and (unbiased or linear_time):
            raise ArgumentError(
                "sqrt=True needs an estimate that is never negative: set unbiased=False and "
                "linear_time=False."
            )
        if num_samples is not None:
            least = _LEAST if draw == "score" else 2
            num_samples = check_count("num_samples", num_samples, least=least)
            if linear_time:
                raise ArgumentError(
                    "linear_time=True pairs data with draws; leave out num_samples."
                )
        self.num_samples = num_samples
        self.draw = check_draw(draw)
        if draw == "score" and (sqrt or linear_time):
            raise ArgumentError(
                "draw='score' is for MMD^2 of all pairs: leave out sqrt, linear_time."
            )
        self.features = _check_network(features)

    @property
    def unit(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What the value is, but for its sign."""
        return "MMD" if self.sqrt else "MMD^2"

    @property
    def uses_guide(self) -> bool:
        """No."""
        return False

    def surrogate(self, program: Program) -> Any:
        """-MMD^2, or -MMD, times the number of data."""
        if self.unbiased and len(program.data[0]) < 2:
            raise ObjectiveError(
                f"{self!r} compares each row with the others of its batch, and this batch has one "
                "row; use a larger batch_size, or unbiased=False."
            )
        return self._value(program, unbiased=self.unbiased)

    def bound(self, program: Program) -> Any:
        """The same; a single row, which has no unbiased estimate, is compared with the biased."""
        return self._value(program, unbiased=self.unbiased and len(program.data[0]) > 1)

    def _value(self, program: Program, *, unbiased: bool) -> Any:
        x, *given = program.data
        rows = len(x)
        size = rows if self.num_samples is None else self.num_samples
        if self.draw == "score":
            size = max(size, _LEAST)
        generated = program.generate(size, draw=self.draw)
        check_one_constant(program, generated)
        real, drawn = self._codes(program, x), self._codes(program, generated.x)
        kernel = build_kernel(self.kernel, self.bandwidths, program.stop(real), program.ops)
        if self.linear_time and rows > 1:
            if given:
                raise ObjectiveError(
                    f"{self!r} does not look at what the pair is given besides x; set "
                    "linear_time=False."
                )
            value = linear_mmd(real, drawn, kernel)
        else:
            alike = self._alike(program, tuple(given), generated.given)
            value = squared_mmd(real, drawn, kernel, unbiased=unbiased, alike=alike)
            if self.draw == "score":
                among, across = (
                    kernel(squared_distances(*pair)) for pair in ((drawn, drawn), (drawn, real))
                )
                if alike is not None:
                    among, across = among * alike[1], across * alike[2].T
                term = of_mmd(program, among, across, generated.log_p, unbiased=unbiased)
                value = program.stop(value) + gradient_only(program, term)
        if self.sqrt:  # the root's slope is infinite at zero
            value = program.ops.sqrt(program.ops.where(value > 1e-12, value, 1e-12))
        return -rows * value * program.structure.scale

    def _codes(self, program: Program, x: Any) -> Any:
        """Rows to compare, (N, D)."""
        if self.features is not None:
            x = program.network("features", self.features, trained=False)(x, frozen=True)
        return x.reshape(len(x), -1)

    def _alike(self, program: Program, given: tuple[Any, ...], drawn: tuple[Any, ...]) -> Any:
        """Factors on the kernel from what the pair is given besides x; None if it is nothing."""
        factors: list[Any] | None = None
        for one, other in zip(given, drawn, strict=True):
            pairs = ((one, one), (other, other), (one, other))
            if program.ops.is_real(one):
                rows = [[part.reshape(len(part), -1) for part in pair] for pair in pairs]
                kernel = build_kernel(self.kernel, None, rows[0][0], program.ops)
                each = [kernel(squared_distances(*pair)) for pair in rows]
            else:
                same = (p[:, None] == q[None, :] for p, q in pairs)
                each = [program.ops.where(equal, 1.0, 0.0) for equal in same]
            factors = (
                each if factors is None else [f * e for f, e in zip(factors, each, strict=True)]
            )
        return None if factors is None else tuple(factors)


class InfoVAE(Objective):
    """A VAE whose aggregate posterior is pulled towards the prior.

        E_q log p(x | z) - (1 - alpha) KL(q(z | x) || p(z))
            - (alpha + scale - 1) MMD^2(q(z), p(z))

    per datum, with q(z) = mean_n q(z | x_n) over the whole minibatch; MMD^2 is the unbiased
    estimate from one draw of the guide's for each datum and as many draws of the prior. alpha = 1
    and scale = 1 leaves the MMD alone as the divergence (a Wasserstein auto-encoder), alpha = 0
    and scale = 1 is the ELBO. In the paper's words scale is lambda. The value is the objective,
    which is no bound on log p(x); `bound`, in evaluation, is the ELBO.

    Args:
        alpha: how much of the KL divergence is taken off.
        scale: lambda.
        kernel: as for `MMD`.
        bandwidths: as for `MMD`, in the units of the latents; None for those of the prior's draws.

    Raises:
        ArgumentError: if an argument is out of range.

    References:
        Zhao, Song & Ermon 2019, arXiv:1706.02262; Tolstikhin et al. 2018, arXiv:1711.01558.
    """

    needs = (OBSERVED, LOCAL, REPARAMETERISED, DRAWN_LATENTS)

    def __init__(
        self,
        alpha: float = 1.0,
        scale: float = 100.0,
        *,
        kernel: str = "inverse-multiquadric",
        bandwidths: float | Sequence[float] | None = None,
    ) -> None:
        self.alpha = check_number("alpha", alpha, least=0, most=1)
        self.scale = check_number("scale", scale, least=0)
        if alpha + scale < 1:
            raise ArgumentError(
                f"alpha + scale must be at least 1, or draws would be pushed away from the prior; "
                f"got {alpha} and {scale}."
            )
        self.bandwidths = check_kernel(kernel, bandwidths)
        self.kernel = kernel

    def surrogate(self, program: Program) -> Any:
        """The objective summed over the data."""
        draws = program.draw(1, divergences=True)
        latents = {site.name for site in program.structure.proposals}
        # With the divergences known, elbo = log p(x | z) - KL; the KL's weight is then 1 - alpha.
        fit = sum(value for name, value in draws.log_p_sites.items() if name not in latents)
        per_datum = fit + (1 - self.alpha) * (draws.elbo - fit)
        weight = self.alpha + self.scale - 1
        rows = len(program.data[0])
        if weight == 0 or rows < 2:
            return program.total(per_datum[0])
        prior = program.generate(rows, draw="sample").latents  # x itself is not used
        ours = program.ops.concatenate(
            [draws.values[name][0].reshape(rows, -1) for name in sorted(latents)]
        )
        theirs = program.stop(
            program.ops.concatenate([prior[name].reshape(rows, -1) for name in sorted(latents)])
        )
        kernel = build_kernel(self.kernel, self.bandwidths, theirs, program.ops)
        distance = squared_mmd(ours, theirs, kernel, unbiased=True)
        return program.total(per_datum[0]) - weight * rows * distance * program.structure.scale

    def bound(self, program: Program) -> Any:
        """The ELBO."""
        return program.total(program.draw(1, divergences=True).elbo[0])


def check_draw(draw: str) -> str:
    """Return it if it is a way of drawing data.

    Raises:
        ArgumentError: if it is not.
    """
    return check_one_of("draw", draw, DRAWS)


def _check_network(features: Any) -> Any:
    """Check that an argument can be a network.

    Raises:
        ArgumentError: if it cannot be called.
    """
    if features is not None and (isinstance(features, type) or not callable(features)):
        raise ArgumentError(
            "features must be a network of the pair's library, such as torch.nn.Linear(784, 32) or "
            f"flax.nnx.Linear(...), or None; got {shown(features)}."
        )
    return features
