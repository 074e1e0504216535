"""What evaluators are given: a fitted pair in any of its forms, and the data to look at it on.

A fitted pair is what `fit` returns, that run's `pair`, or a `(model, guide)` tuple of functions.
Data are an array, a tuple of arguments where model and guide take more than one, or a dictionary
of arguments by name; one without such names is the only argument. Every evaluator begins here, so
that all of them take the same and refuse the same in the same words.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol, TypeGuard, TypeVar, runtime_checkable

from numpy.typing import ArrayLike

from inference.data.call import arguments_from, rows_of
from inference.data.in_batches import as_plain
from inference.data.pair_arrays import check_arrays, is_of_the_zoo, precision_of, scored_arrays
from inference.data.rows import Arrays
from inference.descriptions import answers_anything, first_line, has, raised, shown
from inference.engines import ENGINES, check_engine, engine_name, load_engine
from inference.errors import ArgumentError, DataError, ObjectiveError, PairError, ZooError
from inference.program.batches import Batch
from inference.program.engine import Engine
from inference.program.instruments import Tempering
from inference.program.records import raising_line
from inference.program.remedies import remedy_of
from inference.program.structure import Structure

T = TypeVar("T")
_FORMS = "a pair such as ppl_models.create makes, a run, or a (model, guide) tuple of functions"
_WITHOUT_DATA = (
    "To draw, a model is called with x=None and size=. What it takes beside x is given to this "
    "question as `given`; one without such an argument is for models that take x alone."
)


@runtime_checkable
class FittedRun(Protocol):
    """A run, as far as evaluators look at it."""

    pair: Any
    spec: dict[str, Any]
    rows: list[dict[str, float]]


@dataclass(frozen=True)
class Fitted:
    """A fitted pair with its engine and with data, all of them checked.

    Attributes:
        engine: `"pyro"` or `"numpyro"`.
        backend: the engine itself.
        pair: the pair, or the tuple of functions; where these take more than arrays with a row for
            each datum, model and guide as functions of those.
        arrays: the data, N rows each; empty where none were given.
    """

    engine: str
    backend: Engine
    pair: Any
    arrays: Arrays = ()


def fitted(pair: Any, *, engine: str | None = None, batch: Any = None) -> Fitted:
    """Understand a pair in any of its forms.

    Args:
        pair: a run, its pair, or a `(model, guide)` tuple of functions.
        engine: `"pyro"` or `"numpyro"`, where it cannot be told from the pair.
        batch: what model and guide take, to see which library they call; None if not known.

    Raises:
        ArgumentError: if it is no pair, or its engine cannot be told or is another one.
    """
    if engine is not None:
        check_engine(engine)
    inner, own = as_pair(pair)
    check_pair_type(inner)
    declared = own or getattr(inner, "engine", None)
    if engine is not None and declared in ENGINES and engine in ENGINES and engine != declared:
        raise ArgumentError(
            f"engine={engine!r}, but the pair is written for {declared!r}; leave engine= out."
        )
    name = engine or own or engine_name(inner, batch)
    return Fitted(name, load_engine(name), inner)


def fitted_on(
    pair: Any,
    x: ArrayLike | tuple[ArrayLike, ...],
    *,
    engine: str | None = None,
    name: str = "x",
) -> Fitted:
    """Understand a pair in any of its forms, and data for it.

    Args:
        pair: a run, its pair, or a `(model, guide)` tuple of functions.
        x: data, shape (N, D); a tuple where the pair takes more than one array.
        engine: `"pyro"` or `"numpyro"`, where it cannot be told from the pair.
        name: of the data, in errors.

    Raises:
        ArgumentError: if it is no pair, or its engine cannot be told or is another one.
        DataError: if the pair cannot take the data.
    """
    x = as_plain(x)
    found = fitted(pair, engine=engine, batch=x)
    if is_of_the_zoo(found.pair):
        arrays = scored_arrays(found.pair, as_given(x, name), found.engine)
        check_arrays(found.pair, arrays, name, engine=found.engine)
        return Fitted(found.engine, found.backend, found.pair, arrays)
    if _has_no_rows(x):
        raise ObjectiveError(
            f"{name} holds no array, and without an argument that has a row for each datum there "
            "are no weights per datum. Write the model as a function of an array of its data; the "
            "library's own Predictive draws from run.pair, at run.params, as it is."
        )
    as_given(x, name)
    batch = rows_of(found.pair, x, name, found.engine)
    inner = found.backend.on_arrays(found.pair, batch.form, batch.arrays)
    return Fitted(found.engine, found.backend, inner, batch.arrays)


def called_with(found: Fitted, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Fitted:
    """The pair with the arguments of one call, none of which need have rows.

    Args:
        found: the pair.
        args: what model and guide take by position.
        kwargs: what they take by name.

    Raises:
        DataError: if an array does not hold numbers.
    """
    if is_of_the_zoo(found.pair):
        arrays = scored_arrays(found.pair, as_given(args, "batch"), found.engine) if args else ()
        if arrays:
            check_arrays(found.pair, arrays, "batch", engine=found.engine)
        return Fitted(found.engine, found.backend, found.pair, arrays)
    batch = arguments_from(args, kwargs, precision_of(found.pair, found.engine))
    inner = found.backend.on_arrays(found.pair, batch.form)
    return Fitted(found.engine, found.backend, inner, batch.arrays)


def as_pair(value: Any) -> tuple[Any, str | None]:
    """The pair of a run, or whose model and guide a tuple holds; and the engine, where known.

    Anything else is returned as it is.
    """
    engine = None
    if _is_run(value):
        value, engine = value.pair, value.spec.get("pair", {}).get("engine")
    if isinstance(value, tuple) and len(value) == 2:
        owner = getattr(value[0], "__self__", None)
        if owner is not None and value == (
            getattr(owner, "model", None),
            getattr(owner, "guide", None),
        ):
            value = owner
    return value, engine


def _is_run(value: Any) -> TypeGuard[FittedRun]:
    return has(value, "pair", "spec", "rows") and isinstance(value.spec, dict)


def as_given(x: Any, name: str) -> tuple[Any, ...]:
    """One array or a tuple of arrays as a tuple.

    Raises:
        DataError: if it is a dataset, or holds nothing.
    """
    splits = [split for split in ("train", "valid", "test") if has(x, split)]
    if len(splits) > 1:
        raise DataError(
            f"{name} must be an array or a tuple of arrays, got a dataset; pass one of its splits, "
            f"such as data.{splits[-1]}."
        )
    parts = x if isinstance(x, tuple) else (x,)
    if not parts:
        raise DataError(f"{name} is an empty tuple; pass an array or a tuple of arrays.")
    return parts


def _check_made(pair: tuple[Any, ...]) -> None:
    """Check that model and guide are made, not classes that are still to be called.

    Raises:
        ArgumentError: naming the class.
    """
    for part, value in zip(("model", "guide"), pair, strict=True):
        if isinstance(value, type):
            given = "(model)" if "Auto" in value.__name__ else "()"
            raise ArgumentError(
                f"the {part} is the class {value.__name__}, and to call a class makes an object. "
                f"Pass an instance: {value.__name__}{given}."
            )


def _has_no_rows(x: Any) -> bool:
    """Whether there is nothing in it but single numbers, words and None, or nothing at all."""
    if isinstance(x, (dict, tuple)):
        return all(map(_has_no_rows, x.values() if isinstance(x, dict) else x))
    if isinstance(x, list):  # of numbers it is an array
        return bool(x) and all(getattr(part, "shape", None) == () for part in x)
    single = (int, float, str, type(None))
    return isinstance(x, single) or getattr(x, "shape", None) == ()


def draws_nothing(structure: Structure) -> bool:
    """Whether there is no latent in model or guide, so that the likelihood needs no draws."""
    return not structure.latents and not structure.proposals


def check_pair_type(pair: Any) -> None:
    """Check that something can be a pair.

    Raises:
        ArgumentError: if it is neither an object with model and guide nor a tuple of two.
    """
    if isinstance(pair, tuple):
        if len(pair) == 2 and all(callable(part) for part in pair):
            _check_made(pair)
            return
        held = ", ".join(type(part).__name__ for part in pair)
        raise ArgumentError(
            f"pair must be {_FORMS}; got a tuple of ({held}). Pass two functions: (model, guide)."
        )
    remedy = ""
    if isinstance(pair, type):
        remedy = f" Pass an instance of the class: {pair.__name__}(...)."
    elif answers_anything(pair):
        remedy = " It has whatever attribute it is asked for, as a mock has, and so no model."
    elif _is_run(pair):
        remedy = " Pass its pair: run.pair."
    elif (error := _raises(pair)) is not None:
        remedy = f" Asked for its model and guide, it raises {raised(error)}."
    elif hasattr(pair, "model") and hasattr(pair, "guide"):
        return
    elif isinstance(pair, (str, os.PathLike)):
        path = shown(str(pair))
        remedy = f" Read a run from its folder, or make a pair: load_run({path}) or create."
    elif callable(pair):
        remedy = (
            " A model by itself has no posterior; pass its guide too, both as one argument: "
            "(model, guide). Where there is none yet, AutoNormal(model) of the library's "
            "infer.autoguide is one."
        )
    elif hasattr(pair, "run") and hasattr(pair, "results"):
        remedy = " Pass one of its runs: comparison.run(pair, objective)."
    named: Any = pair if has(pair, "__name__") else type(pair)
    raise ArgumentError(f"pair must be {_FORMS}; got {named.__name__}.{remedy}")


def _raises(pair: Any) -> Exception | None:
    """What an object raises when it is asked for its model and guide, if anything."""
    try:
        _ = getattr(pair, "model", None), getattr(pair, "guide", None)
    except Exception as error:  # of a property of the user's
        return error
    return None


def explaining(run: Callable[[Any], T], batch: Batch | tuple[Any, ...]) -> T:
    """Run a pair for the first time.

    Raises:
        PairError: if it fails, naming the shapes that it was given and the line of the program.
    """
    try:
        return run(batch)
    except ZooError:
        raise
    except Exception as error:
        arrays = batch.arrays if isinstance(batch, Batch) else batch
        shapes = ", ".join(str(array.shape) for array in arrays)
        given, remedy = "without data", _WITHOUT_DATA
        if shapes:
            given = f"on a batch of shape {shapes}"
            remedy = remedy_of(error, "Call model and guide on such a batch by hand to see where.")
        where = raising_line(error)
        raise PairError(
            f"the pair fails {given}{f' at {where}' if where else ''}: {type(error).__name__}: "
            f"{first_line(error)}. {remedy}"
        ) from error


def tempering(given: Fitted) -> Tempering:
    """The chains of a pair at all temperatures.

    Raises:
        ObjectiveError: if the model has no density that is known up to a constant.
    """
    return explaining(lambda _: given.backend.Tempering(given.pair), ())
