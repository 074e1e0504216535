"""Small random programs: plates, scales, masks and dependencies by chance.

A program has global latents, latents of the data's plate (which may take a part of the rows) and of
a plate within it; each is Bernoulli, categorical or Gaussian and depends on some of those before
it, in the model and, in an order of its own, in the guide. `sums_over_states` has their gradients.
"""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from plated import Words

ROWS_OF_INNER = 2
SPREAD = 1.3  # of Gaussian latents in the model
LEVEL = {"global": 0, "data": 1, "inner": 2}
NODES = {"global": 14, "data": 8, "inner": 5}
MOST = 30_000  # joint states


@dataclass
class Site:
    """A latent or an observed site, and what it depends on, by weight."""

    name: str
    frame: str
    kind: str
    states: int = 2
    parents: dict[str, float] = field(default_factory=dict)
    guide_parents: dict[str, float] = field(default_factory=dict)
    slope: float = 0.0  # of the guide's draw in x
    scale: float = 1.0
    mask: Any = None
    mask_of_law: bool = False


@dataclass
class RandomProgram:
    """A program by chance; `outer` scales all of it, `taken` of `rows` rows are scored at once."""

    rows: int
    taken: int
    outer: float
    latents: dict[str, Site]
    observed: dict[str, Site]
    guide_order: list[str]
    values: dict[str, float]
    observations: dict[str, Any]

    @property
    def x(self) -> Any:
        return self.observations["x"]

    def shape(self, site: Site) -> tuple[int, ...]:
        return {"global": (), "data": (self.taken,), "inner": (ROWS_OF_INNER, self.taken)}[
            site.frame
        ]

    def pair(self, engine: str) -> SimpleNamespace:
        return _Written(self, Words(engine)).pair(engine)


def random_program(seed: int) -> RandomProgram:
    chance = random.Random(seed)
    rows, taken = (2, 2) if chance.random() < 0.6 else (3, 2)
    counts = [chance.choice(given) for given in ((0, 0, 1, 1, 2), (0, 1, 1, 2), (0, 0, 1))]
    if not any(counts):
        counts[1] = 1
    latents = {
        f"{frame[0]}{i}": Site(f"{frame[0]}{i}", frame, "bernoulli")
        for frame, count in zip(LEVEL, counts, strict=True)
        for i in range(count)
    }
    for site in latents.values():
        kind = chance.choice(("bernoulli", "categorical", "normal", "normal"))
        states = {"bernoulli": 2, "categorical": 3, "normal": NODES[site.frame]}[kind]
        before, site.states = site.states, states
        if _joint_states(latents.values(), taken) > MOST:
            site.states = before
        else:
            site.kind = kind
    observed = {"x": Site("x", chance.choice(("data", "inner")), "normal")}
    if chance.random() < 0.3:
        observed["y"] = Site("y", chance.choice(tuple(LEVEL)), "normal")
    _depend(chance, latents, observed)
    guide_order = chance.sample(list(latents), len(latents))
    guide_order.sort(key=lambda name: LEVEL[latents[name].frame])
    for place, name in enumerate(guide_order):
        site = latents[name]
        earlier = [n for n in guide_order[:place] if chance.random() < 0.6]
        site.guide_parents = {n: chance.uniform(-1, 1) for n in earlier}
        site.slope = chance.uniform(-0.8, 0.8) if site.frame != "global" else 0.0
    outer = chance.choice((1.0, 1.0, round(chance.uniform(0.3, 3), 2)))
    _weigh(chance, [*latents.values(), *observed.values()], taken, part=taken < rows)
    values = {f"model_{n}": chance.uniform(-0.8, 0.8) for n in (*latents, *observed)}
    values |= {f"guide_{n}": chance.uniform(-0.8, 0.8) for n in latents}
    values |= {
        f"width_{n}": chance.uniform(-0.8, 0.2) for n in latents if latents[n].kind == "normal"
    }
    numbers = np.random.default_rng(seed)
    shapes = {"global": (), "data": (rows,), "inner": (ROWS_OF_INNER, rows)}
    observations = {
        n: np.asarray(numbers.normal(size=shapes[site.frame]), dtype=np.float32)
        for n, site in observed.items()
    }
    return RandomProgram(rows, taken, outer, latents, observed, guide_order, values, observations)


def _joint_states(latents: Iterable[Site], taken: int) -> int:
    copies = {"global": 1, "data": taken, "inner": ROWS_OF_INNER * taken}
    return int(np.prod([float(site.states) ** copies[site.frame] for site in latents]))


def _depend(chance: random.Random, latents: dict[str, Site], observed: dict[str, Site]) -> None:
    earlier: list[Site] = []
    for site in (*latents.values(), *observed.values()):
        near = [s.name for s in earlier if chance.random() < 0.7]
        near = [n for n in near if LEVEL[latents[n].frame] <= LEVEL[site.frame]]
        site.parents = {n: chance.uniform(-1.4, 1.4) for n in near}
        if site.name in latents:
            earlier.append(site)


