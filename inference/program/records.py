"""What one run of a model or a guide left behind, in numpy's arrays and words of no framework."""

from __future__ import annotations

import linecache
import sys
import warnings
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from inference.program.sites import Plate, Site

Array = NDArray[Any]

# A frame of these is never the line that a user wrote.
_LIBRARIES = frozenset(
    [
        "pyro",
        "numpyro",
        "torch",
        "jax",
        "jaxlib",
        "flax",
        "numpy",
        "contextlib",
        "functools",
        "inference",
    ]
)


@dataclass(frozen=True)
class RecordedSite:
    """A sample statement of one run.

    Attributes:
        site: what is known of it without its values.
        distribution: the name of its distribution.
        value: what was drawn or observed, in the shape that it came in.
        log_prob: log density of the value, in the shape that it came in, times scale and mask.
        scale: factor on the log density, from plates and handlers.
        line: where the statement is, as `file.py:12`; empty if that is not known.
        supported: whether the value lies in the support of the distribution, entry by entry.
        invalid: arguments of the distribution that are outside of their constraint.
        stepped: whether the first batch dimension counts the steps of a `scan`.
        counted: where a mask lets its density count, in the shape of the mask.
    """

    site: Site
    distribution: str
    value: Array
    log_prob: Array
    scale: float
    line: str
    supported: Array
    invalid: tuple[str, ...] = ()
    stepped: bool = False
    counted: Array = field(default_factory=lambda: np.array(True))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape that a value should have: batch, then event."""
        return self.site.batch_shape + self.site.event_shape

    @property
    def shape_of_any_length(self) -> tuple[int, ...]:
        """The shape, with as many steps as came where a chain's law is the same at all steps.

        The event of such a law is one step long, and its density takes any number of them.
        """
        shape, first = list(self.shape), -len(self.site.event_shape)
        chain = self.distribution.endswith(("HMM", "MRF")) and len(shape) == self.value.ndim
        if chain and first and shape[first] == 1:
            shape[first] = self.value.shape[first]
        return tuple(shape)

    @property
    def total(self) -> float:
        """The site's term of the log density, in nats."""
        return float(self.log_prob.astype(np.float64).sum())

    def axis(self, plates: Mapping[str, Plate]) -> int | None:
        """The dimension, counted from the right, of the first of the plates around the site."""
        dims = [plate.dim for plate in self.site.plates if plate.name in plates]
        return dims[0] if dims else None


@dataclass(frozen=True)
class Recorded:
    """A run.

    Attributes:
        sites: the sample statements in order.
        parameters: the names of the parameters that it asked for.
        computed: the values of its `deterministic` statements, by name; they have no density.
        returned: what the function returned, if that was an array.
        warnings: what the library, or the program itself, warned of.
        asides: what the array library beneath warned of, such as a default that changed.
        noisy: whether it drew random numbers outside of its sample statements, as dropout does.
        baselines: those of the parameters that belong to a site's baseline network, which makes its
            gradient less noisy and has no part in the bound.
        learning: whether it changed the networks' state, as batch normalisation does in training.
        lent: those of the parameters that the library asked for while it put latents into another
            form: how far a reparameterisation goes, or weights in whose place there are draws.
    """

    sites: Mapping[str, RecordedSite]
    parameters: tuple[str, ...] = ()
    computed: Mapping[str, Array] = field(default_factory=dict)
    returned: Array | None = None
    warnings: tuple[str, ...] = ()
    asides: tuple[str, ...] = ()
    noisy: bool = False
    learning: bool = False
    baselines: frozenset[str] = frozenset()
    lent: frozenset[str] = frozenset()

    @property
    def total(self) -> float:
        """The log density of everything that was drawn and observed, in nats."""
        return sum(site.total for site in self.sites.values())

    @property
    def drawn(self) -> dict[str, Array]:
        """The values of the sites that are not observed, in their full shapes."""
        return {
            name: np.broadcast_to(run.value, run.shape)
            for name, run in self.sites.items()
            if not run.site.observed and run.value.size <= np.prod(run.shape, dtype=int)
        }


@dataclass(frozen=True)
class Parameter:
    """A parameter of a pair.

    Attributes:
        value: its value, in the space that the program sees.
        constraint: the name of its constraint.
        inside: whether the value meets it.
    """

    value: Array
    constraint: str = ""
    inside: bool = True


