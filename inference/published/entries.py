"""Tables of a TOML file, read key by key: what is missing, wrong or too much is refused by name."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from inference.descriptions import shown
from inference.errors import ArgumentError

T = TypeVar("T")
_SEE = "benchmarks/published/README.md says how a row is written."


class Entries:
    """One table of a file, whose keys are taken one after the other.

    Args:
        path: of the file, for messages.
        found: the table.
        where: the table's name with a full stop, empty for the file itself.
    """

    def __init__(self, path: Path, found: dict[str, Any], where: str = "") -> None:
        self._path, self._found, self._where = path, dict(found), where

    def wrong(self, key: str, expected: str, got: Any) -> ArgumentError:
        """The error that says what a key should be."""
        return ArgumentError(
            f"{self._path.name}: {self._where}{key} must be {expected}, got {shown(got)}. {_SEE}"
        )

    def refused(self, why: str) -> ArgumentError:
        """What is not right about an entry, in words of its own."""
        return ArgumentError(f"{self._path.name}: {self._where}{why} {_SEE}")

    def take(self, key: str, kind: type[T] | tuple[type[T], ...], what: str) -> T | None:
        """The value of a key, taken out; None where there is none.

        Raises:
            ArgumentError: if it is of another kind.
        """
        value = self._found.pop(key, None)
        if value is not None and (isinstance(value, bool) or not isinstance(value, kind)):
            raise self.wrong(key, what, value)
        return value

    def need(self, key: str, kind: type[T] | tuple[type[T], ...], what: str) -> T:
        """The value of a key that has to be there.

        Raises:
            ArgumentError: if it is missing or of another kind.
        """
        value = self.take(key, kind, what)
        if value is None:
            raise ArgumentError(f"{self._path.name}: {self._where}{key} is missing; {what}. {_SEE}")
        return value

    def text(self, key: str) -> str:
        """A string; empty where there is none."""
        return self.take(key, str, "a string") or ""

    def number(self, key: str) -> float | None:
        """A number; None where there is none."""
        found = self.take(key, (int, float), "a number")
        return None if found is None else float(found)

    def count(self, key: str) -> int | None:
        """A whole number from 1; None where there is none."""
        found = self.take(key, int, "a whole number from 1")
        if found is not None and found < 1:
            raise self.wrong(key, "a whole number from 1", found)
        return found

    def one_of(self, key: str, words: Iterable[str], *, usual: str | None = None) -> str:
        """One of several words."""
        known = tuple(words)
        found = self.take(key, str, f"one of {', '.join(known)}") or usual
        if found not in known:
            raise self.wrong(key, f"one of {', '.join(known)}", found)
        return found

    def table(self, key: str) -> dict[str, Any]:
        """A table with its lists as tuples; empty where there is none."""
        return {name: _plain(value) for name, value in self._table(key).items()}

    def below(self, key: str) -> Entries:
        """A table, to be read in its turn."""
        return Entries(self._path, self._table(key), f"{self._where}{key}.")

    def _table(self, key: str) -> dict[str, Any]:
        found: Any = self.take(key, dict, "a table")
        return {} if found is None else found

    def rest(self) -> dict[str, Any]:
        """All keys that were not taken, with lists as tuples."""
        found, self._found = self._found, {}
        return {name: _plain(value) for name, value in found.items()}

    def done(self, known: str) -> None:
        """Refuse keys that nobody took.

        Raises:
            ArgumentError: naming the first.
        """
        if self._found:
            first = sorted(self._found)[0]
            raise ArgumentError(
                f"{self._path.name}: there is no entry {self._where}{first}; there are {known}. "
                f"{_SEE}"
            )


def _plain(value: Any) -> Any:
    return tuple(map(_plain, value)) if isinstance(value, list) else value
