"""Load an experiment file and convert `--set name=value` for its sweep()."""

import importlib.util
import inspect
import sys
import types
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from resinc import assignment
from resinc.errors import InputError
from resinc.registry import did_you_mean


def load_experiment(path: str | Path) -> types.ModuleType:
    """Import the file the user names; it has `sweep(**settings)` and `report(rows)`.

    Args:
      path: e.g. "experiments/degradation.py", or only "degradation"; looked up in the working
        directory, then beside the `resinc` package.

    Raises:
      InputError: no such file, it does not load, or it lacks one of the two functions.
    """
    path = str(path)
    place = _find(path)
    try:
        module = _import(place)
    except Exception as error:  # Whatever the user's file raises while it is read.
        reason = " ".join(str(error).split())
        raise InputError(
            f"experiment {path!r} does not load: {type(error).__name__}: {reason}"
        ) from error
    for function in ("sweep", "report"):
        if not callable(getattr(module, function, None)):
            raise InputError(f"{path!r} is no experiment: it defines no {function}()")
    return module


def load_questions() -> Sequence[Any]:
    """QUESTIONS of experiments/questions.py, for the page of all results.

    Raises:
      InputError: there is no such file.
    """
    questions: Sequence[Any] = _import(_find("experiments/questions.py")).QUESTIONS
    return questions


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
    hints = typing.get_type_hints(function)
    parameters = inspect.signature(function).parameters.values()
    values = {p.name: _example(hints.get(p.name), p.default) for p in parameters}
    return dict(assignment.read(text, values, "setting", "this experiment") for text in texts)


def _find(path: str) -> Path:
    root = Path(__file__).resolve().parent.parent.parent
    as_file = [Path(path), root / path]
    as_name = [Path("experiments") / f"{path}.py", root / "experiments" / f"{path}.py"]
    for place in as_file + as_name:
        if place.is_file() and place.suffix == ".py":
            return place
    found = sorted(file.stem for file in (root / "experiments").glob("[!_]*.py"))
    hint = did_you_mean(path, [f"experiments/{name}.py" for name in found])
    hint = hint or did_you_mean(Path(path).stem, found)
    raise InputError(f"no experiment file {path!r}{hint}: there are {', '.join(found) or 'none'}")


def _example(hint: Any, default: Any) -> Any:
    """A value of the type that a parameter takes: its default where that says it."""
    if default not in (inspect.Parameter.empty, None, ()):
        return default
    if typing.get_origin(hint) is tuple:
        return (typing.get_args(hint)[0](),)
    return hint() if isinstance(hint, type) else default if default == () else ""
