"""How a run stands: what its trainer writes to status.json, and what others make of it."""

import contextlib
from enum import StrEnum
from pathlib import Path
from typing import Any

from resinc.runs import shape
from resinc.runs.fault import fault_of
from resinc.runs.files import overwrite_json, read_object, write_json
from resinc.runs.folder import CONFIG, STATUS
from resinc.runs.lock import is_held
from resinc.runs.queue import is_newer, read_ticket


class CellState(StrEnum):
    """What a sweep does with the cell follows from it."""

    DONE = "done"  # Skipped.
    RUNNING = "running"  # A live process trains there: left alone.
    QUEUED = "queued"  # In the queue of a cluster: left to it.
    UNFINISHED = "unfinished"  # Stopped or killed: resumed.
    DIVERGED = "diverged"  # Loss, gradient or weights became non-finite, a result: left.
    FAILED = "failed"  # Ended with an error: tried again.
    UNREADABLE = "unreadable"  # See `fault_of`: named and left, whatever it may hold.
    NEW = "new"  # Nothing trained yet.


EXIT_DIVERGED = 3  # Of the process that trains.
FOR_GOOD = (CellState.DONE, CellState.DIVERGED)  # Nothing is left to train.
ENDED = (*FOR_GOOD, CellState.FAILED, CellState.UNREADABLE)  # Nothing moves by itself.
STANDS = {  # After the name of a run, of which there is no result.
    CellState.RUNNING: "is running",
    CellState.QUEUED: "is queued",
    CellState.UNFINISHED: "is unfinished",
    CellState.FAILED: "failed",
    CellState.UNREADABLE: "cannot be read",
    CellState.NEW: "has not started",
}


def state_of(workdir: Path) -> CellState:
    """Read the state; "running" in status.json counts only while the lock is held."""
    if fault_of(workdir):
        return CellState.UNREADABLE
    if is_held(workdir):
        return CellState.RUNNING
    stored = read_status(workdir).get("state")
    if stored in FOR_GOOD:
        return CellState(stored)
    # A failure that is older than the ticket is what was queued again.
    failed = stored == CellState.FAILED
    if read_ticket(workdir) and not (failed and is_newer(workdir, STATUS)):
        return CellState.QUEUED
    if failed:
        return CellState.FAILED
    begun = stored or (workdir / CONFIG).exists()
    return CellState.UNFINISHED if begun else CellState.NEW


def read_status(workdir: Path) -> dict[str, Any]:
    """status.json, or {} where it is missing or damaged; without fields of another type."""
    return shape.kept(read_object(workdir / STATUS), shape.STATUS)


def write_status(
    workdir: Path, state: str, step: int, steps: int, seconds: float, message: str = ""
) -> None:
    """Say how the run stands: running, done, diverged, interrupted or failed.

    Args:
      workdir: of the run.
      state: one of the five words.
      step: updates made.
      steps: updates asked for.
      seconds: spent on this run over all restarts.
      message: why, where it did not end well.
    """
    status = {
        "state": state,
        "step": step,
        "steps": steps,
        "seconds": round(seconds, 1),
        "message": message,
    }
    try:
        write_json(workdir / STATUS, status)
    except OSError:
        if state != CellState.FAILED:
            raise
        overwrite_json(workdir / STATUS, status)  # The last word, on a full disk.


def write_failure(workdir: Path, message: str) -> None:
    """Say it for a run that was refused or killed, and could not itself; a report should know.

    Not where its folder is gone or takes nothing any more: other runs go on.
    """
    status = {"step": 0, "steps": 0, "seconds": 0.0, **read_status(workdir)}
    with contextlib.suppress(OSError):
        if status.get("state") != CellState.FAILED and not is_held(workdir):
            write_json(workdir / STATUS, {**status, "state": "failed", "message": message})
