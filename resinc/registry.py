"""Look a name up in a literal table; the error lists the choices."""

import difflib
from collections.abc import Mapping
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
    near = difflib.get_close_matches(str(name), table, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    raise InputError(f"unknown {kind} {name!r}{hint}: the choices are {', '.join(sorted(table))}")
