"""From a recipe path and overrides to a locked ConfigDict, and from there to JSON and back.

    load("configs/cifar.py:depth=56,block=plain", ["--config.optimizer.lr=0.05"])

Shared by the command line, the trainer and the sweep; imports neither JAX nor a recipe by name.
"""

import functools
import inspect
import json
import os
import runpy
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ml_collections import ConfigDict

from resinc import assignment, fields
from resinc.errors import InputError
from resinc.registry import did_you_mean

ROOT = Path(__file__).resolve().parent.parent
PREFIX = "--config."
# Where the data lies is not what is trained: a run may go on after its data set has moved. What is
# allowed is not what is done, and steps are the same however many a call makes and however they
# are read. What goes on after a damaged image had none before.
NOT_COMPARED = (
    "data.dir",
    "data.on_error",
    "data.read_ahead",
    "data.threads",
    "parallel.allow_replica_change",
    "steps_per_call",
)
_ABSENT = object()


class Schema(NamedTuple):
    """A file of configs/ that declares FIELDS, and names at the top level by which it is told."""

    recipe: str
    sections: frozenset[str]


SCHEMAS = (
    Schema("base.py", frozenset({"model", "data", "optimizer"})),
    Schema("chain.py", frozenset({"layers", "input"})),
)


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
        a value of another type than the field's default or out of its range. Names in registries
        are left to `check`.
    """
    config = _run_recipe(*split(path_with_args))
    values = dict(flatten(config))
    given = dict(_override(override, values) for override in overrides)
    config.update_from_flattened_dict(given)
    check(config, choices=False)
    return config.lock()


def overridden(overrides: Sequence[str]) -> set[str]:
    """The dotted fields that overrides name which `load` takes."""
    return {assignment.split(override.removeprefix(PREFIX))[0] for override in overrides}


def check(config: ConfigDict | Mapping[str, Any], choices: bool = True, recipe: str = "") -> None:
    """Check every field against the rule beside its default in configs/.

    Args:
      config: of the schema of configs/base.py or configs/chain.py; of another, it is not checked.
      choices: whether names are looked up in their registries too, which imports JAX.
      recipe: whose schema it must be, e.g. "base.py"; "": whichever it is.

    Raises:
      InputError: one sentence with field, value and rule.
    """
    for schema in SCHEMAS:
        if schema.recipe == recipe or (not recipe and schema.sections <= set(config)):
            fields.check(config, _schema(schema.recipe), choices)
            return


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
    there, now = dict(flatten(completed(old))), dict(flatten(to_dict(new)))
    return [
        f"{field}: {_show(there, field)} there, {_show(now, field)} now"
        for field in sorted(there.keys() | now.keys())
        if field not in ignore and there.get(field, _ABSENT) != now.get(field, _ABSENT)
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
    for schema in SCHEMAS:
        if schema.sections <= plain.keys():
            return _filled(plain, to_dict(fields.filled(_schema(schema.recipe))))
    return plain


def _filled(values: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    out = dict(values)
    for name, default in defaults.items():
        if name not in out:
            out[name] = default
        elif isinstance(default, Mapping) and isinstance(out[name], Mapping):
            out[name] = _filled(out[name], default)
    return out


@functools.cache
def _schema(recipe: str) -> fields.Fields:
    return runpy.run_path(str(ROOT / "configs" / recipe))["FIELDS"]


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
    places = _places(path)
    for place in places:
        if place.is_file():
            return place
    folder = next((p.parent for p in places if path and p.parent.is_dir()), ROOT / "configs")
    found = sorted(f.name for f in folder.glob("[!_]*.py") if f.name != "base.py")
    choices = f": {folder} holds {', '.join(found)}" if found else ""
    raise InputError(f"no recipe file {path!r}{did_you_mean(Path(path).name, found)}{choices}")


def _places(path: str) -> list[Path]:
    own = os.path.expanduser(path)
    return [Path(own), ROOT / own]


def _run_recipe(path: str, arg: str | None) -> ConfigDict:
    place = find_recipe(path)
    try:
        get_config = runpy.run_path(str(place))["get_config"]
    except KeyError:
        raise InputError(f"{path!r} is no recipe: it defines no get_config()") from None
    except Exception as error:  # Whatever the user's file raises while it is read.
        reason = " ".join(str(error).split())
        raise InputError(
            f"recipe {path!r} does not load: {type(error).__name__}: {reason}"
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
    except InputError as error:
        raise InputError(f"recipe {path!r}: {error}") from None
    except Exception as error:  # Whatever the user's code raises.
        reason = " ".join(str(error).split())
        raise InputError(f"recipe {path!r}: {type(error).__name__}: {reason}") from error
    if not isinstance(config, ConfigDict):
        raise InputError(
            f"recipe {path!r}: get_config() returned {type(config).__name__}, not a ConfigDict"
        )
    return config.copy_and_resolve_references()


def split(path_with_args: str) -> tuple[str, str | None]:
    """Recipe and argument; a colon inside the name of a file that is there does not end it."""
    pieces = path_with_args.split(":")
    for count in range(len(pieces), 0, -1):
        path = ":".join(pieces[:count])
        if path and any(place.is_file() for place in _places(path)):
            return path, ":".join(pieces[count:]) if count < len(pieces) else None
    path, colon, arg = path_with_args.partition(":")
    return path, arg if colon else None


def _override(override: str, values: Mapping[str, Any]) -> tuple[str, Any]:
    """(dotted field, value) of `--config.field=value`."""
    text = override.removeprefix(PREFIX)
    field, value = assignment.split(text)
    if not override.startswith(PREFIX) or value is None or not field:
        raise InputError(
            f"{override!r} is no override: write {PREFIX}FIELD=VALUE, "
            f"for example {PREFIX}optimizer.lr=0.05"
        )
    inside = [name for name in values if name.startswith(field + ".")]
    if inside:
        raise InputError(
            f"{override!r} sets a whole section: set one of its fields, {', '.join(inside)}"
        )
    return assignment.read(text, values, "config field", "this recipe")


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
