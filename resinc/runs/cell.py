"""The cell.json of a run: what the sweep that started it knows of it, and its config does not."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resinc.runs.files import read_object, write_json
from resinc.runs.folder import CELL
from resinc.runs.shape import fits

Label = str | int | float | bool


def write_labels(workdir: Path, labels: Mapping[str, Label]) -> None:
    """Store what reports select the run by; the folder is made if need be."""
    workdir.mkdir(parents=True, exist_ok=True)
    write_json(workdir / CELL, {"labels": dict(labels)})


def read_labels(workdir: Path) -> dict[str, Label]:
    """The labels; {} of a run that was started alone, before there were labels, or is damaged."""
    return labels_of(read_object(workdir / CELL))


def labels_of(cell: Mapping[str, Any]) -> dict[str, Label]:
    """The labels of a cell.json or of a cell in sweep.json, without those that can be none."""
    labels = cell.get("labels")
    if not isinstance(labels, dict):
        return {}
    return {name: label for name, label in labels.items() if fits(label, Label)}
