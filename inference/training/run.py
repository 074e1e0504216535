"""A run: what `fit` returns and `load_run` reads."""

from __future__ import annotations

import html
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from inference.arguments import check_flag, check_seed
from inference.data.call import as_called, unpacked
from inference.data.pair_arrays import check_arrays, is_of_the_zoo, precision_of, scored_arrays
from inference.data.support import check_askable
from inference.engines import load_engine
from inference.errors import ArgumentError
from inference.pairs import as_given, explaining
from inference.posterior.latent_means import are_arrays, latent_means, latent_means_at
from inference.program.engine import Engine
from inference.training.questions import asking, check_draws, checked_latents, read_named

if TYPE_CHECKING:
    import pandas as pd
    from arviz import InferenceData

    from inference.figures.pictures import Picture


@dataclass(frozen=True)
class Run:
    """One fitted pair with its spec, history and parameters.

    It can be copied and pickled, as far as its pair can: classes and functions of a module can,
    lambdas and functions inside of functions need cloudpickle. A run folder holds no pickle.

    Attributes:
        pair: the fitted pair; it takes the place of the untrained one everywhere.
        parameters: name to array, as the model sees them.
        spec: everything needed to repeat the run.
        status: `"finished"`, `"stopped early"`, `"time"`, `"interrupted"`, `"running"` (a run
            folder whose fit was killed), `"diverged"`, or `"failed"` (a step raised an error).
        step: steps taken.
        folder: the run folder, or None.
        rows: the history as a list of dictionaries.
        image_shape: shape of one row as a picture, if it is one.
        objective: what the pair was trained under; None if a loaded run had networks of its own.
        owned: the values of what the objective owns, such as a critic.
        trained_on: the training rows x, not of a run that was loaded; None of batches.
    """

    pair: Any
    parameters: dict[str, NDArray[Any]]
    spec: dict[str, Any]
    status: str
    step: int
    folder: Path | None
    rows: list[dict[str, float]]
    image_shape: tuple[int, int] | None = None
    objective: Any = None
    owned: dict[str, NDArray[Any]] = field(default_factory=dict)
    trained_on: NDArray[Any] | None = field(default=None, compare=False)

    def __getstate__(self) -> dict[str, Any]:
        """All but the data, which a copy does not take along."""
        return {**vars(self), "trained_on": None}

    @property
    def params(self) -> dict[str, Any]:
        """The parameters as the library's own functions take them.

        For Pyro the state of a parameter store,

            with pyro.get_param_store().scope(run.params):
                Predictive(model, guide=guide, num_samples=100)(x)

        and for NumPyro a dictionary by site, with the state of networks,

            Predictive(model, guide=guide, params=run.params, num_samples=100)(key, x)
            guide.sample_posterior(key, run.params, sample_shape=(100,))

        They are copies: what is done with them does not change the run.
        """
        return self._engine.params(self.pair)

    @property
    def history(self) -> pd.DataFrame:
        """One row per report: step, epoch, loss, valid_bound, seconds; nats per datum."""
        import pandas as pd

        return pd.DataFrame(self.rows or {"step": [], "epoch": [], "loss": [], "seconds": []})

    def plot(self) -> Picture:
        """Loss and validation bound against the step, in the objective's unit."""
        from inference.figures.curves import learning_curve

        return learning_curve(self.rows, self.unit)

    @property
    def unit(self) -> str:
        """Of the history's losses and bounds: nats per datum, unless the objective is no bound."""
        return getattr(self.objective, "unit", "nats per datum")

    def sample(
        self, size: int, *given: ArrayLike, seed: int = 0, mean: bool | None = None
    ) -> NDArray[Any]:
        """Draw rows from the model: likelihood means, or data with `mean=False`; (size, D).

        Args:
            size: how many.
            *given: what the model takes besides x, such as labels, `size` rows each.
            seed: seed of the draws.
            mean: whether to return the likelihood's means; None where it has one that is no draw's
                own. That of a sequential site, such as an autoregressive one, depends on the site's
                draw, and None returns the draw.

        Raises:
            ArgumentError: if the mean is asked for of a model whose x is a sequential site.
        """
        beside = self._read(given)
        count = check_draws(self.pair, size, seed, beside)
        if mean is not None:
            check_flag("mean", mean)
        means, draws = asking(
            lambda: self._engine.draw(self.pair, count, seed, *beside), f"draws {count} rows"
        )
        if means is None and mean:
            raise ArgumentError(
                "mean=True asks for the likelihood's mean, but data that are drawn entry by entry, "
                "each given others of the same draw, have none of their own, and categories have "
                "none that the model does not return. Leave out mean= for draws."
            )
        return draws if means is None or mean is False else means

    def latents(self, *x: ArrayLike, seed: int = 0) -> dict[str, NDArray[Any]]:
        """The guide's mean of each latent given data, or a dictionary of arguments, N rows each.

        A category's mode; an average of 400 draws where the guide's distribution says no mean.

        Raises:
            DataError, ObjectiveError: if the pair cannot take the data, or only a part of the rows.
        """
        check_seed(seed)
        if not (is_of_the_zoo(self.pair) or are_arrays(x)):
            return latent_means_at(self, x, seed, "run.latents")
        return latent_means(self._engine, self.pair, self._data(x), seed, "run.latents")

    def encode(self, *x: ArrayLike, seed: int = 0, mean: bool = False) -> NDArray[Any]:
        """What data are made of: a flow's noise, or the code that a machine's hidden units are.

        A normalising flow has one noise u for each datum x = f(u), (N, D). Where the flow is of a
        latent, as of dequantised data, it is that of a draw of the guide. A restricted Boltzmann
        machine has binary codes, (N, H): a draw of its hidden units given x, for another machine to
        learn (`inference.stack`), or their chances. Of a deep belief net it is the topmost layer.

        Args:
            *x: the data, and whatever else the pair takes, such as labels.
            seed: seed of the draws.
            mean: whether to return chances in place of binary codes.

        Raises:
            ArgumentError: if the pair has neither, or the mean of a flow's noise is asked for.
        """
        check_seed(seed)
        check_flag("mean", mean)
        ask, rows = self._engine.ask, self._data(x)
        found = explaining(lambda x: ask(self.pair, "to_base", *x, rng_seed=seed), rows)
        if found is not None:
            if mean:
                raise ArgumentError(
                    "mean=True is for the chances of binary codes, but this pair is a normalising "
                    "flow, whose noise given data is one value; leave out mean=."
                )
            return found
        chances = explaining(lambda x: ask(self.pair, "codes", *x, rng_seed=seed), rows)
        if chances is None:
            raise ArgumentError(
                "encode gives the noise that a normalising flow makes data of, or a machine's "
                "binary codes, but no distribution of this model has to_base or codes; use "
                "run.latents(x) for the guide's means of its latents."
            )
        if mean:
            return chances
        random = np.random.default_rng(seed)
        return (random.random(chances.shape) < chances).astype(chances.dtype)

    def reconstruct(self, *x: ArrayLike, seed: int = 0) -> NDArray[Any]:
        """The likelihood's mean at the guide's mean of the latents, shape (N, D).

        Of a sequential site, whose mean depends on its own draw, it is a draw at these latents.

        Raises:
            ArgumentError: if the pair has no latents.
        """
        (rows, *given), latents = self._data(x), self.latents(*x, seed=seed)
        if not latents:
            raise ArgumentError(
                "reconstruct decodes the latents of data, and this pair has none; run.sample(size) "
                "draws from the model."
            )
        return self._engine.decode(self.pair, latents, seed, *given, size=len(rows))

    def decode(self, /, *given: ArrayLike, **latents: ArrayLike) -> NDArray[Any]:
        """The likelihood's mean at given latents, by site name, each with N rows or shared by all.

        Of a sequential site, whose mean depends on its own draw, it is a draw. Latents that are
        not given are drawn from the model.

        Args:
            *given: what the model takes besides x, such as labels.
            **latents: numbers, which become those of the model's draws.

        Raises:
            ArgumentError: if the model has no latent of a name.
            DataError: if one has another shape than the model's draws, or lies where it draws none.
        """
        arrays = dict(zip(latents, self._read(tuple(latents.values()), *latents), strict=True))
        beside = self._read(given)
        size, values = checked_latents(self._engine, self.pair, arrays, beside)
        decode = self._engine.decode
        return asking(lambda: decode(self.pair, values, 0, *beside, size=size), "decodes latents")

    def to_arviz(self, *x: ArrayLike, num_draws: int = 500, seed: int = 0) -> InferenceData:
        """Draws of the latents given data, and what they predict, for ArviZ's tables and plots.

        See `inference.to_arviz` for the groups, and for what `arviz.loo` means here.

        Args:
            *x: the data, and whatever else the pair takes, such as labels; or a dictionary by name.
            num_draws: how many.
            seed: seed of the draws.
        """
        from inference.posterior.draws import to_arviz

        attrs = {"objective": self.spec["objective"], "trained_on": self.spec["data"]["id"]}
        engine, given = self.spec["pair"]["engine"], as_called(self.pair, unpacked(x))
        return to_arviz(
            self.pair, given, num_draws=num_draws, seed=seed, engine=engine, attrs=attrs
        )

    def critic(self, *batch: ArrayLike) -> NDArray[Any]:
        """The score of each datum by the critic of an adversarial objective, shape (N,).

        Args:
            *batch: x, whatever else the pair takes, and under a joint critic the latents side by
                side, each with N rows.

        Raises:
            ArgumentError: if the run has no critic, or it is not known what network it was.
        """
        if self.objective is None or not hasattr(self.objective, "scores"):
            said = f"a run under {self.spec['objective']!r} has no critic to ask"
            load = "; load it with load_run(folder, objective=...)." if self.owned else "."
            raise ArgumentError(said + load)
        ask, given = self._engine.critic_scores, (self.pair, self.objective, self.owned)
        return explaining(lambda x: ask(*given, x), self._scored(batch))

    def __repr__(self) -> str:
        return f"Run({', '.join(f'{name}: {value}' for name, value in self._facts().items())})"

    def _repr_html_(self) -> str:
        """What was fitted, how far, and the last row of the history."""
        rows = "".join(
            f"<tr><th>{html.escape(key)}</th><td>{html.escape(str(value))}</td></tr>"
            for key, value in self._facts().items()
        )
        last = self.history.tail(1).to_html(index=False, float_format="{:.4g}".format, na_rep="")
        return f"<table>{rows}</table>{last if self.rows else ''}"

    def _facts(self) -> dict[str, str]:
        pair = self.spec["pair"]
        return {
            "pair": str(pair.get("class") or "functions").rpartition(":")[2],
            "engine": pair["engine"],
            "objective": self.spec["objective"],
            "data": self.spec["data"]["id"],
            "status": f"{self.status} after {self.step:,} steps",
            **({"folder": str(self.folder)} if self.folder else {}),
        }

    @property
    def _engine(self) -> Engine:
        return load_engine(self.spec["pair"]["engine"])

    def _data(self, x: tuple[ArrayLike, ...]) -> tuple[NDArray[Any], ...]:
        arrays = self._scored(x)
        if is_of_the_zoo(self.pair):
            check_arrays(self.pair, arrays, "x", engine=self.spec["pair"]["engine"])
            check_askable(self._engine, self.pair, arrays, "x")
        return arrays

    def _scored(self, x: tuple[ArrayLike, ...]) -> tuple[NDArray[Any], ...]:
        return scored_arrays(self.pair, as_given(unpacked(x), "x"), self.spec["pair"]["engine"])

    def _read(self, values: tuple[ArrayLike, ...], *names: str) -> tuple[NDArray[Any], ...]:
        real = precision_of(self.pair, self.spec["pair"]["engine"])
        return read_named(values, real, names)
