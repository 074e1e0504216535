"""Gradient steps on NumPyro: one compiled loop takes any number of them, data on the device."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import numpyro
from jax import lax, random
from numpy.typing import NDArray
from numpyro.handlers import block, seed
from numpyro.infer import SVI

from inference.engines.funsor_backend import use_in_funsor
from inference.engines.numpyro.autoguides import unprepared
from inference.engines.numpyro.averages import svi_of
from inference.engines.numpyro.compilation import Compiled
from inference.engines.numpyro.constants import Constants, Held
from inference.engines.numpyro.devices import find_device
from inference.engines.numpyro.inspection import inspect
from inference.engines.numpyro.minibatches import Minibatches
from inference.engines.numpyro.optimisers import optimiser_of
from inference.engines.numpyro.pairs import parts
from inference.engines.numpyro.parameters import check_learns
from inference.engines.numpyro.sketch import is_traced, only
from inference.engines.numpyro.svi import asked, attach
from inference.engines.numpyro.validation import Validation
from inference.engines.thread_lock import ALONE
from inference.errors import ArgumentError
from inference.program.batches import Batch, Form, leading, plain_form
from inference.program.program import OWNED_STATE
from inference.program.structure import Structure
from inference.program.surrogate import Surrogate
from inference.program.trainer import Settings

_LONGEST = 4096  # steps of one call of the compiled loop; the size of its buffer of losses


class Trainer(Validation):
    """Steps of one objective on one pair; see `inference.program.trainer.Trainer`."""

    def __init__(self, pair: Any, objective: Any, settings: Settings) -> None:
        self.settings = settings
        if not hasattr(objective, "loss") or type(objective).__module__.startswith("pyro."):
            raise ArgumentError(
                f"objective {objective!r} is no loss of NumPyro's; pass one of "
                "inference.objectives or of numpyro.infer."
            )
        self.pair = pair
        self.device = find_device(settings.device)
        self.data = tuple(self._tensor(array) for array in settings.arrays)
        self.valid = tuple(self._tensor(array) for array in settings.valid)
        self.functions = [leading(f, getattr(objective, "keeps", 0)) for f in parts(pair)]
        self.ours, (model, guide) = isinstance(objective, Surrogate), self.functions
        phases = objective.phases if self.ours else ()
        self.turns: tuple[str | None, ...] = tuple(each.name for each in phases) or (None,)
        if self.ours:
            guide = attach(objective.during(self.turns[0]), model, guide)
        optimiser = optimiser_of(settings, phases)
        decay = settings.average_decay
        self.svi_of: dict[str | None, SVI] = {
            turn: svi_of(model, guide, optimiser, objective, turn=turn, decay=decay)
            for turn in (None, *self.turns)
        }
        self.svi = self.svi_of[None]
        self.minibatches = Minibatches(settings)
        self.svi_state: Any = None
        self.scales: dict[Any, float] = {}
        self._prepared: list[Any] = []  # autoguides that were made ready by a look at the data
        self._lifts = True  # whether real numbers among the arguments can be traced
        self._rows: Any = None  # the order of the epoch that is under way
        self.constants = Constants(whole=settings.full_batch or not settings.arrays)
        self._loop = Compiled(self._steps)
        self._single = Compiled(self._on_batch, static=(4,))
        self._bound = Compiled(self._valid_bound, static=(3,))

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Put new arrays on the trainer's device; leave out checks of data that were checked."""
        # NumPyro's own check would also turn a warning about grey pixels into a loss of infinity.
        with (
            ALONE,
            asked(),
            jax.default_device(self.device),
            numpyro.validation_enabled(False),
        ):
            yield

    def inspect(self, batch: Batch | tuple[Any, ...]) -> Structure:
        """Sites and plates on one batch; `argument` of a site counts the batch's arrays."""
        batch = Batch.of(batch)
        arrays, guide = self._batch(batch.arrays), parts(self.pair)[1]
        args, kwargs = batch.form.fill(arrays, self._convert)
        if new := unprepared(guide):
            # They draw their starting points from the first key seen: let that be SVI.init's.
            self._prepared += new
            with block():
                seed(guide, random.split(random.PRNGKey(self.settings.seed), 3)[2])(*args, **kwargs)
        return inspect(*self._functions(batch.form), arrays, {})

    def start(self, batch: Batch | tuple[Any, ...]) -> None:
        """Initialise parameters and optimiser as `SVI.init` does, from the seed."""
        batch = Batch.of(batch)
        state, svi, args, kwargs = self.constants.trying(lambda: self._initial(batch))
        for each in self.svi_of.values():
            each.constrain_fn = svi.constrain_fn
        # Put on the device by name, as what the compiled loop returns, or it would compile twice.
        self.svi_state = jax.device_put(state, self.device)
        params = self.svi.get_params(self.svi_state)
        check_learns(self.svi.loss, params, svi.model, args, kwargs)

    def _initial(self, batch: Batch) -> tuple[Any, SVI, tuple[Any, ...], dict[str, Any]]:
        """The first state, and what was asked for it with which arguments."""
        use_in_funsor("jax", "numpyro")
        svi, args, kwargs = self._svi_on(None, batch.form, self._batch(batch.arrays))
        for guide in self._prepared:
            # Each prepares itself again from the same key, as in upstream's own first run, and what
            # it draws after that is then drawn from the same keys too.
            guide.prototype_trace = None
        key = random.PRNGKey(self.settings.seed)
        state = None if kwargs else only(svi.init, (svi.model, svi.guide), key, *args)
        known: Any = svi.constrain_fn  # a partial, of the transforms by name
        if state is None or is_traced(known.args):
            state = svi.init(key, *args, **kwargs)
        return state, svi, args, kwargs

    def run(self, start: int, stop: int) -> NDArray[np.float64]:
        """Steps `start` to `stop` on minibatches; the losses, cut after one that is not finite."""
        stop = min(stop, start + _LONGEST)
        if self._rows is None:
            self._rows = jax.device_put(self.minibatches.first_order(start), self.device)
        self.svi_state, taken, self._rows, losses = self.constants.trying(
            lambda: self._loop(
                self.svi_state, start, stop, self._rows, self._given, self.minibatches.keys
            ),
            ask=self._ask,
        )
        return np.asarray(losses, dtype=np.float64)[: int(taken) - start]

    def _ask(self) -> None:
        """Trace the program alone on a minibatch: it may ask for values that this does not have."""
        size, form = self.settings.batch_size, self.settings.form
        arrays = tuple(array[:size] for array in self.settings.arrays)
        self.data_scale(Batch(arrays, form or plain_form(len(arrays))))

    def run_batch(self, batch: Batch, step: int) -> float:
        """One step on a batch that the caller brought.

        Real numbers are traced as arrays are, because they may be others in each batch, such as an
        annealing factor; not where the program asks for their values or types. All else is
        compiled in.
        """
        return self.constants.trying(lambda: self._own_batch(batch, step))

    def _own_batch(self, batch: Batch, step: int) -> float:
        arrays, form, keys = self._batch(batch.arrays), batch.form, self.minibatches.keys
        if self.constants.held:
            self.svi_state, loss = self._single(self.svi_state, step, (), keys, Held(batch))
            return float(loss)
        lifted, numbers = form.lifted(len(arrays))
        if self._lifts and numbers:
            try:
                given = (*arrays, *numbers)
                self.svi_state, loss = self._single(self.svi_state, step, given, keys, lifted)
                return float(loss)
            except Exception:  # of jax, or the program's own, as where it asks for a float
                self._lifts = False
        self.svi_state, loss = self._single(self.svi_state, step, arrays, keys, form)
        return float(loss)

    @property
    def _given(self) -> tuple[Any, ...]:
        """The data that the compiled loop is given: none where they are compiled in."""
        return () if self.constants.held else self.data

    def symptom(self) -> str:
        """What was wrong in the last step, as far as the objective can tell."""
        carried = self.svi_state.mutable_state or {}
        own = {n.removeprefix(OWNED_STATE): v for n, v in carried.items() if OWNED_STATE in n}
        return self.svi.loss.symptom(own) if self.ours else ""

    def _steps(
        self, svi_state: Any, start: Any, stop: Any, rows: Any, data: tuple[Any, ...], keys: Any
    ) -> Any:
        """Steps start to stop, ending early at a loss that is not finite.

        The bounds are traced, so that chunks of any length share one compilation.
        """

        def unfinished(carry: Any) -> Any:
            step, _, _, losses = carry
            last = losses[jnp.maximum(step - start - 1, 0)]
            return (step < stop) & jnp.isfinite(last)

        def advance(carry: Any) -> Any:
            step, state, rows, losses = carry
            rows, batch = self.minibatches.of(step, rows, data or self.settings.arrays, keys)
            state, loss = self._on_batch(state, step, batch, keys, self.settings.form)
            return step + 1, state, rows, losses.at[step - start].set(loss)

        carry = (jnp.asarray(start), svi_state, rows, jnp.zeros(_LONGEST))
        step, svi_state, rows, losses = lax.while_loop(unfinished, advance, carry)
        return svi_state, step, rows, losses

    def _on_batch(
        self,
        svi_state: Any,
        step: Any,
        arrays: tuple[Any, ...],
        keys: Any,
        form: Form | Held | None,
    ) -> Any:
        """One step of whoever's turn it is."""
        use_in_funsor("jax", "numpyro")
        if isinstance(form, Held):
            arrays, form = form.batch.arrays, form.batch.form
        phases = sorted(set(self.turns), key=self.turns.index)
        arrays = self.minibatches.binarised(arrays, step, keys)

        def update(state: Any, phase: str | None) -> Any:
            svi, args, kwargs = self._svi_on(phase, form or plain_form(len(arrays)), arrays)
            return svi.update(state, *args, **kwargs)

        if len(phases) == 1:
            return update(svi_state, phases[0])
        turn = jnp.array([phases.index(phase) for phase in self.turns])[step % len(self.turns)]
        updates = [lambda state, phase=phase: update(state, phase) for phase in phases]
        return lax.switch(turn, updates, svi_state)

    def _svi_on(
        self, phase: str | None, form: Form, arrays: tuple[Any, ...]
    ) -> tuple[SVI, tuple[Any, ...], dict[str, Any]]:
        """The SVI of a phase and what it takes: our objectives see functions of arrays alone."""
        svi = self.svi_of[phase]
        if not self.ours or form.plain:
            return svi, *form.fill(arrays, self._convert)
        svi = copy.copy(svi)
        svi.model, guide = self._functions(form)
        svi.guide = attach(self.svi.loss.during(self.turns[0]), svi.model, guide)
        return svi, arrays, {}
