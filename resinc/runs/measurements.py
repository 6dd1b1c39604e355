"""The measurements.json of a run: what probes found, or what `resinc measure` did."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from resinc.runs.files import read_object, write_json
from resinc.runs.folder import MEASUREMENTS as FILE
from resinc.runs.shape import MEASUREMENTS, kept


def read_measurements(workdir: Path) -> dict[str, Any]:
    """Of a probe, {step as text: value}; what is not of the shape it should be is left out."""
    return kept(read_object(workdir / FILE), MEASUREMENTS)


def write_measurements(workdir: Path, found: Mapping[str, Any]) -> None:
    write_json(workdir / FILE, found)
