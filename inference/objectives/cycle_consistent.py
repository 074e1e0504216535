"""Two domains, a map each way, and no row of one that belongs to a row of the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from inference.arguments import check_count, check_number, check_positive
from inference.descriptions import shown
from inference.errors import ArgumentError, DataError, ObjectiveError
from inference.objectives._adversarial_checks import check_critic, check_hidden
from inference.objectives._critic import MLPCritic
from inference.objectives._objective import Objective, gradient_only
from inference.objectives._sides import row
from inference.objectives._soundness import look, note, symptom
from inference.objectives._turns import check_turns
from inference.objectives.losses import AdversarialLoss, Wasserstein, find_loss
from inference.objectives.requirements import (
    BESIDE,
    DRAWN_LATENTS,
    LOCAL,
    OBSERVED,
    REPARAMETERISED,
    Requirement,
)
from inference.program.phases import OWN, PAIR, Phase

if TYPE_CHECKING:
    from collections.abc import Mapping

    from inference.program.program import Network, Program
    from inference.program.structure import Structure


def _check_one_latent(structure: Structure, objective: Any) -> None:
    if len(structure.proposals) != 1:
        names = ", ".join(repr(site.name) for site in structure.proposals) or "none"
        raise ObjectiveError(
            f"{objective!r} translates x into the one latent of the guide; this guide has {names}."
        )


ONE_LATENT = Requirement("one latent, the other domain", _check_one_latent)


class CycleConsistent(Objective):
    """A guide that translates x into y and a model that translates back, from unpaired rows.

    With F(x) a draw of the guide's, G(y) the mean of the model's data, and critics C of x and D of
    y, each against its own domain's data under an adversarial loss l (see `Adversarial`), both maps
    descend

        l(C(G(y))) + l(D(F(x))) + cycle (E |x - G(F(x))| + E |y - F(G(y))|)
            + identity (E |G(x) - x| + E |F(y) - y|)

    with the sum of absolute values over columns. `fit` takes a step of both critics, then one of
    both maps. The maps are found up to what both laws leave open: with every h that leaves the law
    of y as it is, G after h and the inverse of h after F are as good. The value is how well the two
    critics do, as in `Adversarial`.

    Data are `Unpaired(x, y)`, or the pair's and last y. The pair is not given y.

    Args:
        loss: name or value of an adversarial loss.
        cycle: weight of the two cycles.
        identity: weight of keeping what is of the target's domain already; for domains of equally
            many columns.
        critic_steps: critic steps per step of the maps.
        critic_learning_rate: of the critics; that of `fit` without it.
        critic_x: of x: `"mlp"`, or any network of the engine from x to a score per datum.
        critic_y: the same of y.
        hidden: sizes of the hidden layers of `"mlp"`.

    Raises:
        ArgumentError: if an argument is out of range.

    References:
        Zhu, Park, Isola & Efros 2017, arXiv:1703.10593.
    """

    needs = (BESIDE, OBSERVED, LOCAL, REPARAMETERISED, DRAWN_LATENTS, ONE_LATENT)
    keeps = 1
    beside = "rows of the other domain, y,"
    owns = True
    unit = "what the critics tell apart"

    def __init__(
        self,
        loss: str | AdversarialLoss = "least-squares",
        *,
        cycle: float = 10.0,
        identity: float = 0.0,
        critic_steps: int = 1,
        critic_learning_rate: float | None = None,
        critic_x: Any = "mlp",
        critic_y: Any = "mlp",
        hidden: Sequence[int] = (256, 256),
    ) -> None:
        self._loss = find_loss(loss)
        if not self._loss.by_scores or self._loss.gradient_penalty or self._loss.clip:
            raise ArgumentError(
                f"loss must be of scores alone, such as 'least-squares', got {shown(self._loss)}."
            )
        self.cycle = check_number("cycle", cycle, least=0)
        self.identity = check_number("identity", identity, least=0)
        self.critic_steps = check_count("critic_steps", critic_steps)
        self.critic_learning_rate = check_positive(
            "critic_learning_rate", critic_learning_rate, optional=True
        )
        self.critic_x = check_critic(critic_x, "critic_x")
        self.critic_y = check_critic(critic_y, "critic_y")
        built_in = isinstance(self.critic_x, str) or isinstance(self.critic_y, str)
        if isinstance(self._loss, Wasserstein) and built_in:
            raise ArgumentError(
                "loss='wasserstein' needs critics whose slope is bounded, which 'mlp' is not here: "
                "give networks that bound it, such as by spectral normalisation, as critic_x and "
                "critic_y, or use loss='least-squares'."
            )
        self.hidden = check_hidden(hidden)

    @property
    def loss(self) -> AdversarialLoss:  # pyright: ignore[reportIncompatibleMethodOverride]
        """The loss of the two sides; called, it is the objective's, as SVI calls one."""
        return self._loss.of(self)

    @property
    def phases(self) -> tuple[Phase, ...]:
        """Steps of both critics, and then one of both maps."""
        critics = Phase("critics", OWN, self.critic_learning_rate)
        return (*(critics,) * self.critic_steps, Phase("maps", PAIR))

    @property
    def networks(self) -> dict[str, Any]:
        """The critics that are networks of the engine."""
        given = {"critic_x": self.critic_x, "critic_y": self.critic_y}
        return {name: critic for name, critic in given.items() if not isinstance(critic, str)}

    def surrogate(self, program: Program) -> Any:
        """How well the critics do, with the gradient of the side whose turn it is."""
        if self.turn is None:
            check_turns(
                self,
                critic_steps=self.critic_steps if self.critic_steps > 1 else None,
                critic_learning_rate=self.critic_learning_rate,
            )
        sides, maps = self._translated(program)
        critics = self._critics(program)
        learnt: Any = 0.0
        if self.turn == "maps":
            told_apart = program.state("told_apart", 0.0)
        else:
            term, told_apart = self._critics_turn(program, critics, sides)
            learnt = learnt - term
        if self.turn != "critics":
            learnt = learnt - self._maps_turn(program, critics, sides, maps)
        rows = len(program.data[0]) * program.structure.scale
        return rows * (told_apart + gradient_only(program, learnt))

    def bound(self, program: Program) -> Any:
        """How well the critics as they are tell translations from data."""
        sides, _ = self._translated(program)
        told_apart: Any = 0.0
        for critic, (real, made) in zip(self._critics(program), sides, strict=True):
            held = critic.evaluating()
            on_real, on_made = (row(held(part, frozen=True)) for part in (real, made))
            told_apart += self._loss.critic(on_real, on_made, program.ops) - self._loss.blind
        return len(program.data[0]) * program.structure.scale * told_apart

    def symptom(self, carried: Mapping[str, Any]) -> str:
        """What was not finite in the last step."""
        return symptom(carried)

    def _translated(self, program: Program) -> tuple[Any, Any]:
        """Data and translations of each domain, and the maps: to x, and to y."""
        x, y = program.ops.real(program.data[0]), program.ops.real(program.data[-1])
        (site,) = program.structure.proposals
        if site.value_shape is not None and tuple(y.shape[1:]) != site.value_shape[1:]:
            raise DataError(
                f"data must end with {self.beside} as the guide draws {site.name!r}, shape "
                f"{('M', *site.value_shape[1:])}, got {('M', *y.shape[1:])}; pass such rows, or "
                "build the pair for these."
            )
        if self.identity and x.shape[1:] != y.shape[1:]:
            raise DataError(
                f"identity={self.identity:g} keeps rows that are of the target's domain already, "
                "which only domains of equally many columns have: x has rows of shape "
                f"{tuple(x.shape[1:])}, y of {tuple(y.shape[1:])}; leave identity out."
            )

        def to_x(rows: Any) -> Any:
            return program.generate(len(rows), values={site.name: rows}).x

        def to_y(rows: Any) -> Any:
            return program.at(rows, *program.data[1:]).propose()[site.name]

        return ((x, to_x(y)), (y, to_y(x))), (to_x, to_y)

    def _critics_turn(self, program: Program, critics: Any, sides: Any) -> tuple[Any, Any]:
        """The critics' losses, and how well they do."""
        ops, stop, term, told_apart = program.ops, program.stop, 0.0, 0.0
        for critic, (real, made) in zip(critics, sides, strict=True):
            scores = row(critic(stop(real))), row(critic(stop(made)))
            term = term + self._loss.trained(*scores, ops)
            told_apart = told_apart + stop(self._loss.critic(*scores, ops) - self._loss.blind)
            look(program, stop(made), stop(term))
        note(program, "told_apart", told_apart)
        return term, told_apart

    def _maps_turn(self, program: Program, critics: Any, sides: Any, maps: Any) -> Any:
        """What both maps descend."""
        (x, from_y), (y, from_x) = sides
        to_x, to_y = maps
        term = sum(
            self._loss.generator(row(critic(made, frozen=True)), program.ops)
            for critic, made in zip(critics, (from_y, from_x), strict=True)
        )
        term = term + self.cycle * (_distance(x, to_x(from_x)) + _distance(y, to_y(from_y)))
        if self.identity:
            term = term + self.identity * (_distance(x, to_x(x)) + _distance(y, to_y(y)))
        return term

    def _critics(self, program: Program) -> tuple[Network, Network]:
        first, second = (
            program.network(name, critic)
            if not isinstance(critic, str)
            else MLPCritic(
                program,
                self.hidden,
                spectral_norm=False,
                minibatch_features=0,
                classes=0,
                name=name,
            )
            for name, critic in (("critic_x", self.critic_x), ("critic_y", self.critic_y))
        )
        return first, second


def _distance(one: Any, other: Any) -> Any:
    """E |one - other|, the sum of absolute values over columns."""
    return abs(one - other).reshape(len(one), -1).sum(1).mean()
