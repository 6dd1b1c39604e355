"""The config.json of a run: what it was asked to do."""

from pathlib import Path
from typing import Any

from resinc.config import differences
from resinc.errors import InputError
from resinc.runs.files import read_object


def check_config(workdir: Path, config: dict[str, Any]) -> None:
    """Check that the folder is new or belongs to a run of this config.

    Raises:
      InputError: it belongs to a run of another config; lists the differing fields.
    """
    old = read_object(workdir / "config.json")
    differing = differences(old, config) if old else []
    if differing:
        raise InputError(
            f"workdir {str(workdir)!r} holds a run of another config ({'; '.join(differing)}): "
            "choose another workdir, or give the same config to resume it"
        )
