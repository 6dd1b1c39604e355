"""metrics.jsonl and its like: a JSON object a line, appended while a run goes on."""

import json
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from resinc.runs.folder import GRADIENTS, METRICS


def read_metrics(workdir: Path) -> Iterator[dict[str, Any]]:
    """Lines of metrics.jsonl, as `resinc.train.writer` writes them."""
    return read_lines(workdir / METRICS)


def read_gradients(workdir: Path) -> Iterator[dict[str, Any]]:
    """Lines of gradients.jsonl, likewise."""
    return read_lines(workdir / GRADIENTS)


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The JSON objects of a file; a line that a killed process left half-written is no object."""
    try:
        text = path.read_bytes().decode(errors="replace")
    except OSError:
        return
    for line in text.splitlines():
        try:
            value = json.loads(line)
        except ValueError:
            continue
        if isinstance(value, dict):
            yield value


class Lines:
    """A file of lines that have a "step" each, opened to go on behind a step."""

    def __init__(self, path: Path, step: int):
        """Cut off the lines of later steps, and a half-written one."""
        kept = []
        if path.exists():
            for line in path.read_text(encoding="utf-8").splitlines():
                try:
                    if json.loads(line)["step"] > step:
                        break
                except ValueError:
                    break
                kept.append(line + "\n")
        part = path.with_name(path.name + ".part")
        part.write_text("".join(kept), encoding="utf-8")
        os.replace(part, path)
        self._file = path.open("a", encoding="utf-8")

    def append(self, line: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()

    def sync(self) -> None:
        """Reach the disk."""
        os.fsync(self._file.fileno())

    def close(self) -> None:
        self._file.close()
