"""What a trainer on NumPyro asks of its pair between steps: validation bounds, scales of data."""

from __future__ import annotations

from functools import partial
from typing import Any

import jax
from jax import lax, random

from inference.engines.funsor_backend import use_in_funsor
from inference.engines.numpyro.compilation import Compiled
from inference.engines.numpyro.constants import Constants, Held
from inference.engines.numpyro.inspection import describe
from inference.engines.numpyro.pairs import as_array, evaluating
from inference.engines.numpyro.step_state import StepState
from inference.engines.numpyro.svi import bound
from inference.engines.numpyro.traces import traces
from inference.program.batches import Batch, Form, on_arrays, plain_form
from inference.program.trainer import Settings


class Validation(StepState):
    """Bounds on data that no step is taken on, and how many data a row stands for."""

    settings: Settings
    constants: Constants
    functions: list[Any]
    valid: tuple[Any, ...]
    scales: dict[Any, float]
    ours: bool
    _bound: Compiled

    def _functions(self, form: Form) -> tuple[Any, Any]:
        """Model and guide as functions of a batch's arrays."""
        model, guide = self.functions
        return on_arrays(model, form, self._convert), on_arrays(guide, form, self._convert)

    def _convert(self, value: Any) -> Any:
        return value if self.constants.held else as_array(value)

    def evaluate(self, rows: int) -> float:
        """The judge's bound summed over the validation set, from a fixed seed."""
        count, total = len(self.valid[0]), 0.0
        whole, key = count // rows, random.PRNGKey(self.settings.seed)
        with evaluating(self.pair):
            for first, end, chunks in ((0, whole * rows, whole), (whole * rows, count, 1)):
                if first < end:
                    part = slice(first, end)
                    work = partial(self._bound_of, part, key, chunks)
                    total += self.constants.trying(work)
        return total

    def _bound_of(self, part: slice, key: Any, chunks: int) -> float:
        """The judge's bound on some rows of the validation set, summed over them."""
        if self.constants.held:
            own = tuple(array[part] for array in self.settings.valid)
            held = Held(Batch(own, self.settings.valid_form or plain_form(len(own))))
            return float(self._bound(self.svi_state, (), key, held))
        rows = tuple(array[part] for array in self.valid)
        return float(self._bound(self.svi_state, rows, key, chunks))

    def data_scale(self, batch: Batch) -> float:
        """How many data a row of this batch stands for; looked up once per number of rows."""
        form, rows = batch.form, batch.rows
        kind = rows, None if form.plain else form.lifted(len(batch.arrays))[0]
        if kind not in self.scales:
            with evaluating(self.pair):
                self.scales[kind] = self.constants.trying(lambda: self._looked_up(batch))
        return self.scales[kind]

    def _looked_up(self, batch: Batch) -> float:
        """A data scale, found under tracing."""
        found: list[float] = []

        def look(values: Any, arrays: tuple[Any, ...]) -> None:
            own = Batch(arrays or batch.arrays, batch.form)
            found.append(self._scale_of(random.PRNGKey(0), values, own))

        given = () if self.constants.held else self._batch(batch.arrays)
        jax.eval_shape(look, self._values(self.svi_state), given)
        return found[0]

    def _scale_of(self, key: Any, values: dict[str, Any], batch: Batch) -> float:
        """As `data_scale`, under tracing, where to look costs nothing at run time."""
        both = traces(key, values, *self._functions(batch.form), batch.arrays, {})
        return describe(*both, batch.arrays, can_draw=False).data_scale(batch.rows)

    def _valid_bound(
        self, svi_state: Any, valid: tuple[Any, ...], key: Any, chunks: int | Held
    ) -> Any:
        use_in_funsor("jax", "numpyro")
        values = self._values(svi_state)

        def of_chunk(chunk: Any) -> Any:
            key, arrays = chunk
            batch = Batch(arrays, self.settings.valid_form or plain_form(len(arrays)))
            scale = self._scale_of(key, values, batch)
            functions = self._functions(batch.form)
            if self.settings.judge is not None:
                return bound(self.settings.judge, key, values, *functions, *arrays) / scale
            if self.ours:
                if batch.form.plain:
                    functions = self.svi.model, self.svi.guide
                return bound(self.svi.loss, key, values, *functions, *arrays) / scale
            args, kwargs = batch.form.fill(arrays, self._convert)
            programs = self.svi.model, self.svi.guide
            return -self.svi.loss.loss(key, values, *programs, *args, **kwargs) / scale

        if isinstance(chunks, Held):
            return of_chunk((key, chunks.batch.arrays))
        keys = random.split(key, chunks)
        split = tuple(a.reshape(chunks, -1, *a.shape[1:]) for a in valid)
        return lax.map(of_chunk, (keys, split)).sum()

    def _batch(self, batch: tuple[Any, ...]) -> tuple[Any, ...]:
        return batch if self.constants.held else tuple(self._tensor(array) for array in batch)

    def _tensor(self, array: Any) -> Any:
        return jax.device_put(array, self.device)
