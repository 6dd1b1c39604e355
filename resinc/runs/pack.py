"""The pack.json of runs that one process trains in one program: what it is asked to train.

It lies with the log of that process in `packs/` of a sweep's folder; each run has its own as well.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from resinc.errors import InputError
from resinc.runs.files import read_object, write_json
from resinc.runs.folder import PACK
from resinc.runs.shape import fits


class PackedRun(NamedTuple):
    """One of them.

    Attributes:
      folder: workdir of the run.
      recipe: what `--config=` takes.
      flags: `--config.field=value` each.
    """

    folder: Path
    recipe: str
    flags: tuple[str, ...]


def write_pack(place: Path, runs: Sequence[PackedRun]) -> Path:
    """Store them in a folder, which is made if need be; returns the file."""
    listed = [
        {
            "folder": os.path.relpath(run.folder, place),
            "recipe": run.recipe,
            "flags": list(run.flags),
        }
        for run in runs
    ]
    place.mkdir(parents=True, exist_ok=True)
    write_json(place / PACK, {"runs": listed})
    return place / PACK


def read_pack(path: Path) -> list[PackedRun]:
    """The runs, their folders found from where the file lies.

    Raises:
      InputError: it is missing, damaged or lists none, or one folder twice.
    """
    runs = read_object(path).get("runs")
    if not runs or not fits(runs, [{"folder": str, "recipe": str, "flags": [str]}]):
        raise InputError(
            f'{str(path)!r} lists no runs as {{"runs": [{{"folder", "recipe", "flags"}}, ...]}}'
        )
    folders = [Path(os.path.normpath(path.parent / run["folder"])) for run in runs]
    for folder in folders:
        if folders.count(folder) > 1:
            raise InputError(f"{str(path)!r} lists {str(folder)!r} more than once")
    return [
        PackedRun(folder, run["recipe"], tuple(run["flags"]))
        for folder, run in zip(folders, runs, strict=True)
    ]
