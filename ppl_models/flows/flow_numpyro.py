"""Normalising flow, NumPyro (Dinh et al. 2015; Papamakarios et al. 2017; Durkan et al. 2019)."""

from __future__ import annotations

from collections.abc import Sequence

from flax import nnx

from ppl_models.flows._density_numpyro import FlowNetwork, Mixture
from ppl_models.flows._flow_pair_numpyro import FlowPair
from ppl_models.flows._plan import BASES, check_plan
from ppl_models.flows._steps_numpyro import steps_of
from ppl_models.networks.arguments import check_choice, check_size

__all__ = ["Flow"]


class Flow(FlowPair):
    """The pair of `flow.py` on NumPyro."""

    def __init__(
        self,
        *,
        data_dim: int = 64,
        kind: str = "maf",
        length: int = 5,
        hidden: Sequence[int] = (128, 128),
        activation: str = "relu",
        batch_norm: bool = False,
        permutations: str = "reverse",
        base: str = "normal",
        components: int = 10,
        preprocess: str = "none",
        margin: float = 0.05,
        rescale: bool = False,
        bins: int = 8,
        bound: float = 5.0,
        dequantisation: str = "none",
        levels: int = 256,
        noise_length: int = 2,
        classes: int | None = None,
        condition_dim: int | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__(classes, condition_dim)
        plan = check_plan(
            kind=kind,
            data_dim=data_dim,
            length=length,
            hidden=hidden,
            activation=activation,
            batch_norm=batch_norm,
            permutations=permutations,
            rescale=rescale,
            bins=bins,
            bound=bound,
            context=self.condition.width,
            seed=seed,
        )
        self.data_dim = plan.dim
        self.mixture = check_choice("base", base, BASES) == "mixture"
        check_size("components", components)
        random = nnx.Rngs(seed)
        before = self._before(preprocess, margin)
        of_noise = Mixture(components, data_dim, random) if self.mixture else None
        self.flow = FlowNetwork([*before, *steps_of(plan, random)], of_noise)
        self._dequantise(dequantisation, levels, noise_length, plan, random)
