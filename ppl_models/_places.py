"""Where a model's files lie: the same names in the zoo and in a plugin's package."""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass
from pathlib import Path

from ppl_models._reading import MEGABYTE, read_whole

SUFFIX = {"pyro": "", "numpyro": "_numpyro"}


@dataclass(frozen=True)
class Place:
    """The files of one model, none of which has been imported.

    Attributes:
        name: the model's name.
        package: the package that its pairs are modules of.
        files: engine to the source of the pair.
        card: its card.
        distribution: what was installed to bring it, if it is not the zoo's own.
    """

    name: str
    package: str
    files: dict[str, Path]
    card: Path
    distribution: str = ""

    @classmethod
    def find(
        cls, name: str, package: str, folder: Path, card: Path, distribution: str = ""
    ) -> Place:
        """The model of this name in a package's folder, with the engines that it has there."""
        files = {engine: folder / f"{name}{suffix}.py" for engine, suffix in SUFFIX.items()}
        files = {engine: path for engine, path in files.items() if path.is_file()}
        return cls(name, package, files, card, distribution)

    @property
    def family(self) -> str:
        """The zoo's folder that the model is in, or the package of a plugin."""
        return self.package if self.distribution else self.package.partition(".")[2]

    def module(self, engine: str) -> str:
        """The dotted module of the pair on an engine."""
        return f"{self.package}.{self.name}{SUFFIX[engine]}"

    def description(self, engine: str) -> str:
        """The docstring of the pair's class, complete: see `described`."""
        pair = self.pair_class(engine)
        return described(ast.get_docstring(pair) or "", self.files[engine], pair.name)

    def pair_class(self, engine: str) -> ast.ClassDef:
        """The source of the pair's class, which `__all__` names.

        Raises:
            ValueError: if the file is no Python, or `__all__` names no class of it.
        """
        path = self.files[engine]
        try:
            body = ast.parse(read_whole(path, MEGABYTE)).body
        except SyntaxError as error:
            raise ValueError(
                f"{path.name} is no Python: line {error.lineno}, {error.msg}"
            ) from error
        except (ValueError, RecursionError, MemoryError) as error:  # no text; nested for ever
            raise ValueError(f"{path.name} is no Python: {error or 'nested too deeply'}") from error
        classes = {node.name: node for node in body if isinstance(node, ast.ClassDef)}
        for node in body:
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
                names = [ast.unparse(item).strip("'\"") for item in getattr(node.value, "elts", [])]
                if len(names) == 1 and names[0] in classes:
                    return classes[names[0]]
        raise ValueError(
            f'{path.name} must name its pair, a class of that file, alone in __all__ = ["..."]'
        )


def described(docstring: str, path: Path, name: str) -> str:
    """The docstring of a NumPyro pair, with that of its Pyro sibling where it has no `Args:`.

    Siblings are one model with the same hyperparameters, so that the Pyro file alone says what they
    mean. It is read, not imported.

    Args:
        docstring: what the class itself says.
        path: the file that it is in; one that does not end in `_numpyro.py` has no sibling.
        name: the name of both classes.
    """
    own = inspect.cleandoc(docstring)
    sibling = path.with_name(f"{path.stem.removesuffix('_numpyro')}.py")
    if "\nArgs:\n" in own or sibling == path or not sibling.is_file():
        return own
    try:
        body = ast.parse(read_whole(sibling, MEGABYTE)).body
    except (
        SyntaxError,
        ValueError,
        RecursionError,
        MemoryError,
    ):  # whoever imports the sibling is told
        return own
    for node in body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return f"{own}\n\n{ast.get_docstring(node) or ''}".rstrip()
    return own
