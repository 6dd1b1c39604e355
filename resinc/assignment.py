"""NAME=VALUE as people type it: --set depths=20,56, --config.seed=1, configs/digits.py:depth=8."""

import contextlib
from collections.abc import Mapping
from typing import Any

from resinc.errors import InputError
from resinc.registry import did_you_mean

_NOUNS = {bool: "true or false", int: "an integer", float: "a number", str: "text"}
_BOOLS = {"true": True, "false": False}


def read(text: str, values: Mapping[str, Any], what: str, whose: str) -> tuple[str, Any]:
    """(name, value) of e.g. "depth=56".

    Args:
      text: as it was typed.
      values: name -> a value of the type that is asked for, e.g. its default.
      what: is typed there, e.g. "setting".
      whose: names these are, e.g. "this experiment".

    Raises:
      InputError: an unknown name, a missing `=`, or a value of another type.
    """
    name, value = split(text)
    if value is None:
        raise InputError(f"{what} {text!r} is not NAME=VALUE: {whose} takes {', '.join(values)}")
    if name not in values:
        section = name.rpartition(".")[0]
        beside = [other for other in values if other.rpartition(".")[0] == section]
        raise InputError(
            f"unknown {what} {name!r}{did_you_mean(name, values)}: {whose} takes "
            f"{', '.join(beside or values)}"
        )
    like = values[name]
    try:
        return name, convert(value, like)
    except (TypeError, ValueError):
        shown = f" such as {like!r}" if like and not isinstance(like, bool) else ""
        raise InputError(f"{what} {name!r} takes {noun(like)}{shown}, not {value!r}") from None


def split(text: str) -> tuple[str, str | None]:
    """Name and value as they stand; None where there is no `=`."""
    name, equals, value = text.partition("=")
    return name.strip(), value if equals else None


def convert(text: str, like: Any) -> Any:
    """`text` as a value of the type of `like`; the items of a tuple, of its first's, by commas.

    Brackets around a tuple and quotes around its items may be left out.

    Raises:
      ValueError: it is of another type.
    """
    if isinstance(like, tuple):
        if not text.strip():
            raise ValueError("no items")
        items = [item.strip().strip("'\"") for item in text.strip().strip("()[]").split(",")]
        return tuple(convert(item, like[0] if like else _example(item)) for item in items if item)
    if isinstance(like, str):
        return text
    word = text.strip().lower()
    if isinstance(like, bool):
        if word not in _BOOLS:
            raise ValueError(text)
        return _BOOLS[word]
    return type(like)(word)


def _example(text: str) -> Any:
    """A value of the type that a text looks like: a whole number, a number or text."""
    for like in (0, 0.0):
        with contextlib.suppress(ValueError):
            return type(like)(text)
    return text


def noun(like: Any) -> str:
    """e.g. "an integer"; of a tuple "a tuple, each item an integer"."""
    if isinstance(like, tuple):
        return f"a tuple{f', each item {noun(like[0])},' if like else ''}"
    return _NOUNS.get(type(like), f"a value of type {type(like).__name__}")
