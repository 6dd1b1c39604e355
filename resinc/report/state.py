"""How one cell of a sweep stands, from the files in its folder."""

import fcntl
import json
from enum import StrEnum
from pathlib import Path
from typing import Any


class CellState(StrEnum):
    """What a sweep does with the cell follows from it."""

    DONE = "done"  # Skipped.
    RUNNING = "running"  # A live process trains there: left alone.
    UNFINISHED = "unfinished"  # Stopped or killed: resumed.
    DIVERGED = "diverged"  # The loss became non-finite, a result: left.
    FAILED = "failed"  # Ended with an error: tried again.
    NEW = "new"  # Nothing trained yet.


def state_of(workdir: Path) -> CellState:
    """Read the state; "running" in status.json counts only while the lock is held."""
    if is_held(workdir):
        return CellState.RUNNING
    said = read_status(workdir).get("state")
    if said in (CellState.DONE, CellState.DIVERGED, CellState.FAILED):
        return CellState(said)
    begun = said or (workdir / "config.json").exists()
    return CellState.UNFINISHED if begun else CellState.NEW


def is_held(workdir: Path) -> bool:
    """Whether a process holds the lock; the kernel drops it when that process ends."""
    try:
        with (workdir / "lock").open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def read_status(workdir: Path) -> dict[str, Any]:
    """status.json, or {} where it is missing or damaged."""
    return read_object(workdir / "status.json")


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object, or {} where the file is missing or damaged."""
    try:
        value = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}
