"""What `ppl-zoo new` writes, and what it refuses."""

from __future__ import annotations

import contextlib
import keyword
import re
import tomllib
from pathlib import Path
from string import Template

from ppl_models import list_models
from ppl_models._places import SUFFIX

_TEMPLATES = Path(__file__).parent / "templates"
_DISTRIBUTION = "ppl-model-zoo"
_NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
_LONGEST = 40  # letters, with which every line of a template is short enough
_FAMILY = "directed"
_IMPORTED = ("Pair", "PyroPair", "Sequence", "Tensor")  # names that the templates have already


def find_clone(folder: Path) -> Path:
    """The clone of the zoo that a folder is in.

    Raises:
        ValueError: if it is in none.
    """
    for root in (folder, *folder.parents):
        project = root / "pyproject.toml"
        if not (project.is_file() and (root / "tests" / "reference" / "rows.py").is_file()):
            continue
        named = tomllib.loads(project.read_text(encoding="utf-8")).get("project", {}).get("name")
        if named == _DISTRIBUTION:
            return root
    raise ValueError(
        f"{folder} is in no clone of the zoo, where a new model goes to ppl_models/{_FAMILY}/; "
        "change to a clone, or pass --into FOLDER to write a package of your own."
    )


def model_files(name: str, engines: tuple[str, ...], clone: Path) -> dict[Path, str]:
    """The pair, its card and its test row, for a clone of the zoo.

    Args:
        name: the model's name; its class is called the same in capitals and without `_`.
        engines: some of `"pyro"` and `"numpyro"`.
        clone: the folder of the clone.

    Returns:
        Path to text; nothing is written.

    Raises:
        ValueError: if it is no name for a model, or there is a model of that name.
    """
    _check_name(name)
    for suffix in SUFFIX.values():
        for other in sorted(clone.glob(f"ppl_models/*/{name}{suffix}.py")):
            raise ValueError(f"{other} exists; choose another name, or remove it.")
    words = _words(name, engines)
    files = _pair_files(words, engines, clone / "ppl_models" / _FAMILY)
    files[clone / "ppl_models" / "cards" / f"{name}.md"] = _fill("card", words)
    files[clone / "tests" / "reference" / "model_rows" / f"{name}.toml"] = _fill("row", words)
    return files


def package_files(name: str, engines: tuple[str, ...], folder: Path) -> dict[Path, str]:
    """A package of its own that adds the pair to the zoo wherever it is installed.

    Args:
        name: the model's name.
        engines: some of `"pyro"` and `"numpyro"`.
        folder: the folder of the new package.

    Returns:
        Path to text; nothing is written.

    Raises:
        ValueError: if it is no name for a model, or there is a model of that name.
    """
    _check_name(name)
    words = _words(name, engines)
    package = folder / words["package"]
    files = {folder / "pyproject.toml": _fill("package", words)}
    files[package / "__init__.py"] = f'"""{words["title"]}, for the PPL model zoo."""\n'
    files[package / f"{name}.md"] = _fill("card", words)
    return files | _pair_files(words, engines, package)


def write(files: dict[Path, str]) -> None:
    """Write new files; none of them if one is there already.

    Raises:
        ValueError: if one of them is there already.
    """
    for path in files:
        if path.exists():
            raise ValueError(f"{path} exists; choose another name or folder, or remove it.")
    try:
        for path, text in files.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    except OSError:
        for path in files:  # none was there before
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
        raise


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name) or keyword.iskeyword(name) or len(name) > _LONGEST:
        raise ValueError(
            f"NAME must be small letters and digits joined by _, at most {_LONGEST} and no word of "
            f"Python's own, such as demo_model; got {name!r}."
        )
    if name.endswith("_numpyro"):
        raise ValueError(
            f"NAME {name!r} ends in _numpyro, which marks a pair's NumPyro file; pass "
            f"{name.removesuffix('_numpyro')!r} with --engine numpyro."
        )
    if _class_name(name) in _IMPORTED:
        raise ValueError(
            f"NAME {name!r} would make a class {_class_name(name)}, which the file imports; choose "
            f"another, such as {name + '_model'!r}."
        )
    if name in list_models():
        raise ValueError(f"there is a model {name!r} (ppl-zoo show {name}); choose another name.")


def _class_name(name: str) -> str:
    return "".join(word.capitalize() for word in name.split("_"))


def _words(name: str, engines: tuple[str, ...]) -> dict[str, str]:
    engines_line = ""
    if len(engines) == 1:
        engines_line = f'engines = ["{engines[0]}"]\nparity = "it is on one engine"\n'
    return {
        "name": name,
        "row": name.replace("_", "-"),
        "class_name": _class_name(name),
        "title": name.replace("_", " ").capitalize(),
        "engine": engines[0],
        "engines": engines_line,
        "package": f"{name}_pair",
        "distribution": f"{name.replace('_', '-')}-pair",
    }


def _pair_files(words: dict[str, str], engines: tuple[str, ...], folder: Path) -> dict[Path, str]:
    about = f"{_fill('about', words).rstrip()}\n    "
    files = {}
    for engine in engines:
        # Of two siblings the Pyro pair says what both are: see `ppl_models._places.described`.
        second = engine == "numpyro" and len(engines) == 2
        said = f"The pair of `{words['name']}.py` on NumPyro." if second else about
        name = f"{words['name']}{SUFFIX[engine]}.py"
        files[folder / name] = _fill(engine, {**words, "about": said})
    return files


def _fill(template: str, words: dict[str, str]) -> str:
    return Template((_TEMPLATES / f"{template}.txt").read_text(encoding="utf-8")).substitute(words)
