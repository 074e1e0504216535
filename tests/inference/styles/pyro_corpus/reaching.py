# type: ignore  # as users write them
"""Callables of a module that names no library: they reach the programs by attribute."""

from __future__ import annotations


class Experiment:
    """Whatever it is given, under names."""

    def __init__(self, **parts):
        self.__dict__.update(parts)

    def run(self, *args):
        """Runs the model."""
        return self.score(*args)


def later(experiment, name):
    """A function that looks its program up when it is called."""
    return lambda *args: getattr(experiment, name)(*args)
