"""Machines that deep pairs, machines of codes and classifiers begin as."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ppl_models._pair import Pair
from ppl_models.undirected._fine_tuning import classifier
from ppl_models.undirected._stacking import Machine, assemble, turned_over


class Stackable(Pair):
    """A machine that others are trained upon; hyperparameters and weights stand for a trained one.

    `stack`, `turn_over` and `to_classifier` of `inference` ask a fitted pair for these methods.
    """

    @classmethod
    def stacked(cls, machines: Sequence[Any], kind: str, **more: Any) -> Pair:
        """The pair of machines that were trained one upon the other; see `assemble`."""
        return assemble(cls.engine, machines, kind, **more)

    @classmethod
    def turned(cls, machine: Any, **more: Any) -> Pair:
        """A machine for the codes of another that begins with their law; see `turned_over`."""
        return turned_over(cls.engine, Machine(*machine), **more)

    @classmethod
    def classifier(cls, machines: Sequence[Any], **more: Any) -> Pair:
        """A network to classes that begins with the machines' codes; see `fine_tuning`."""
        return classifier(cls.engine, [Machine(*each).upward() for each in machines], **more)
