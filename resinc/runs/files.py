"""Small files, written whole or not at all."""

import contextlib
import json
import os
import threading
from pathlib import Path
from typing import Any


def json_text(value: Any) -> str:
    """Of a file: the same value gives the same text."""
    return json.dumps(value, indent=2, sort_keys=True) + "\n"


def write_json(path: Path, value: Any) -> None:
    """As `write_text`."""
    write_text(path, json_text(value))


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
    sync_folder(path.parent)


def overwrite_json(path: Path, value: Any) -> None:
    """Write into the room that a file has already: what can still be said where a disk is full.

    Not whole or not at all: for a file that, damaged, counts as absent.
    """
    with path.open("r+", encoding="utf-8") as file:
        file.write(json_text(value))
        file.truncate()


def read_object(path: Path) -> dict[str, Any]:
    """A JSON object, or {} where the file is missing or damaged."""
    try:
        return parse_object(path)
    except (OSError, ValueError):
        return {}


def parse_object(path: Path) -> dict[str, Any]:
    """A JSON object.

    Raises:
      OSError: the file is missing or cannot be read.
      ValueError: it holds something else.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except RecursionError:  # Of a thousand brackets.
        value = None
    if not isinstance(value, dict):
        raise ValueError("it is not a JSON object")
    return value


def sync_folder(folder: Path) -> None:
    """Names in it reach the disk; not every file system lets a folder be opened."""
    with contextlib.suppress(OSError):
        _sync(folder)


def sync_tree(folder: Path) -> None:
    """All that is in a folder reaches the disk.

    Raises:
      OSError: the disk does not take it; where room is only then looked for, it may be full.
    """
    for place, _, names in os.walk(folder):
        for name in names:
            _sync(Path(place, name))
        sync_folder(Path(place))


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
