"""Cells that one process trains in one program: which may go together, and the command."""

import hashlib
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from resinc import config as config_lib
from resinc.errors import InputError
from resinc.launch.cell import Cell
from resinc.launch.launcher import Launcher
from resinc.runs.folder import PACKS
from resinc.runs.log import open_log
from resinc.runs.pack import PackedRun, write_pack


def check_pack(most: int, launcher: Launcher) -> None:
    """Check that a launcher can run packs of at most `most` cells.

    Raises:
      InputError: `most` is not at least 1, or the launcher gives a job several processes.
    """
    if most < 1:
        raise InputError(f"pack {most}: a process trains at least 1 cell")
    if most > 1 and launcher.processes > 1:
        raise InputError(
            f"--pack={most} trains cells in one process, and here a job has {launcher.processes}: "
            "give --pack=1, or ask for one node and at most one task on it"
        )


def packs(cells: Sequence[Cell], root: Path, most: int) -> list[tuple[Cell, ...]]:
    """Groups of at most `most` cells, each in the place of its first one.

    Together go those that differ in what members of a program may differ in, and that wait for the
    same others: no cell waits because another of its pack does.
    """
    if most == 1:
        return [(cell,) for cell in cells]
    groups: list[list[Cell]] = []
    filling: dict[str, list[Cell]] = {}
    for cell in cells:
        key = _key(cell, root)
        if key not in filling or len(filling[key]) == most:
            filling[key] = []
            groups.append(filling[key])
        filling[key].append(cell)
    return [tuple(group) for group in groups]


def _key(cell: Cell, root: Path) -> str:
    """Equal of cells that may be in one pack."""
    from resinc.train.compiled.members import shared

    if cell.task != "train":
        return cell.name
    config = shared(config_lib.load(cell.recipe, cell.flags_in(root)))
    return json.dumps([cell.start, sorted(cell.pilots), config], sort_keys=True)


def pack_folder(cells: Sequence[Cell], root: Path) -> Path:
    """Where the process of a pack has its log and what it is asked to train."""
    names = "\n".join(cell.name for cell in cells)
    return root / PACKS / hashlib.sha256(names.encode()).hexdigest()[:12]


def pack_command(cells: Sequence[Cell], root: Path, place: Path) -> list[str]:
    """Exactly what a person could type to train these cells alone; writes the file that it names.

    The start stands in every cell's log, so that what an earlier one left there is not taken for
    what this one says.
    """
    runs = [PackedRun(root / c.name, c.recipe, tuple(c.flags_in(root))) for c in cells]
    command = [sys.executable, "-m", "resinc", "pack", str(write_pack(place, runs))]
    for run in runs:
        open_log(run.folder, command).close()
    return command
