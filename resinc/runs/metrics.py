"""metrics.jsonl and its like: a JSON object a line, appended while a run goes on."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


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
