"""The sweep.json around the runs of a sweep: how it was started, and the cells of its plan."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from resinc.errors import InputError
from resinc.runs.files import read_object, write_json
from resinc.runs.folder import SWEEP, is_begun
from resinc.runs.shape import kept

ABOUT = {"command": str, "experiment": str, "settings": [str], "tags": [str], "note": str}


class Plan(NamedTuple):
    """What a sweep is.

    Attributes:
      about: how it was started: "command", and "experiment" with its "settings" or "ablation";
        "tags" and "note".
      cells: name of a cell -> what is known of it: "recipe", "flags", "labels", "config".
    """

    about: dict[str, Any]
    cells: dict[str, dict[str, Any]]


def write_plan(root: Path, about: Mapping[str, Any], cells: Sequence[Mapping[str, Any]]) -> None:
    """Store it; each cell has its "name" besides."""
    write_json(root / SWEEP, {**about, "cells": list(cells)})


def read_plan(root: Path) -> Plan:
    """The plan, without what is no cell; empty where there is none or it is damaged."""
    about = kept(read_object(root / SWEEP), ABOUT)
    cells = about.pop("cells", None)
    known = [cell for cell in cells if isinstance(cell, dict)] if isinstance(cells, list) else []
    return Plan(about, {c["name"]: c for c in known if isinstance(c.get("name"), str)})


class Folder(NamedTuple):
    """What lies in the folder of a sweep.

    Attributes:
      root: of the sweep.
      plan: see there.
      names: of the cells of the plan; of all runs that lie there where it has none.
      left_over: names of runs that the plan does not have.
    """

    root: Path
    plan: Plan
    names: tuple[str, ...]
    left_over: tuple[str, ...]


def read_folder(root: Path) -> Folder:
    """Whatever state it is in.

    Raises:
      InputError: there is no sweep.
    """
    if not root.is_dir():
        raise InputError(f"no sweep in {str(root)!r}: there is no such folder")
    plan = read_plan(root)
    found = {folder.name for folder in root.iterdir() if is_begun(folder)}
    names = sorted(plan.cells or found, key=_natural)
    if not names:
        raise InputError(f"no sweep in {str(root)!r}: no folder in it holds a run")
    left_over = sorted(found - set(names), key=_natural)
    return Folder(root, plan, tuple(names), tuple(left_over))


def _natural(name: str) -> list[tuple[int, str]]:
    """depth=8 before depth=20."""
    digits = "".join(c if c.isdigit() else " " for c in name).split()
    words = "".join(" " if c.isdigit() else c for c in name).split()
    order = [(0, word) for word in words[:1]]
    return order + [(int(number), "") for number in digits] + [(0, word) for word in words[1:]]