def _weigh(chance: random.Random, sites: list[Site], taken: int, *, part: bool) -> None:
    """Scales and masks; a mask is of the rows, so none where the plate takes a part of them."""
    apart = chance.random() < 0.4
    for site in sites:
        if apart and chance.random() < 0.5:
            site.scale = round(chance.uniform(0.3, 3), 2)
        if site.frame != "global" and not part and chance.random() < 0.25:
            shape = (taken,) if site.frame == "data" else (ROWS_OF_INNER, taken)
            flags = [chance.random() < 0.5 for _ in range(int(np.prod(shape)))]
            site.mask = np.array(flags).reshape(shape)
            site.mask_of_law = chance.random() < 0.4


class _Written:
    """A random program in the words of a library."""

    def __init__(self, program: RandomProgram, words: Words) -> None:
        self._program, self._words = program, words
        self._torch = words.library.__name__ == "pyro"

    def pair(self, engine: str) -> SimpleNamespace:
        program = self._program
        guided = [program.latents[name] for name in program.guide_order]

        def model(x: Any) -> None:
            values, drawn = self._params("model_"), {}
            for site, taken in self._walk([*program.latents.values(), *program.observed.values()]):
                field = self._field(site, values[f"model_{site.name}"], site.parents, drawn)
                if site.name in program.latents:
                    drawn[site.name] = self._draw(site, field)
                else:
                    seen = self._words.array(program.observations[site.name])
                    seen = x if seen.shape == x.shape and site.name == "x" else seen
                    self._draw(site, field, obs=seen if taken is None else seen[..., taken])

        def guide(x: Any) -> None:
            values, drawn = self._params("guide_") | self._params("width_"), {}
            for site, taken in self._walk(guided):
                field = self._field(site, values[f"guide_{site.name}"], site.guide_parents, drawn)
                if site.slope:
                    field = field + site.slope * self._row(x, taken)
                width = values.get(f"width_{site.name}")
                drawn[site.name] = self._draw(site, field, width=width)

        return SimpleNamespace(engine=engine, model=model, guide=guide)

    def _params(self, kind: str) -> dict[str, Any]:
        chosen = {n: v for n, v in self._program.values.items() if n.startswith(kind)}
        return {n: self._words.library.param(n, self._words.array(v)) for n, v in chosen.items()}

    def _row(self, x: Any, taken: Any) -> Any:
        x = x if taken is None else x[..., taken]
        return x if x.ndim < 2 else x.sum(0)

    def _walk(self, sites: list[Site]) -> Iterator[tuple[Site, Any]]:
        """Each site within its plates, which are made once and entered again."""
        program, words = self._program, self._words
        part = {"subsample_size": program.taken} if program.taken < program.rows else {}
        data = words.plate("data", program.rows, dim=-1, **part)
        inner = words.plate("inner", ROWS_OF_INNER, dim=-2)
        with words.scale(program.outer):
            for site in sites:
                with contextlib.ExitStack() as stack:
                    taken = stack.enter_context(data) if site.frame != "global" else None
                    if site.frame == "inner":
                        stack.enter_context(inner)
                    yield site, taken if part else None

    def _field(self, site: Site, base: Any, parents: Mapping[str, float], drawn: Any) -> Any:
        for name, weight in parents.items():
            value = drawn[name]
            base = base + weight * (value.float() if self._torch else value.astype("float32"))
        return base + self._words.array(np.zeros(self._program.shape(site)))

    def _draw(self, site: Site, field: Any, *, width: Any = None, obs: Any = None) -> Any:
        words, dist = self._words, self._words.dist
        if site.kind == "normal":
            spread = 1.0 if site.name in self._program.observed else SPREAD
            law = dist.Normal(field, spread if width is None else self._exp(width))
        elif site.kind == "bernoulli":
            law = dist.Bernoulli(logits=field)
        else:
            law = dist.Categorical(logits=self._stack([0 * field, field, -0.5 * field]))
        with contextlib.ExitStack() as stack:
            stack.enter_context(words.scale(site.scale))
            if site.mask is not None and site.mask_of_law:
                law = law.mask(words.flags(site.mask))
            elif site.mask is not None:
                stack.enter_context(words.mask(site.mask))
            return words.sample(site.name, law, **({} if obs is None else {"obs": obs}))

    def _exp(self, value: Any) -> Any:
        return value.exp() if self._torch else np.e**value

    def _stack(self, parts: list[Any]) -> Any:
        if self._torch:
            return torch.stack(parts, -1)
        import jax.numpy as jnp

        return jnp.stack(parts, -1)
