"""The sweep.json around the runs of a sweep: how it was started, and the cells of its plan."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from resinc.runs.files import read_object, write_json
from resinc.runs.folder import SWEEP


class Plan(NamedTuple):
    """What a sweep is.

    Attributes:
      about: how it was started, e.g. {"command": ..., "experiment": ...}.
      cells: name of a cell -> what is known of it: "recipe", "flags", "labels", "config".
    """

    about: dict[str, Any]
    cells: dict[str, dict[str, Any]]


def write_plan(root: Path, about: Mapping[str, Any], cells: Sequence[Mapping[str, Any]]) -> None:
    """Store it; each cell has its "name" besides."""
    write_json(root / SWEEP, {**about, "cells": list(cells)})


def read_plan(root: Path) -> Plan:
    """The plan, without what is no cell; empty where there is none or it is damaged."""
    about = read_object(root / SWEEP)
    cells = about.pop("cells", None)
    known = [cell for cell in cells if isinstance(cell, dict)] if isinstance(cells, list) else []
    return Plan(about, {c["name"]: c for c in known if isinstance(c.get("name"), str)})
