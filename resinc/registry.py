"""Look a name up in a literal table; the error lists the choices."""

import difflib
from collections.abc import Iterable, Mapping
from typing import TypeVar

from resinc.errors import InputError

Entry = TypeVar("Entry")


def lookup(table: Mapping[str, Entry], name: str, kind: str) -> Entry:
    """Return `table[name]`.

    Args:
      table: one of the literal dicts, e.g. `BLOCKS`.
      name: the key asked for.
      kind: what the table holds, for the message, e.g. "block".

    Raises:
      InputError: `name` is not in `table`; the message names the nearest and all choices.
    """
    if name in table:
        return table[name]
    choices = ", ".join(sorted(key or "''" for key in table))
    raise InputError(
        f"unknown {kind} {name!r}{did_you_mean(name, table)}: the choices are {choices}"
    )


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """ " (did you mean 'optimizer.lr'?)", or "" where no name is near.

    A name with the same last part, after the dots, comes before one that is only somewhat alike.
    """
    names = list(names)
    last = name.rpartition(".")[2]
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.75)
    near = near or [other for other in names if "." in other and other.rpartition(".")[2] == last]
    near = near or difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    return f" (did you mean {near[0]!r}?)" if near else ""
