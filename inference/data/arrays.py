"""Arrays in numpy, from whatever holds numbers: tensors, tables, sparse matrices."""

from __future__ import annotations

import hashlib
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.data.rows import Arrays
from inference.descriptions import answers_anything, has, said, shown
from inference.errors import ArgumentError, DataError


def is_array(value: Any) -> bool:
    """Whether something is an array or a table by itself, and not a collection of them."""
    if isinstance(value, ModuleType):  # numpy has a function for each of these names
        return False
    return has(value, "shape", "dtype") or has(value, "shape", "to_numpy")


def as_array(part: Any, real: Any = np.float32, *, first: bool = True) -> NDArray[Any]:
    """The numbers of an array, a table or a list as a numpy array, in the machine's byte order.

    Tensors of torch and arrays of jax may lie on any device; what they have that numpy does not,
    such as bfloat16, becomes `real`. Tables (pandas) give their columns in order; a missing entry
    is NaN. Sparse matrices are written out.

    Args:
        part: what holds the numbers.
        real: the type of real numbers.
        first: whether truth values are pixels, and so real numbers; elsewhere they are a mask.

    Raises:
        DataError: if it does not hold numbers, or its mask would be lost.
    """
    _refuse_masked(part)
    _refuse_words(part)
    try:
        array = _native(_numpy(part))
    except (DataError, MemoryError):
        raise
    except ValueError as error:
        raise DataError(f"data cannot be made an array ({error}); pass equal rows.") from error
    except Exception as error:  # its own, when it is asked
        raise DataError(
            f"data of type {type(part).__name__} cannot be made an array ({said(error)}); convert "
            "it, for example with numpy.asarray."
        ) from error
    if array.dtype.kind not in "biuf":
        raise DataError(f"data must hold real numbers, got dtype {array.dtype}; {_remedy(array)}.")
    with np.errstate(over="ignore"):  # what is too large becomes infinite, and is refused
        if array.dtype.kind in ("bf" if first else "f") or _beyond_32_bits(array):
            array = array.astype(real)
    return np.asarray(array, order="C")  # no reversed rows, which torch does not take


def _beyond_32_bits(array: NDArray[Any]) -> bool:
    """Whether whole numbers are so large that they can be no index, but a quantity.

    Where whole numbers have 32 bits, as in jax, 2 ** 32 + 5 would be taken for 5.
    """
    if array.dtype.kind not in "iu" or array.itemsize < 8 or not array.size:
        return False
    held = np.iinfo(f"{array.dtype.kind}4")
    return bool(array.min() < held.min or array.max() > held.max)


def _remedy(array: NDArray[Any]) -> str:
    """What makes numbers of an array of something else, as the end of a sentence."""
    if array.dtype.kind == "c":
        return "pass what the model is of, such as x.real, or both parts as columns"
    if array.dtype.kind in "mM":
        since = "x" if array.dtype.kind == "m" else "(x - x.min())"
        return f"count time in a unit that you choose: {since} / numpy.timedelta64(1, 'D')"
    if array.dtype.names is not None:
        return "pass its fields as columns: numpy.column_stack([x[name] for name in x.dtype.names])"
    if array.dtype.kind == "O" and any(hasattr(each, "__len__") for each in array.flat):
        return "its entries are arrays or words; pass numpy.stack(list(x)) of equal rows of numbers"
    return "convert it, for example with .astype('float32')"


