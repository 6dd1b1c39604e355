"""The folder of one run: who holds it, what it was asked to do, how far it is."""

import contextlib
import fcntl
import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from resinc.config import differences
from resinc.errors import InputError


@contextlib.contextmanager
def held(workdir: Path) -> Iterator[None]:
    """Create the folder and keep every other process from training in it.

    The kernel releases the lock when the process ends, however it ends.

    Raises:
      InputError: the folder cannot be written, or another process trains there.
    """
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        lock = open(workdir / "lock", "w")  # noqa: SIM115
    except OSError as error:
        raise InputError(f"workdir {str(workdir)!r} cannot be written: {error.strerror}") from error
    with lock:
        # Tried for a second: a sweep or a report takes the lock for an instant, to see if it can.
        for attempt in range(11):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if attempt == 10:
                    raise InputError(
                        f"workdir {str(workdir)!r} is in use by another process"
                    ) from None
                time.sleep(0.1)
        yield


def write_json(path: Path, value: Any) -> None:
    """Write whole or not at all."""
    part = path.with_name(path.name + ".part")
    part.write_text(json.dumps(value, indent=2, sort_keys=True) + "\n")
    os.replace(part, path)


def read_json(path: Path) -> Any | None:
    """The content, or None where there is no such file."""
    try:
        return json.loads(path.read_text())
    except FileNotFoundError:
        return None


def check_config(workdir: Path, config: dict[str, Any]) -> None:
    """Check that the folder is new or belongs to a run of this config.

    Raises:
      InputError: it belongs to a run of another config; lists the differing fields.
    """
    old = read_json(workdir / "config.json")
    differing = differences(old, config) if old is not None else []
    if differing:
        raise InputError(
            f"workdir {str(workdir)!r} holds a run of another config ({'; '.join(differing)}): "
            "choose another workdir, or give the same config to resume it"
        )


def write_status(
    workdir: Path, state: str, step: int, steps: int, seconds: float, message: str = ""
):
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
    write_json(workdir / "status.json", status)
