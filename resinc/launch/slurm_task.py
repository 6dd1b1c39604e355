"""What a task of a SLURM job does on its node."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from resinc.launch import task
from resinc.launch.local import child_environment


class Task(NamedTuple):
    """What all tasks of a job run.

    Attributes:
      command: see `task.become`.
      folders: likewise.
      root: of the sweep.
      gpus: of a node, one for each of its tasks.
    """

    command: Sequence[str]
    folders: Sequence[str]
    root: str
    gpus: int


def become(given: Task) -> None:
    """Replace this process, see `task.become`.

    submitit ignores SIGTERM, and its own signal lets the first task alone save.
    """
    environment = child_environment(Path(given.root), accelerated=bool(given.gpus))
    if given.gpus > 1:
        take_one_gpu(environment)
    first = environment.get("SLURM_PROCID", "0") == "0"
    restarts = int(environment.get("SLURM_RESTART_COUNT", "0"))
    task.become(given.command, [Path(f) for f in given.folders], environment, first, restarts)


def take_one_gpu(environment: dict[str, str]) -> None:
    """Of the GPUs that all tasks of a node see, leave this task its own.

    Whether a task sees all of them or one differs between clusters; JAX counts on all of them.
    """
    visible = environment.get("CUDA_VISIBLE_DEVICES", "").split(",")
    if len(visible) > 1:
        environment["CUDA_VISIBLE_DEVICES"] = visible[int(environment["SLURM_LOCALID"])]
    if visible != [""]:
        environment["JAX_LOCAL_DEVICE_IDS"] = "0"
