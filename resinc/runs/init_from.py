"""Where a run's first weights come from: typed by a person, stored relative to the run's folder.

So a sweep that is moved, renamed or reached through a link names the same runs. That they hold the
same weights, their sha256 says.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from resinc.file_paths import read_path


class InitFrom(NamedTuple):
    """A run, and which of its checkpoints: "latest", "best" or a step."""

    folder: Path
    which: str = "latest"


def typed(text: str, workdir: Path | None = None) -> InitFrom:
    """What DIR, DIR@best or DIR@STEP names in the current folder; else seen from `workdir`.

    A folder that is there under the whole text wins: "runs/x@3" may be one.

    Raises:
      InputError: as `read_path`.
    """
    return _first(text, [Path(), *([workdir] if workdir else [])])


def stored(text: str, workdir: Path) -> InitFrom:
    """What the `init_from` of `workdir`'s config.json names.

    Runs of older versions hold it as it was typed: absolute, which names a run beside `workdir`
    after both were moved, or relative to the folder of that day.
    """
    source = _first(text, [workdir, Path()])
    if not source.folder.is_dir() and os.path.isabs(text):
        return source._replace(folder=workdir.parent / source.folder.name)
    return source


def relative(source: InitFrom, workdir: Path) -> str:
    """As config.json holds it, links resolved: e.g. "../depth=20,seed=0@best"."""
    path = os.path.relpath(os.path.realpath(source.folder), os.path.realpath(workdir))
    return path if source.which == "latest" else f"{path}@{source.which}"


def comparable(config: dict[str, Any], workdir: Path) -> dict[str, Any]:
    """The config of a run with its `init_from` as `relative` would write it today."""
    text = config.get("init_from")
    if not isinstance(text, str) or not text:
        return config
    return config | {"init_from": relative(stored(text, workdir), workdir)}


def _first(text: str, places: Sequence[Path]) -> InitFrom:
    """The first that is a folder: the whole text before what stands before its last @."""
    readings = [InitFrom(read_path(text))]
    folder, at, which = text.rpartition("@")
    if at and folder and (which in ("best", "latest") or which.isdigit()):
        readings.append(InitFrom(read_path(folder), which))
    found = [
        reading._replace(folder=place / reading.folder) for reading in readings for place in places
    ]
    # Nothing is there: what was most likely meant, for the message.
    likely = readings[-1]._replace(folder=places[0] / readings[-1].folder)
    return next((source for source in found if source.folder.is_dir()), likely)
