"""Small files, written whole or not at all."""

import contextlib
import json
import os
import threading
from pathlib import Path
from typing import Any


def write_json(path: Path, value: Any) -> None:
    """As `write_text`."""
    write_text(path, json.dumps(value, indent=2, sort_keys=True) + "\n")


def write_text(path: Path, text: str) -> None:
    """Write whole or not at all: a reader, even after a power cut, finds the old or the new."""
    # Of this thread alone: two sweeps may be started at once in one folder.
    part = path.with_name(f"{os.getpid()}-{threading.get_ident()}-{path.name}.part")
    try:
        with part.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(part, path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()  # On a full disk, room for somebody else.
        raise
    _sync_folder(path.parent)


def overwrite_json(path: Path, value: Any) -> None:
    """Write into the room that a file has already: what can still be said where a disk is full.

    Not whole or not at all: for a file that, damaged, counts as absent.
    """
    with path.open("r+", encoding="utf-8") as file:
        file.write(json.dumps(value, indent=2, sort_keys=True) + "\n")
        file.truncate()


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object, or {} where the file is missing or damaged."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return value if isinstance(value, dict) else {}


def _sync_folder(folder: Path) -> None:
    """A rename reaches the disk with its folder; not every file system lets one be opened."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