@dataclass(frozen=True)
class Slopes:
    """The gradient of a log density by a pair's parameters, and how well it was met.

    Attributes:
        gradient: derivative by each parameter, as the optimiser sees it.
        along: derivative along one random direction, from the gradient.
        difference: the same from a central difference.
        size: how large the derivative along such a direction is, root mean square over its signs.
        rounding: how far the difference may be off, from the floats that the program uses.
        precise: whether the program computed in float64.
    """

    gradient: Mapping[str, Array]
    along: float
    difference: float
    size: float
    rounding: float
    precise: bool


def nudge(noise: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """A random step of a parameter, shorter for a wider layer, so that its outputs move as far."""
    return noise.normal(size=shape) / np.sqrt(max(shape, default=1))


def sum_and_size(slopes: Iterable[Array], direction: Iterable[Array]) -> tuple[float, float]:
    """The derivative along a direction, and its root mean square over the signs of its entries."""
    terms = [(a.astype(np.float64) * b).ravel() for a, b in zip(slopes, direction, strict=True)]
    every = np.concatenate([np.zeros(0), *terms])
    return float(every.sum()), float(np.linalg.norm(every))


def calling_line() -> str:
    """The line of the user's code that led to this call, as `file.py:12`."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        if _is_user(frame):
            return _place(frame, frame.f_lineno)
        frame = frame.f_back
    return ""


def is_lent() -> bool:
    """Whether the library itself led to this call, to put latents into another form."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        module = str(frame.f_globals.get("__name__", ""))
        if module.startswith(_REFORMS):
            return True
        if module == "numpyro.contrib.module" and frame.f_code.co_name.startswith("random_"):
            return True
        frame = frame.f_back
    return False


_REFORMS = ("pyro.infer.reparam", "numpyro.infer.reparam")
_ARRAYS = {"torch", "jax", "jaxlib", "numpy"}


def _is_beneath(frame: FrameType) -> bool:
    """Whether a warning that came up in a frame is the array library's.

    What such a library warns of in compiled code comes up in the frame that called it, whose own
    code then says nothing of warnings.
    """
    name = str(frame.f_globals.get("__name__", ""))
    code = frame.f_code
    own = any("warn" in each.lower() for each in (*code.co_names, *code.co_freevars))
    return name.split(".")[0] in _ARRAYS or not own


class Heard:
    """Warnings of a run, by who raised them: the line that they blame is a caller's."""

    def __init__(self) -> None:
        self._said: dict[str, bool] = {}

    def __call__(self, message: Warning | str, *_: Any, **__: Any) -> None:
        """Take the place of `warnings.showwarning`."""
        frame: FrameType | None = sys._getframe(1)
        while frame is not None and frame.f_globals.get("__name__") == "warnings":
            frame = frame.f_back
        self._said.setdefault(str(message), frame is not None and _is_beneath(frame))

    @property
    def warnings(self) -> tuple[str, ...]:
        """Of the library or of the program itself."""
        return tuple(text for text, aside in self._said.items() if not aside)

    @property
    def asides(self) -> tuple[str, ...]:
        """Of the array library beneath."""
        return tuple(text for text, aside in self._said.items() if aside)


@contextmanager
def hearing() -> Iterator[Heard]:
    """Keep what is warned of meanwhile."""
    heard = Heard()
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.showwarning = heard
        yield heard


def raising_line(error: BaseException) -> str:
    """The innermost line of the user's code that an exception passed through."""
    found = _innermost(error)
    return _place(*found) if found else ""


def raising_text(error: BaseException) -> str:
    """The text of that line."""
    found = _innermost(error)
    return linecache.getline(found[0].f_code.co_filename, found[1]) if found else ""


def _innermost(error: BaseException) -> tuple[FrameType, int] | None:
    found, trace = None, error.__traceback__
    while trace is not None:
        if _is_user(trace.tb_frame):
            found = trace.tb_frame, trace.tb_lineno
        trace = trace.tb_next
    return found


def _is_user(frame: FrameType) -> bool:
    module = str(frame.f_globals.get("__name__", ""))
    return module.split(".")[0] not in _LIBRARIES and not frame.f_code.co_filename.startswith("<f")


def _place(frame: FrameType, line: int) -> str:
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    cells = getattr(getattr(shell, "compile", None), "_filename_map", {})
    if frame.f_code.co_filename in cells:  # of a notebook, whose files have numbers for names
        return f"In[{cells[frame.f_code.co_filename]}], line {line}"
    return f"{frame.f_code.co_filename.replace(chr(92), '/').rsplit('/', 1)[-1]}:{line}"
