"""unusable.json of a run: examples that could not be used, over all its starts."""

from collections.abc import Mapping
from pathlib import Path

from resinc.runs.files import read_object, write_json
from resinc.runs.folder import UNUSABLE as FILE


def read_unusable(workdir: Path) -> dict[str, str]:
    """Name of the example -> reason, in the order in which they were met; {} where none was."""
    return {name: str(reason) for name, reason in read_object(workdir / FILE).items()}


def write_unusable(workdir: Path, named: Mapping[str, str]) -> None:
    write_json(workdir / FILE, named)
