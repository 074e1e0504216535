"""The evidence lower bound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from inference.errors import ObjectiveError
from inference.objectives._objective import Objective, check_num_particles

if TYPE_CHECKING:
    from inference.engines.program import Program
    from inference.engines.structure import Structure


class ELBO(Objective):
    """The evidence lower bound, averaged over K draws.

        L = E_q[log p(x, z) - log q(z | x)]  <=  log p(x)

    Its gradient goes through the draws where they are reparameterised. A site z_s without a
    reparameterised draw adds the score-function term stop(log w) * log q(z_s | x), which is
    unbiased and noisy. With a closed form of KL(q || p) the divergence is not sampled; in a
    hierarchy that is done only for sites where it is valid (the model's parents of z are drawn
    before z by the guide).

    Latents outside the data's plates are allowed: nothing is normalised over particles.

    Args:
        num_particles: K, the number of draws.
        analytic_kl: `"auto"` uses the closed form wherever there is a valid one, `True` insists
            on it for every latent, `False` samples all, as `Trace_ELBO` does.

    Raises:
        ValueError: if an argument is out of range.

    References:
        Kingma & Welling 2014, arXiv:1312.6114; Ranganath, Gerrish & Blei 2014, arXiv:1401.0118.
    """

    def __init__(
        self,
        num_particles: int = 1,
        analytic_kl: bool | Literal["auto"] = "auto",  # noqa: FBT001
    ) -> None:
        if analytic_kl not in (True, False, "auto"):
            raise ValueError(f"analytic_kl must be True, False or 'auto', got {analytic_kl!r}.")
        self.num_particles = check_num_particles(num_particles)
        self.analytic_kl = analytic_kl

    def surrogate(self, program: Program) -> Any:
        """mean_k of log w_k, (K, N) to (N,), summed over the data."""
        draws = program.draw(self.num_particles, divergences=self.analytic_kl is not False)
        if self.analytic_kl is True:
            self._check_all_closed_form(program.structure, draws.divergences)
        elbo = draws.elbo  # (K, N)
        return program.total((elbo + program.score(elbo, draws.log_q_scored)).mean(0))

    def check(self, structure: Structure) -> None:
        """Needs an observed site and a guide that matches."""
        structure.check_observed()

    def _check_all_closed_form(self, structure: Structure, known: Any) -> None:
        for site in structure.latents:
            if site.name not in known:
                raise ObjectiveError(
                    f"analytic_kl=True, but KL(guide || model) has no valid closed form at "
                    f"{site.name!r}; use analytic_kl='auto', which samples it there."
                )
