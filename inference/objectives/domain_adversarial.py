"""Features that a classifier needs, and that do not tell which domain a datum is of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from inference.arguments import check_count, check_number, check_text
from inference.errors import DataError
from inference.objectives._adversarial_checks import check_critic, check_hidden
from inference.objectives._beside import check_marks
from inference.objectives._critic import MLPCritic
from inference.objectives._objective import Objective, gradient_only
from inference.objectives._sides import row
from inference.objectives._soundness import note
from inference.objectives._warm_up import warmed_up
from inference.objectives.elbo import ELBO
from inference.objectives.requirements import BESIDE

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from inference.program.program import Network, Program


class DomainAdversarial(Objective):
    """A likelihood whose features a critic of domains cannot tell apart.

        ELBO + weight * E [(1 - d) log(1 - s(D(f))) + d log s(D(f))],   climbed by the critic D
        ELBO - weight * the same,                                       climbed by the pair

    with the sigmoid s, the domain d, 0 or 1, of a datum x, and its features f(x), which the model
    names by `deterministic("features", ...)`: in one step, the gradient of the second term changing
    its sign between critic and features. Where features of the two domains are alike, what is
    learnt of the labels of one holds in the other, as far as labels go with features alike in both.
    Rows whose label is not known, such as those of the second domain, are for the model to mask.
    With weight 0 it is `ELBO()`, bit for bit. The value is the ELBO.

    Data are those of the pair, and last the domains, 0 or 1 for each row. The pair is not given
    them.

    Args:
        weight: of the critic's log-likelihood; after `warmup_steps` where there are some.
        critic: `"mlp"`, or any network of the engine from features to a score per datum, (N,).
        features: what the model's deterministic statement is called; a row for each datum.
        warmup_steps: steps over which the weight rises from zero, linearly.
        hidden: sizes of the hidden layers of `"mlp"`.

    Raises:
        ArgumentError: if an argument is out of range.

    References:
        Ganin et al. 2016, Journal of Machine Learning Research 17, arXiv:1505.07818.
    """

    needs = (BESIDE, *ELBO.needs)
    keeps = 1
    beside = "domains, 0 or 1,"

    def __init__(
        self,
        weight: float = 1.0,
        critic: Any = "mlp",
        *,
        features: str = "features",
        warmup_steps: int = 0,
        hidden: Sequence[int] = (100,),
    ) -> None:
        self.weight = check_number("weight", weight, least=0)
        self.critic = check_critic(critic)
        self.features = check_text("features", features)
        self.warmup_steps = check_count("warmup_steps", warmup_steps, least=0)
        self.hidden = check_hidden(hidden)
        self.owns = weight > 0
        self._likelihood = ELBO()

    @property
    def networks(self) -> dict[str, Any]:
        """The critic, if it is a network of the engine."""
        return {} if isinstance(self.critic, str) else {"critic": self.critic}

    def check_beside(self, array: NDArray[np.generic], name: str = "data") -> None:
        """Refuse domains that are not 0 or 1, one for each row.

        Raises:
            DataError: saying what was expected, and in which row what came.
        """
        check_marks(array, name, self.beside, (0, 1))

    def check_all_beside(self, array: NDArray[np.generic]) -> None:
        """Refuse rows of one domain, between which and the other features are to be alike.

        Raises:
            DataError: if all are of one.
        """
        if self.weight and (array == array[0]).all():
            raise DataError(
                f"all rows of the data are of domain {int(array.reshape(-1)[0])}, so that a critic "
                "has nothing to tell apart. Put rows of both domains into the data, or give "
                "weight=0.0."
            )

    def surrogate(self, program: Program) -> Any:
        """The ELBO, with the gradients of critic and features besides."""
        elbo = self._likelihood.surrogate(program)
        if not self.weight:
            return elbo
        weight = warmed_up(program, self.weight, self.warmup_steps)
        domains, features = self._looked_at(program)
        critic = self._critic(program)
        learnt = self._told_apart(program, critic, program.stop(features), domains)
        hidden = self._told_apart(program, critic, features, domains, frozen=True)
        note(program, "told_apart", program.stop(learnt))
        rows = len(domains) * program.structure.scale
        return elbo + gradient_only(program, rows * weight * (learnt - hidden))

    def bound(self, program: Program) -> Any:
        """The ELBO."""
        return self._likelihood.bound(program)

    def scores(self, program: Program) -> Any:
        """The critic's score of features, given as the batch; shape (N,)."""
        return row(self._critic(program).evaluating()(*program.data, frozen=True))

    def _looked_at(self, program: Program) -> tuple[Any, Any]:
        """Domains, (N,), and features, (N, F)."""
        domains = program.data[-1].reshape(-1)
        features = program.site(self.features)
        return domains, features.reshape(len(domains), -1)

    def _told_apart(
        self,
        program: Program,
        critic: Network,
        features: Any,
        domains: Any,
        *,
        frozen: bool = False,
    ) -> Any:
        """The critic's log-likelihood of the domains, per datum."""
        ops, scores = program.ops, row(critic(features, frozen=frozen))
        return -ops.where(domains > 0, ops.softplus(-scores), ops.softplus(scores)).mean()

    def _critic(self, program: Program) -> Network:
        if not isinstance(self.critic, str):
            return program.network("critic", self.critic)
        return MLPCritic(program, self.hidden, spectral_norm=False, minibatch_features=0, classes=0)
