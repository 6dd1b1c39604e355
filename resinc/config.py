"""From a recipe path and overrides to a locked ConfigDict, and from there to JSON and back.

    load("configs/cifar.py:depth=56,block=plain", ["--config.optimizer.lr=0.05"])

Shared by the command line, the trainer and the sweep; imports neither JAX nor a recipe by name.
"""

import difflib
import functools
import inspect
import json
import runpy
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import flags
from ml_collections import ConfigDict, config_flags

from resinc.errors import InputError

PREFIX = "--config."
# Where the data lies is not what is trained: a run may go on after its data set has moved.
NOT_COMPARED = ("data.dir",)


def load(path_with_args: str, overrides: Sequence[str] = ()) -> ConfigDict:
    """Build the config that `--config=PATH[:ARGS] --config.FIELD=VALUE ...` names.

    Args:
      path_with_args: a recipe file, and after a colon what its `get_config` takes. A relative path
        is looked up in the working directory, then beside the `resinc` package.
      overrides: `--config.field=value` each, with dots between sections; the last one wins.

    Returns:
      The config, locked: an unknown field raises from then on.

    Raises:
      InputError: no such recipe, an argument or field it does not have (with the nearest name), or
        a value of another type than the field's default.
    """
    path, colon, arg = path_with_args.partition(":")
    config = _run_recipe(path, arg if colon else None)
    values: dict[str, str] = {}
    for override in overrides:
        field, value = _split(override)
        _check_field(config, field, override)
        values.pop(field, None)
        values[field] = value
    for field, value in values.items():
        _apply(config, field, value)
    config.lock()
    return config


def differences(
    old: Mapping[str, Any] | ConfigDict,
    new: Mapping[str, Any] | ConfigDict,
    ignore: Collection[str] = NOT_COMPARED,
) -> list[str]:
    """Name every field in which two configs differ, e.g. "model.depth: 20 there, 56 now".

    Args:
      old: what a run was started with, as read by `from_json`.
      new: what it would be started with now, as made by `to_dict`.
      ignore: dotted fields that may differ.
    """
    there, now = dict(flatten(completed(old))), dict(flatten(new))
    return [
        f"{field}: {_show(there, field)} there, {_show(now, field)} now"
        for field in sorted(there.keys() | now.keys())
        if field not in ignore and _show(there, field) != _show(now, field)
    ]


def to_dict(config: ConfigDict | Mapping[str, Any]) -> dict[str, Any]:
    """The config as JSON holds it: nested dicts, tuples as lists."""
    plain = config.to_dict() if isinstance(config, ConfigDict) else dict(config)
    return {str(key): _jsonable(value) for key, value in plain.items()}


def from_json(path: str | Path) -> ConfigDict:
    """Read a config.json back: the locked config it was written from, lists as tuples again.

    Raises:
      InputError: the file is missing or does not hold a JSON object.
    """
    try:
        values = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"cannot read the config {str(path)!r}: {error}") from None
    if not isinstance(values, dict):
        raise InputError(f"{str(path)!r} holds no config: it is not a JSON object")
    return ConfigDict(_tupled(completed(values))).lock()


def completed(values: Mapping[str, Any] | ConfigDict) -> dict[str, Any]:
    """Fill in the fields that the schema did not have yet when a run was started.

    A new field's default is what all runs before it did, so that they can be evaluated and gone on
    with. What is no config of the schema (it has no model or no data) stays as it is.
    """
    plain = to_dict(values)
    if not plain.keys() >= {"model", "data", "optimizer"}:
        return plain
    return _filled(plain, to_dict(_schema()))