def observed_entries(observed: Any, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Which entries of data are held, for each entry of each row.

    Args:
        observed: True or False for each entry of the data, or of a row.
        shape: of the data.

    Raises:
        ArgumentError: if it is something else.
    """
    try:
        mask = as_array(observed, first=False)
    except DataError as error:
        raise ArgumentError(f"observed must be True or False for each entry: {error}") from None
    if mask.dtype != np.bool_ or mask.shape not in (shape, shape[1:]):
        raise ArgumentError(
            f"observed must be True or False for each entry, of shape {shape} or {shape[1:]}; got "
            f"{mask.dtype} of shape {mask.shape}."
        )
    return np.broadcast_to(mask, shape).copy()


def _refuse_masked(part: Any) -> None:
    if not isinstance(part, np.ma.MaskedArray) or not np.ma.is_masked(part):
        return
    raise DataError(
        f"data is a masked array with {int(np.ma.count_masked(part))} masked values, and the "
        "program would score what lies under the mask. Pass the mask as an argument of its own, "
        "(x.filled(0), ~np.ma.getmaskarray(x)), to a program that masks those values "
        "(dist.Normal(...).mask(seen)), or leave those rows out."
    )


def _numpy(part: Any) -> NDArray[Any]:
    if has(part, "detach", "layout"):
        return _of_torch(part)
    if has(part, "to_numpy") and not has(part, "__jax_array__"):
        return _of_table(part)
    for dense in ("toarray", "todense"):  # scipy's sparse matrices, jax's
        if has(part, dense):
            return np.asarray(getattr(part, dense)())
    return np.asarray(part)


def _of_torch(tensor: Any) -> NDArray[Any]:
    tensor = tensor.detach()
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.device.type == "meta":
        raise DataError("data is a tensor on the device 'meta', which holds no numbers; load it.")
    if tensor.is_sparse or "sparse" in str(tensor.layout):
        tensor = tensor.to_dense()
    tensor = tensor.cpu().resolve_conj().resolve_neg()
    try:
        return tensor.numpy()
    except TypeError:  # no such type in numpy, as bfloat16
        return tensor.float().numpy()


def _of_table(table: Any) -> NDArray[Any]:
    """The columns of a table side by side, or the entries of one column."""
    array = np.asarray(table.to_numpy())
    if array.dtype.kind != "O":
        return array
    if hasattr(table, "convert_dtypes"):  # numbers that are kept as objects
        table = table.convert_dtypes()
    columns = table.dtypes if hasattr(table, "columns") else None
    kinds = [(table.name, table.dtype)] if columns is None else columns.items()
    bad = {name: str(dtype) for name, dtype in kinds if getattr(dtype, "kind", "O") not in "biuf"}
    if bad:
        of = "column itself" if columns is None else f"column {', '.join(map(repr, bad))}"
        raise DataError(
            f"data must hold real numbers, but the table's {of} does not; drop it, or code it in "
            f"numbers. It holds {', '.join(dict.fromkeys(bad.values()))}: of categories pass "
            ".cat.codes, of times (t - t.min()) / pandas.Timedelta('1D'), of numbers in text "
            "pandas.to_numeric(t)."
        )
    return np.asarray(table.to_numpy(dtype=np.float64, na_value=np.nan))


def _native(array: NDArray[Any]) -> NDArray[Any]:
    """In the machine's byte order, and in types that numpy itself has."""
    if array.dtype.kind == "V" and array.dtype.names is None and "float" in array.dtype.name:
        return array.astype(np.float32)  # bfloat16 and smaller
    if array.dtype.kind == "V" and "int" in array.dtype.name:
        return array.astype(np.int32)
    if not array.dtype.isnative:
        return array.astype(array.dtype.newbyteorder("="))
    return array


def refuse_mock(name: str, value: Any) -> None:
    """Refuse what has any attribute, and so looks like a dataset, a tensor and a table at once.

    Raises:
        DataError: naming the argument.
    """
    if answers_anything(value):
        raise DataError(
            f"{name} must be arrays of real numbers, got {type(value).__name__}, which has "
            "whatever attribute it is asked for, as a mock has, and no numbers; pass an array."
        )


def refuse_key(value: Any) -> None:
    """Refuse a typed random key of jax.

    Raises:
        DataError: if it is one.
    """
    if has(value, "dtype") and str(value.dtype).startswith("key<"):
        raise DataError(
            "data holds a typed random key, which is no array of numbers; pass "
            "jax.random.key_data(key), which jax.random takes as it takes the key."
        )


def _refuse_words(part: Any) -> None:
    """Refuse a name in place of the data, names before them, and mocks."""
    if isinstance(part, str):
        raise DataError(
            f"data must be arrays of real numbers, got the string {shown(part)}; pass what it "
            f"names, for example ppl_models.datasets.load({shown(part)}) to fit, and its split "
            ".test to an evaluation."
        )
    if isinstance(part, bytearray):  # which numpy takes for whole numbers
        raise DataError("data must be arrays of real numbers, got bytes; pass numpy.frombuffer.")
    refuse_mock("data", part)
    refuse_key(part)
    if has(part, "tensors", "__getitem__"):  # numpy would look at its items, with an axis more
        raise DataError(
            f"data is a {type(part).__name__}; pass what is in its .tensors, in the order of the "
            "model's arguments."
        )
    if isinstance(part, dict):
        raise DataError(
            f"data is a dictionary of {', '.join(map(repr, part)) or 'nothing'}; pass its arrays "
            "here in the order of the model's arguments."
        )


def as_arrays(data: Any, real: Any = np.float32) -> Arrays:
    """One array or a tuple or list of arrays as a tuple of numpy arrays; real numbers as `real`.

    So are truth values in the first, which are pixels; elsewhere they are a mask and stay. See
    `as_array` for what an array may be.

    Raises:
        DataError: if an array does not hold numbers.
    """
    if isinstance(data, dict):
        raise DataError(
            f"data is a dictionary of {', '.join(map(repr, data)) or 'nothing'}; pass a tuple of "
            "arrays in the order of the model's arguments, such as (batch['x'], batch['y'])."
        )
    several = isinstance(data, (tuple, list)) and any(map(is_array, data))
    parts = data if several else (data,)
    return tuple(as_array(part, real, first=not place) for place, part in enumerate(parts))


def array_id(arrays: Arrays) -> str:
    """A name for arrays that came without one: the start of their SHA-256."""
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.shape}{array.dtype}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return f"array/{digest.hexdigest()[:12]}"
