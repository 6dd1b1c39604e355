"""The config.json of a run: what it was asked to do."""

from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from resinc.config import NOT_COMPARED, differences, from_json, to_dict
from resinc.errors import InputError
from resinc.runs.files import read_object, write_json
from resinc.runs.folder import CONFIG
from resinc.runs.init_from import comparable


def check_config(
    workdir: Path, config: dict[str, Any], ignore: tuple[str, ...] = NOT_COMPARED
) -> None:
    """Check that the folder is new or belongs to a run of this config.

    Args:
      workdir: of the run.
      config: that it is asked to run now.
      ignore: dotted fields that may differ.

    Raises:
      InputError: it belongs to a run of another config, lists the differing fields; or its
        config.json is damaged.
    """
    try:
        differing = config_differences(workdir, config, ignore)
    except InputError as error:
        raise InputError(
            f"{error}; if this folder is of the same run, delete that file: a checkpoint is "
            "compared with the config given all the same"
        ) from None
    if differing:
        raise InputError(
            f"workdir {str(workdir)!r} holds a run of another config ({'; '.join(differing)}): "
            "choose another workdir, or give the same config to resume it"
        )


def config_differences(
    workdir: Path, config: dict[str, Any], ignore: tuple[str, ...] = NOT_COMPARED
) -> list[str]:
    """The fields in which the run of a folder differs from a config; none of a new folder.

    Raises:
      InputError: its config.json is damaged.
    """
    path = workdir / CONFIG
    if not path.exists():
        return []
    return differences(comparable(to_dict(from_json(path)), workdir), config, ignore)


def write_config(workdir: Path, config: ConfigDict) -> None:
    """Store what the run is asked to do; without it there is no run."""
    write_json(workdir / CONFIG, to_dict(config))


def read_config(workdir: Path) -> dict[str, Any]:
    """What config.json holds, unchecked; {} where it is missing or damaged."""
    return read_object(workdir / CONFIG)


def uncompared(config: ConfigDict) -> tuple[str, ...]:
    """Dotted fields in which a run that goes on may differ from what it was."""
    allowed = config.parallel.allow_replica_change
    return (*NOT_COMPARED, "parallel.replicas") if allowed else NOT_COMPARED


def training_config(workdir: Path) -> ConfigDict:
    """What a training run was asked to do.

    Raises:
      InputError: there is no run, its config.json is damaged, or it trained nothing.
    """
    path = workdir / CONFIG
    if not path.exists():
        raise InputError(f"no run in {str(workdir)!r}: it has no config.json")
    config = from_json(path)
    if "model" not in config:
        raise InputError(f"{str(workdir)!r} holds a measurement: no network was trained there")
    return config
