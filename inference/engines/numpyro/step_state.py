"""What steps on NumPyro carry from one to the next: parameters and states."""

from __future__ import annotations

from typing import Any

import jax
from numpy.typing import NDArray
from numpyro.infer import SVI

from inference.engines.numpyro.averages import values_of
from inference.engines.numpyro.keys import as_numpy, as_tree
from inference.engines.numpyro.pairs import StoredPair
from inference.engines.numpyro.parameters import flatten, stored
from inference.errors import RunFolderError
from inference.program.program import OWNED, is_owned


class StepState:
    """The state of a trainer, and the ways to keep it and to go on from it."""

    pair: Any
    device: Any
    svi: SVI
    svi_state: Any
    _rows: Any

    def fitted(self, values: dict[str, NDArray[Any]]) -> StoredPair:
        """The trained pair, with values that `values()` gave."""
        own = self._values(self.svi_state)
        template = {name: value for name, value in own.items() if not name.startswith(OWNED)}
        kept = {name: value for name, value in values.items() if not is_owned(name)}
        return stored(self.pair, kept, template)

    def values(self) -> dict[str, NDArray[Any]]:
        """The trained values by path, for `rebuild`."""
        return flatten(self._values(self.svi_state))

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that the next step depends on."""
        leaves = jax.tree_util.tree_flatten_with_path(self.svi_state)[0]
        return {jax.tree_util.keystr(path): as_numpy(leaf) for path, leaf in leaves}

    def restore(self, arrays: dict[str, NDArray[Any]]) -> None:
        """Continue from a state."""
        own = {name: array.shape for name, array in self.state().items()}
        if own != {name: array.shape for name, array in arrays.items()}:
            raise RunFolderError(
                "the checkpoint holds other parameters or another optimiser than this run; resume "
                "with the pair and optimizer= that wrote it, or choose another out=."
            )
        self._rows = None
        state = as_tree([arrays[name] for name in own], self.svi_state)
        self.svi_state = jax.device_put(state, self.device)

    def _values(self, svi_state: Any) -> dict[str, Any]:
        return values_of(self.svi, svi_state)
