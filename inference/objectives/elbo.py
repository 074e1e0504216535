"""The evidence lower bound."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal

from inference.arguments import check_count, check_number
from inference.descriptions import shown
from inference.errors import ArgumentError, ObjectiveError
from inference.objectives._objective import Objective, gradient_only
from inference.objectives._score import score_terms, through_draws
from inference.objectives._warm_up import warmed_up
from inference.objectives.estimates import OF_ELBO
from inference.objectives.requirements import OBSERVED

if TYPE_CHECKING:
    from inference.program.draws import Draws
    from inference.program.program import Program
    from inference.program.structure import Structure


class ELBO(Objective):
    """The evidence lower bound, averaged over K draws.

        L = E_q[log p(x | z)] - beta KL(q(z | x) || p(z))  <=  log p(x)   for beta >= 1

    Its gradient goes through the draws where they are reparameterised. A site z_s without a
    reparameterised draw adds the score-function term stop(c_s) * log q(z_s | x), where c_s are the
    terms of log w that the draw can change: those downstream of it, in its own plates. That is
    unbiased and noisy. With a closed form of KL(q || p) the divergence is not sampled, but in the
    score of its own site, where that is less noisy; in a hierarchy it is done only for sites where
    it is valid (the model's parents of z are drawn before z by the guide).

    `beta`, `warmup_steps` and `free_bits` change what is learnt, not what is reported: the value
    is that of the plain ELBO (beta = 1), so that curves can be compared. Latents outside the
    data's plates are allowed: nothing is normalised over particles.

    Args:
        num_particles: K, the number of draws.
        analytic_kl: `"auto"` uses the closed form wherever there is a valid one, `True` insists
            on it for every latent, `False` samples all, as `Trace_ELBO` does.
        beta: weight of the divergence.
        warmup_steps: steps over which that weight rises linearly from 0 to `beta`. The objective
            counts the steps, so it has state of its own: see `Objective.attach`.
        free_bits: a latent's divergence, averaged over the minibatch, is left alone while it is
            below so many nats.

    Raises:
        ArgumentError: if an argument is out of range.

    References:
        Kingma & Welling 2014, arXiv:1312.6114; Ranganath, Gerrish & Blei 2014, arXiv:1401.0118;
        Higgins et al. 2017 (beta); Bowman et al. 2016, arXiv:1511.06349 (warm-up); Kingma et al.
        2016, arXiv:1606.04934 (free bits).
    """

    needs = (OBSERVED,)
    estimates = OF_ELBO

    def __init__(
        self,
        num_particles: int = 1,
        analytic_kl: bool | Literal["auto"] = "auto",  # noqa: FBT001
        beta: float = 1.0,
        warmup_steps: int = 0,
        free_bits: float = 0.0,
    ) -> None:
        automatic = isinstance(analytic_kl, str) and analytic_kl == "auto"
        if not automatic and not isinstance(analytic_kl, bool):
            raise ArgumentError(
                f"analytic_kl must be True, False or 'auto', got {shown(analytic_kl)}."
            )
        self.num_particles = check_count("num_particles", num_particles)
        self.analytic_kl: bool | Literal["auto"] = analytic_kl
        self.beta = check_number("beta", beta, least=0)
        self.warmup_steps = check_count("warmup_steps", warmup_steps, least=0)
        self.free_bits = check_number("free_bits", free_bits, least=0)
        self.owns = warmup_steps > 0
        self.estimates = OF_ELBO if (beta, warmup_steps, free_bits) == (1, 0, 0) else None

    def surrogate(self, program: Program) -> Any:
        """mean_k of log w_k, (K, N) to (N,), summed over the data."""
        draws = program.draw(self.num_particles, divergences=self.analytic_kl is not False)
        if self.analytic_kl is True:
            self._check_all_closed_form(program.structure, draws.divergences)
        elbo = draws.elbo  # (K, N)
        weights = self._weights(program, draws)
        if not weights and not draws.scored:
            return program.total(elbo.mean(0))
        learnt = through_draws(program, draws, weights) + score_terms(program, draws, weights)
        per_datum = gradient_only(program, learnt) + program.stop(elbo)
        return program.total(per_datum.mean(0))

    def bound(self, program: Program) -> Any:
        """The plain ELBO."""
        return ELBO(self.num_particles, self.analytic_kl).surrogate(program)

    def _weights(self, program: Program, draws: Draws) -> dict[str, Any]:
        """beta_t, or zero while a divergence is free, by latent; nothing for the plain ELBO."""
        if (self.beta, self.warmup_steps, self.free_bits) == (1, 0, 0):
            return {}
        beta = warmed_up(program, self.beta, self.warmup_steps)
        weights = {}
        latents = [site.name for site in program.structure.latents]
        for name in dict.fromkeys([*latents, *draws.log_q_sites]):
            weights[name] = beta
            if self.free_bits:
                if name in draws.divergences:
                    divergence = draws.divergences[name]
                else:
                    divergence = draws.log_q_sites[name] - draws.log_p_sites.get(name, 0.0)
                # The clamp max(free_bits, mean KL) has this gradient.
                above = program.stop(divergence.mean()) > self.free_bits
                weights[name] = beta * program.ops.where(above, 1.0, 0.0)
        return weights

    def _check_all_closed_form(self, structure: Structure, known: Any) -> None:
        for site in structure.latents:
            if site.name not in known:
                raise ObjectiveError(
                    f"analytic_kl=True, but KL(guide || model) has no valid closed form at "
                    f"{site.name!r}; use analytic_kl='auto', which samples it there."
                )
