"""metrics.jsonl and its like: a JSON object a line, appended while a run goes on."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from resinc.runs.files import write_text
from resinc.runs.folder import GRADIENTS, METRICS, TIMING


def read_metrics(workdir: Path) -> Iterator[dict[str, Any]]:
    """Lines of metrics.jsonl, as `resinc.train.recording.writer` writes them."""
    return read_lines(workdir / METRICS)


def read_gradients(workdir: Path) -> Iterator[dict[str, Any]]:
    """Lines of gradients.jsonl, likewise."""
    return read_lines(workdir / GRADIENTS)


def read_timing(workdir: Path) -> Iterator[dict[str, Any]]:
    """Lines of timing.jsonl, likewise."""
    return read_lines(workdir / TIMING)


def read_lines(path: Path, last_bytes: int = 0) -> Iterator[dict[str, Any]]:
    """The JSON objects of a file; a line that a killed process left half-written is no object.

    Args:
      path: of the file; none where it is missing.
      last_bytes: of which alone they are read, for who asks again and again; 0: of all.
    """
    try:
        with path.open("rb") as file:
            if last_bytes:
                file.seek(max(0, file.seek(0, 2) - last_bytes))
            content = file.read()
    except OSError:
        return
    yield from (value for _, value in _objects(content))


def _objects(content: bytes) -> Iterator[tuple[str, dict[str, Any]]]:
    """(line, the JSON object in it)."""
    for line in content.decode(errors="replace").splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield line, value


class Lines:
    """A file of lines that have a "step" each, opened to go on behind a step."""

    def __init__(self, path: Path, step: int):
        """Cut off the lines of later steps, and what is damaged.

        Raises:
          OSError: there is such a file, but it cannot be read or written now.
        """
        before = path.read_bytes() if path.exists() else b""
        kept = [
            line + "\n"
            for line, value in _objects(before)
            if isinstance(value.get("step"), int) and value["step"] <= step
        ]
        write_text(path, "".join(kept))
        self._file = path.open("a", encoding="utf-8")

    def append(self, line: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def sync(self) -> None:
        """Reach the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()
