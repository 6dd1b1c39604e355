"""Load an experiment file and convert `--set name=value` for its sweep()."""

import difflib
import importlib.util
import inspect
import sys
import types
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from resinc.errors import InputError


def load_experiment(path: str | Path) -> types.ModuleType:
    """Import the file the user names; it has `sweep(**settings)` and `report(rows)`.

    Args:
      path: e.g. "experiments/depth.py", or only "depth"; looked up in the working directory, then
        beside the `resinc` package.

    Raises:
      InputError: no such file, it does not load, or it lacks one of the two functions.
    """
    path = str(path)
    place = _find(path)
    try:
        module = _import(place)
    except Exception as error:  # Whatever the user's file raises while it is read.
        said = " ".join(str(error).split())
        raise InputError(
            f"experiment {path!r} does not load: {type(error).__name__}: {said}"
        ) from error
    for function in ("sweep", "report"):
        if not callable(getattr(module, function, None)):
            raise InputError(f"{path!r} is no experiment: it defines no {function}()")
    return module


def _import(place: Path) -> types.ModuleType:
    """As part of the package `experiments` where it is one, since they import each other."""
    name = f"experiments.{place.stem}"
    spec = importlib.util.find_spec(name)
    if spec is not None and spec.origin and Path(spec.origin).samefile(place):
        return importlib.import_module(name)
    spec = importlib.util.spec_from_file_location(f"experiment_{place.stem}", place)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # Dataclasses look their module up by name.
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[spec.name]
        raise
    return module


def settings(function: Callable[..., Any], texts: Sequence[str]) -> dict[str, Any]:
    """Convert `name=value` strings to the types of the function's parameters.

    Args:
      function: an experiment's sweep(); every parameter has a default or an annotation of type
        int, float, str, bool, tuple[int, ...], tuple[float, ...] or tuple[str, ...].
      texts: e.g. ["dataset=cifar10", "depths=20,56"].

    Raises:
      InputError: an unknown name, a missing `=`, or a value of another type.
    """
    parameters = inspect.signature(function).parameters
    hints = typing.get_type_hints(function)
    values = {}
    for text in texts:
        name, equals, value = text.partition("=")
        name = name.strip()
        if not equals or name not in parameters:
            near = difflib.get_close_matches(name, parameters, n=1)
            hint = f" (did you mean {near[0]!r}?)" if near else ""
            raise InputError(
                f"setting {text!r} is not NAME=VALUE with a name that this experiment takes{hint}: "
                f"{', '.join(parameters)}"
            )
        default = parameters[name].default
        kind, many = _kind(hints.get(name), default)
        items = [item for item in value.strip("()[] ").split(",") if item.strip()]
        try:
            values[name] = (
                tuple(_convert(kind, item) for item in items) if many else _convert(kind, value)
            )
            if many and not items:
                raise ValueError
        except ValueError:
            several = f"{kind.__name__}s separated by commas" if many else f"a {kind.__name__}"
            shown = "" if default is inspect.Parameter.empty else f" (its default is {default!r})"
            raise InputError(f"setting {text!r}: {name} takes {several}{shown}") from None
    return values


def _find(path: str) -> Path:
    root = Path(__file__).resolve().parent.parent.parent
    as_file = [Path(path), root / path]
    as_name = [Path("experiments") / f"{path}.py", root / "experiments" / f"{path}.py"]
    for place in as_file + as_name:
        if place.is_file() and place.suffix == ".py":
            return place
    found = sorted(file.stem for file in (root / "experiments").glob("[!_]*.py"))
    near = difflib.get_close_matches(Path(path).stem, found, n=1)
    hint = f" (did you mean 'experiments/{near[0]}.py'?)" if near else ""
    raise InputError(f"no experiment file {path!r}{hint}: there are {', '.join(found) or 'none'}")


def _kind(hint: Any, default: Any) -> tuple[type, bool]:
    """(type of one item, whether it is a tuple of them)."""
    if typing.get_origin(hint) is tuple:
        return typing.get_args(hint)[0], True
    if isinstance(default, tuple):
        return (type(default[0]) if default else str), True
    if isinstance(hint, type):
        return hint, False
    return (str if default in (inspect.Parameter.empty, None) else type(default)), False


def _convert(kind: type, text: str) -> Any:
    text = text.strip()
    if kind is bool:
        try:
            return {"true": True, "false": False}[text.lower()]
        except KeyError:
            raise ValueError(text) from None
    if kind is int:
        return int(text.replace("_", ""))
    return kind(text)