def _filled(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(values)
    for name, default in defaults.items():
        if name not in out:
            out[name] = default
        elif isinstance(default, Mapping):
            out[name] = _filled(out[name], default)
    return out


@functools.cache
def _schema() -> ConfigDict:
    return _run_recipe("configs/base.py", None)


def flatten(nested: Mapping[str, Any] | ConfigDict, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield (dotted field, value) for every leaf of nested dicts, in their order."""
    for key, value in nested.items():
        if isinstance(value, Mapping | ConfigDict):
            yield from flatten(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def find_recipe(path: str) -> Path:
    """The recipe file that `path` names.

    Raises:
      InputError: there is none; the message lists the recipes of the folder that was meant.
    """
    root = Path(__file__).resolve().parent.parent
    places = [Path(path), root / path]
    for place in places:
        if place.is_file():
            return place
    folder = next((p.parent for p in places if path and p.parent.is_dir()), root / "configs")
    found = sorted(f.name for f in folder.glob("[!_]*.py") if f.name != "base.py")
    near = difflib.get_close_matches(Path(path).name, found, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    choices = f": {folder} holds {', '.join(found)}" if found else ""
    raise InputError(f"no recipe file {path!r}{hint}{choices}")


def _run_recipe(path: str, arg: str | None) -> ConfigDict:
    place = find_recipe(path)
    try:
        get_config = runpy.run_path(str(place))["get_config"]
    except KeyError:
        raise InputError(f"{path!r} is no recipe: it defines no get_config()") from None
    except Exception as error:  # Whatever the user's file raises while it is read.
        said = " ".join(str(error).split())
        raise InputError(
            f"recipe {path!r} does not load: {type(error).__name__}: {said}"
        ) from error
    given = [] if arg is None else [arg]
    try:
        inspect.signature(get_config).bind(*given)
    except TypeError:
        raise InputError(
            f"recipe {path!r} takes no argument, so {':' + arg!r} cannot follow it"
            if arg is not None
            else f"recipe {path!r} needs an argument: --config={path}:ARGUMENT"
        ) from None
    try:
        config = get_config(*given)
    except ValueError as error:
        raise InputError(f"recipe {path!r}: {error}") from None
    if not isinstance(config, ConfigDict):
        raise InputError(
            f"recipe {path!r}: get_config() returned {type(config).__name__}, not a ConfigDict"
        )
    return config.copy_and_resolve_references()


def _split(override: str) -> tuple[str, str]:
    field, equals, value = override.removeprefix(PREFIX).partition("=")
    if not override.startswith(PREFIX) or not equals or not field:
        raise InputError(
            f"{override!r} is no override: write {PREFIX}FIELD=VALUE, "
            f"for example {PREFIX}optimizer.lr=0.05"
        )
    return field, value


def _check_field(config: ConfigDict, field: str, override: str) -> None:
    fields = dict(flatten(config))
    if field in fields:
        return
    inside = [name for name in fields if name.startswith(field + ".")]
    if inside:
        raise InputError(
            f"{override!r} sets a whole section: set one of its fields, {', '.join(inside)}"
        )
    last = field.rpartition(".")[2]
    near = difflib.get_close_matches(field, fields, n=1, cutoff=0.75)
    near = near or [name for name in fields if name.rpartition(".")[2] == last]
    near = near or difflib.get_close_matches(field, fields, n=1, cutoff=0.5)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    section = field.rpartition(".")[0]
    beside = [name for name in fields if name.rpartition(".")[0] == section]
    shown = beside or ([] if near else list(fields))
    choices = f": {section or 'the top level'} has {', '.join(shown)}" if shown else ""
    raise InputError(f"unknown config field {field!r}{hint}{choices}")


def _apply(config: ConfigDict, field: str, text: str) -> None:
    """Set one field through ml_collections' own flag parser for the type of its default."""
    default = dict(flatten(config))[field]
    argv = ["resinc", f"{PREFIX}{field}={text}"]
    values = flags.FlagValues()
    try:
        config_flags.DEFINE_config_dict(
            "config", config, flag_values=values, lock_config=False, sys_argv=argv
        )
        values(argv)
        value = dict(flatten(config))[field]
        if isinstance(default, tuple):
            _check_items(default, value)
    except (flags.Error, ValueError, TypeError, SyntaxError):
        raise InputError(
            f"config field {field!r} takes {_kind(default)}, not {text!r} "
            f"(its value in the recipe is {default!r})"
        ) from None


def _check_items(default: tuple[Any, ...], value: Any) -> None:
    """ml_collections lets a tuple hold anything; ours hold one type."""
    if not isinstance(value, tuple):
        raise TypeError
    kinds = {type(item) for item in default}
    if float in kinds:
        kinds.add(int)
    if kinds and not {type(item) for item in value} <= kinds:
        raise TypeError


def _kind(value: Any) -> str:
    if isinstance(value, tuple):
        return f"a tuple such as {value!r}"
    kinds = {bool: "true or false", int: "an integer", float: "a number", str: "a string"}
    return kinds.get(type(value), f"a value of type {type(value).__name__}")


def _jsonable(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_jsonable(item) for item in value]
    return value


def _tupled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _tupled(item) for key, item in value.items()}
    return tuple(map(_tupled, value)) if isinstance(value, list) else value


def _show(fields: Mapping[str, Any], field: str) -> str:
    if field not in fields:
        return "absent"
    return json.dumps(_jsonable(fields[field]))
