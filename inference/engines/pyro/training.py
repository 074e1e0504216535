"""Gradient steps on Pyro."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pyro
import torch
from numpy.typing import NDArray
from pyro.infer import elbo as upstream

from inference.engines.pyro import upstream_losses
from inference.engines.pyro.averages import Averages
from inference.engines.pyro.copies import isolate
from inference.engines.pyro.devices import find_device
from inference.engines.pyro.inspection import inspect
from inference.engines.pyro.isolation import for_steps, random_states, untouched, with_gradients
from inference.engines.pyro.learner import Learner, distinct
from inference.engines.pyro.memory import memory_of, share
from inference.engines.pyro.minibatches import Minibatches, alias
from inference.engines.pyro.networks import with_copies
from inference.engines.pyro.pairs import StoredPair, evaluating, parts
from inference.engines.pyro.parameters import (
    AVERAGE,
    Shown,
    drop_owned,
    set_values,
    stored_values,
    unconstrained,
)
from inference.engines.pyro.random_state import seed_all
from inference.engines.pyro.svi import bound
from inference.engines.thread_lock import ALONE
from inference.errors import ArgumentError
from inference.program.batches import Batch, Form, leading, on_arrays, plain_form
from inference.program.phases import PAIR, Side
from inference.program.program import OWNED, OWNED_STATE, is_owned
from inference.program.structure import Structure
from inference.program.surrogate import Surrogate, nothing_to_learn
from inference.program.trainer import Settings


class Trainer:
    """Steps of one objective on one pair; see `inference.program.trainer.Trainer`."""

    @with_gradients()
    def __init__(self, pair: Any, objective: Any, settings: Settings) -> None:
        self.settings = settings
        self.objective: Any = upstream_losses.stated(
            objective, judged=bool(settings.valid) and not settings.judge
        )
        if not (isinstance(objective, upstream.ELBO) or callable(objective)) or (
            type(objective).__module__.startswith("numpyro.")
        ):
            raise ArgumentError(
                f"objective {objective!r} is no loss of Pyro's; pass one of inference.objectives "
                "or of pyro.infer."
            )
        self.device = find_device(settings.device)
        self.pair = isolate(pair, self.device)
        kept = getattr(objective, "keeps", 0)  # methods are made anew, and losses know identities
        self.functions = leading(self.pair.model, kept), leading(self.pair.guide, kept)
        self.own = parts(self.pair.wrapped)
        self.networks: dict[str, torch.nn.Module] = {}
        if isinstance(objective, Surrogate):
            self.objective, self.networks = with_copies(objective, self.device)
        data = tuple(self._tensor(array) for array in settings.arrays)
        self.minibatches = Minibatches(settings, data, self.device)
        self.averages = Averages(self.pair, settings.average_decay)
        self.valid = tuple(self._tensor(array) for array in settings.valid)
        self.names: list[str] = []
        self.scales: dict[Any, float] = {}
        self.sides: dict[str, Learner] = {}
        phases = getattr(objective, "phases", ())
        self.turns = [self.objective.during(each.name) for each in phases] or [self.objective]
        self.follows = [each.trains == PAIR for each in phases] or [True]
        memory_of(self.objective).asked = True  # by `fit`, of the first batch
        share(self.objective, self.turns)

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Everything that a step needs of Pyro's and torch's global state, put back afterwards."""
        with (
            ALONE,
            torch.random.fork_rng(),
            self.pair.scope(),
            pyro.validation_enabled(False),
            for_steps(),
        ):
            seed_all(self.settings.seed)
            yield

    def inspect(self, batch: Batch | tuple[Any, ...]) -> Structure:
        """Sites and plates on one batch; `argument` of a site counts the batch's arrays."""
        batch = Batch.of(batch)
        return inspect(*self._functions(batch.form), self._batch(batch.arrays), {})

    def start(self, batch: Batch | tuple[Any, ...]) -> None:
        """Find the parameters by running the pair once, and give them to the optimiser."""
        batch = Batch.of(batch)
        self.inspect(batch)
        owning = isinstance(self.objective, Surrogate) and self.objective.owns
        if owning and unconstrained(self.pair):
            # Brings what the objective owns into being; without gradients nothing moves.
            with torch.no_grad(), random_states(), self._evaluating():
                self.turns[0](*self._functions(batch.form), *self._batch(batch.arrays))
        params = unconstrained(self.pair)
        if not params:
            raise ArgumentError(
                "the pair has no parameters to train: neither model nor guide called pyro.param or "
                "pyro.module."
            )
        self.names = list(params)
        settings, phases = self.settings, getattr(self.objective, "phases", ())
        if not phases:
            whole = Side(settings.learning_rate, settings.total_steps, None)
            self.sides = {"": Learner(distinct(params.values()), settings, whole)}
            return
        own, pair = settings.sides(phases)
        mine = {name: tensor for name, tensor in params.items() if name.startswith(OWNED)}
        others = [tensor for name, tensor in params.items() if name not in mine]
        self.sides = {
            "": Learner(distinct(others), settings, pair),
            "own/": Learner(mine.values(), settings, own),
        }

    def run(self, start: int, stop: int) -> NDArray[np.float64]:
        """Steps `start` to `stop` on minibatches; the losses, cut after one that is not finite."""
        losses = []
        for step in range(start, stop):
            losses.append(self._step(self.minibatches.of(step), self.settings.form, step))
            if not np.isfinite(losses[-1]):
                break
        return np.array(losses, dtype=np.float64)

    def run_batch(self, batch: Batch, step: int) -> float:
        """One step on a batch that the caller brought."""
        return self._step(self.minibatches.binarised(self._batch(batch.arrays)), batch.form, step)

    def _step(self, arrays: tuple[Any, ...], form: Form | None, step: int) -> float:
        """One gradient step; the loss before it. No step is taken on a loss that is not finite."""
        assert self.sides, "start() comes first"
        with Shown() as shown:
            loss = self._loss_and_grads(step, arrays, form or plain_form(len(arrays)))
        if not np.isfinite(loss):
            return loss
        self._adopt_new_parameters()
        left = shown.drop_others()
        for side in self.sides.values():
            side.step(waits=len(self.sides) > 1, left=left)
        if self.follows[step % len(self.follows)]:
            self.averages.follow()
        return loss

    def evaluate(self, rows: int) -> float:
        """The judge's bound summed over the validation set, from a fixed seed."""
        total = 0.0
        with random_states(), torch.no_grad(), self._evaluating():
            seed_all(self.settings.seed)
            for first in range(0, len(self.valid[0]), rows):
                arrays = tuple(array[first : first + rows] for array in self.valid)
                form = self.settings.valid_form or plain_form(len(arrays))
                judge = self.settings.judge or self.objective
                scale = self.data_scale(Batch(arrays, form))
                if isinstance(judge, Surrogate):
                    total += float(bound(judge, *self._functions(form), *arrays)) / scale
                    continue
                loss = getattr(self.objective, "loss", self.objective)
                args, kwargs = form.fill(arrays, self._tensor)
                total -= upstream_losses.number(loss(*self._own(), *args, **kwargs)) / scale
        return total

    def data_scale(self, batch: Batch) -> float:
        """How many data a row of this batch stands for; looked up once per number of rows."""
        kind = batch.rows, None if batch.form.plain else batch.form.lifted(len(batch.arrays))[0]
        if kind not in self.scales:
            with evaluating(self.pair):
                self.scales[kind] = self.inspect(batch).data_scale(batch.rows)
        return self.scales[kind]

    def _functions(self, form: Form) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """Model and guide as functions of a batch's arrays."""
        if not isinstance(self.objective, (Surrogate, upstream.ELBO)):
            form = upstream_losses.without_own_arguments(form, *self.own)
        model, guide = self.functions
        return on_arrays(model, form, self._tensor), on_arrays(guide, form, self._tensor)

    def _own(self) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """Model and guide for upstream's losses, which tell some guides by their class."""
        return self.functions[0] if self.pair.fills else self.own[0], self.own[1]

    def symptom(self) -> str:
        """What was wrong in the last step, as far as the objective can tell."""
        if not isinstance(self.objective, Surrogate):
            return ""
        names = ((n.removeprefix(OWNED_STATE), v) for n, v in unconstrained(self.pair).items())
        return self.objective.symptom({name: v.detach() for name, v in names if v.numel() == 1})

    def fitted(self, values: dict[str, NDArray[Any]]) -> StoredPair:
        """The trained pair, with values that `values()` gave."""
        set_values(self.pair, {n: value for n, value in values.items() if not is_owned(n)})
        self.pair.fills = False
        drop_owned()
        if isinstance(self.objective, Surrogate):
            memory_of(self.objective).release(*self.functions)
        return self.pair

    def values(self) -> dict[str, NDArray[Any]]:
        """The trained values by public name, unconstrained, for `rebuild`."""
        return self._stepped() | self.averages.values()

    def _stepped(self) -> dict[str, NDArray[Any]]:
        """As `values`, as the last step left them."""
        own = {OWNED + name: b.cpu().numpy().copy() for name, b in self._buffers().items()}
        return stored_values(self.pair, owned=True) | own

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that the next step depends on."""
        assert self.sides, "start() comes first"
        arrays = {f"value/{n}": v for n, v in self._stepped().items()} | self.averages.state()
        for name, side in self.sides.items():
            arrays |= {name + key: array for key, array in side.state().items()}
        arrays["random"] = torch.get_rng_state().numpy()
        arrays["noise"] = self.minibatches.noise.get_state().numpy()
        if self.device.type == "cuda":
            arrays["random_cuda"] = torch.cuda.get_rng_state(self.device).numpy()
        return arrays

    def restore(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Continue from a state."""
        assert self.sides, "start() comes first"
        values = {k[6:]: v for k, v in arrays.items() if k.startswith("value/")}
        with torch.no_grad():
            for name, buffer in self._buffers().items():
                buffer.copy_(torch.from_numpy(np.array(values.pop(OWNED + name))))
        set_values(self.pair, values, owned=True)
        self.averages.restore(arrays)
        upstream_losses.resume(self.objective)
        for name, side in self.sides.items():
            side.restore({k.removeprefix(name): v for k, v in arrays.items() if k.startswith(name)})
        torch.set_rng_state(torch.from_numpy(np.array(arrays["random"])))
        self.minibatches.noise.set_state(torch.from_numpy(np.array(arrays["noise"])))
        if self.device.type == "cuda":
            torch.cuda.set_rng_state(torch.from_numpy(np.array(arrays["random_cuda"])), self.device)

    def _buffers(self) -> dict[str, torch.Tensor]:
        """What the objective's networks hold besides parameters."""
        return {
            f"{name}.{key}": buffer
            for name, network in self.networks.items()
            for key, buffer in network.named_buffers()
        }

    @contextlib.contextmanager
    def _evaluating(self) -> Iterator[None]:
        """Evaluation mode, of the objective's networks too, with no trace in the pair's."""
        with contextlib.ExitStack() as stack:
            stack.enter_context(self.averages.in_place())
            for part in (self.pair, *self.networks.values()):
                stack.enter_context(evaluating(part))
            stack.enter_context(untouched(self.pair.model, self.pair.guide))
            yield

    def _tensor(self, array: Any) -> Any:
        if isinstance(array, np.ndarray):
            self.pair.fills |= array.dtype.kind == "f" and bool(np.isnan(array).any())
            # A copy, because torch cannot mark a tensor as read-only.
            return torch.from_numpy(np.array(array)).to(self.device)
        return array.to(self.device) if hasattr(array, "to") else array

    def _batch(self, batch: tuple[Any, ...]) -> tuple[Any, ...]:
        return tuple(alias(self._tensor(array)) for array in batch)

    def _loss_and_grads(self, step: int, arrays: tuple[Any, ...], form: Form) -> float:
        objective: Any = self.turns[step % len(self.turns)]
        if isinstance(objective, Surrogate):
            ours: Any = objective
            loss = ours(*self._functions(form), *arrays)
            if not loss.requires_grad:
                raise nothing_to_learn(objective)
        else:
            args, kwargs = form.fill(arrays, self._tensor)
            return upstream_losses.loss_and_grads(objective, *self._own(), *args, **kwargs)
        loss.backward()
        return loss.item()

    def _adopt_new_parameters(self) -> None:
        """Train parameters that a later batch brought into being."""
        if len(pyro.get_param_store()._params) == len(self.names):
            return
        params = unconstrained(self.pair)
        new = [name for name in params if name not in self.names]
        known = {id(params[name]) for name in self.names if name in params}
        mine = (params[name] for name in new if not name.startswith(AVERAGE))
        if trained := [each for each in distinct(mine) if id(each) not in known]:
            self.sides[""].adopt(trained)
        self.names += new
