"""What `fit` accepts as data, checked before it reaches a framework."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from inference.data.arrays import array_id, as_arrays, is_array, refuse_mock
from inference.data.call import are_calls, batch_from, by_position, is_table, leaves_of, rows_of
from inference.data.in_batches import as_plain
from inference.data.pair_arrays import as_scored, check_arrays, is_of_the_zoo, precision_of
from inference.data.rows import Arrays
from inference.data.unpaired import Unpaired
from inference.descriptions import has
from inference.errors import DataError
from inference.program.batches import Batch, Form, plain_form
from inference.program.surrogate import Surrogate


@dataclass(frozen=True)
class TrainingData:
    """Arrays or batches to train on, with where they come from.

    Attributes:
        arrays: training arrays with N rows each; empty when `batches` is given.
        valid: validation arrays; may be empty.
        batches: an iterable of batches, or None.
        binarise: whether real arrays hold probabilities, to be drawn afresh in each step.
        identity: what the spec records to tell one data set from another.
        image_shape: shape of one row as a picture, if it is one.
        form: how the training arrays make up the arguments of model and guide.
        valid_form: the same for the validation arrays.
        apart: whether each array has rows of its own: see `Unpaired`.
    """

    arrays: Arrays
    valid: Arrays
    batches: Iterable[Any] | None
    binarise: bool
    identity: str
    image_shape: tuple[int, int] | None
    form: Form = field(default_factory=lambda: plain_form(0))
    valid_form: Form = field(default_factory=lambda: plain_form(0))
    apart: bool = False


def prepare(
    pair: Any,
    data: Any,
    valid: Any = None,
    *,
    engine: str | None = None,
    objective: Any = None,
) -> TrainingData:
    """Understand data and validation data, and check them against the pair.

    Args:
        pair: the pair that is to score them.
        data: a dataset, an array, a tuple of arguments, a dictionary of arguments by name, or an
            iterable of batches. A dataset is anything with `train` and `valid` arrays; `y`, by
            split, is the second argument of pairs that take one, `dynamic` tells whether it is
            binarised afresh in each step, and `data_id(split)` what it is.
        valid: validation data in place of the dataset's own.
        engine: whose the pair is, where it cannot be told from it.
        objective: what the arrays at the end are for that the pair is not given, if any.

    Raises:
        DataError: if it is none of these, or an array cannot be scored by the pair.
    """
    refuse_mock("data", data)
    refuse_mock("valid", valid)
    own = objective if isinstance(objective, Surrogate) and objective.keeps else None
    data, valid = (by_position(pair, as_plain(each)) for each in (data, valid))
    check = partial(_check, engine=engine, own=own)
    found = _understood(pair, data, valid, engine, own, check)
    _check_alike(found.arrays, found.valid)
    if own is not None and found.arrays:
        for array in found.arrays[-own.keeps :]:
            own.check_all_beside(array)
    return replace(
        found,
        arrays=as_scored(pair, found.arrays) if found.arrays else (),
        valid=as_scored(pair, found.valid) if found.valid else (),
    )


def _understood(
    pair: Any, data: Any, valid: Any, engine: str | None, own: Any, check: Any
) -> TrainingData:
    real = precision_of(pair, engine)
    read = partial(as_arrays, real=real)
    if has(data, "train", "valid"):
        given = getattr(data, "y", None) or {}
        train = read(data.train) + (read(given["train"]) if given else ())
        held_out = read(data.valid if valid is None else valid)
        if valid is None and given:
            held_out += read(given["valid"])
        shape = getattr(data, "image_shape", None)
        check(pair, train, "train")
        if len(held_out[0]):
            check(pair, held_out, "valid")
        return TrainingData(
            arrays=train,
            valid=held_out if len(held_out[0]) else (),
            batches=None,
            binarise=bool(getattr(data, "dynamic", False)),
            identity=str(data.data_id("train")) if hasattr(data, "data_id") else array_id(train),
            image_shape=shape if shape is not None and len(shape) == 2 else None,
            form=plain_form(len(train)),
            valid_form=plain_form(len(held_out)),
        )
    if isinstance(data, Unpaired) and own is None:
        raise DataError(
            "data is Unpaired, whose second set the objective must look at by itself, such as "
            "CycleConsistent; for others pass a tuple of arrays."
        )
    if own is not None:
        return _with_own(pair, data, valid, read, check)
    held_out = Batch(()) if valid is None else rows_of(pair, valid, "valid", engine)
    if _is_one_call(pair, data):
        whole = rows_of(pair, data, "data", engine)
        identity = array_id(whole.arrays) if whole.form.plain else f"arguments/{whole.digest()}"
        rows = whole.arrays, held_out.arrays
        return TrainingData(*rows, None, False, identity, None, whole.form, held_out.form)
    if isinstance(data, Iterable) and not isinstance(data, (str, bytes, dict)):
        name = f"iterable/{type(data).__name__}"
        if isinstance(data, list):  # all of it is here, so that a resumed run can tell it
            read_batches = [batch_from(pair, item, real) for item in data]
            name = f"list/{array_id(tuple(a for batch in read_batches for a in batch.arrays))}"
            if not all(batch.form.plain for batch in read_batches):
                name += "/" + "".join(batch.digest() for batch in read_batches)[:48]
        rows, form = ((), held_out.arrays), held_out.form
        return TrainingData(*rows, data, False, name, None, valid_form=form)
    named = f" Pass ppl_models.datasets.load({data!r})." if isinstance(data, str) else ""
    if isinstance(data, dict):
        named = " Name its arrays as the model's arguments are, or pass them as a tuple."
    raise DataError(
        "data must be a dataset from ppl_models.datasets.load, a numpy array, a tuple of arrays, "
        f"or an iterable of batches; got {type(data).__name__}.{named}"
    )


def _with_own(pair: Any, data: Any, valid: Any, read: Any, check: Any) -> TrainingData:
    """Arrays of the pair, and last those of the objective."""
    apart = isinstance(data, Unpaired)
    train, held_out = (
        () if rows is None else read((rows.x, rows.y) if isinstance(rows, Unpaired) else rows)
        for rows in (data, valid)
    )
    check(pair, train, "data", apart=apart)
    if held_out:
        least = min(map(len, held_out)) if isinstance(valid, Unpaired) else None
        held_out = tuple(array[:least] for array in held_out)
        check(pair, held_out, "valid")
    forms = {"form": plain_form(len(train)), "valid_form": plain_form(len(held_out))}
    return TrainingData(train, held_out, None, False, array_id(train), None, apart=apart, **forms)


def _check(
    pair: Any,
    arrays: Arrays,
    name: str,
    *,
    engine: str | None,
    own: Surrogate | None,
    apart: bool = False,
) -> None:
    """`check_arrays` of those that are the pair's, `check_beside` of the objective's.

    Raises:
        DataError: naming the array, what was expected and what came.
    """
    keeps = 0 if own is None else own.keeps
    if keeps and len(arrays) <= keeps:
        raise DataError(
            f"{name} must end with what the objective itself looks at, beside what the pair takes: "
            f"{keeps + 1} arrays or more, such as (x, y), got {len(arrays)}."
        )
    given, looked_at = arrays[: len(arrays) - keeps], arrays[len(arrays) - keeps :]
    for array in looked_at:
        if not array.ndim or not array.size:
            raise DataError(
                f"{name} ends with an array of shape {array.shape}, which the objective is to look "
                "at; pass at least one row and column."
            )
    check_arrays(pair, given, name, engine=engine)
    rows = {len(array) for array in arrays}
    if len(rows) > 1 and not apart:
        raise DataError(f"the arrays of {name} must have equally many rows, got {sorted(rows)}.")
    for array in looked_at:
        if own is not None:
            own.check_beside(array, name)


def _is_one_call(pair: Any, data: Any) -> bool:
    """Whether data are the arguments of one call, and not a sequence of batches.

    A tuple is, unless all that it holds are tuples and lists, which are batches. A list is that
    holds numbers, or rows of them of one length: a table; but tuples of as many numbers as the
    model cannot do without are batches.
    """
    if is_array(data) or is_table(data):
        return not (isinstance(data, list) and are_calls(pair, data))
    if is_of_the_zoo(pair):
        return isinstance(data, tuple) and any(map(is_array, data))
    if isinstance(data, dict):
        return any(map(is_array, leaves_of(data)))
    if not isinstance(data, tuple) or not data:
        return False
    return not all(isinstance(part, (tuple, list)) for part in data)


def _check_alike(arrays: Arrays, held_out: Arrays) -> None:
    """Check that validation rows look like training rows, before any step is taken.

    Raises:
        DataError: naming the shapes.
    """
    for position, (array, other) in enumerate(zip(arrays, held_out, strict=False)):
        if array.shape[1:] != other.shape[1:]:
            raise DataError(
                f"array {position} of the validation data has shape {other.shape}, but that of the "
                f"training data {array.shape}; beyond the first dimension they must agree."
            )
