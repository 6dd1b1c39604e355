"""What a task of a SLURM job does on its node: it becomes the command of its cell."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from resinc.launch.local import child_environment
from resinc.runs.log import open_log
from resinc.runs.status import read_status

MOST_IN_VAIN = 3  # Else a time limit below the time to compile would start a run for ever.


class Task(NamedTuple):
    """What all tasks of a job run.

    Attributes:
      command: of the cell, or of the pack.
      folders: first the one whose log.txt takes the output of the first task (that of others stays
        in submitit's), then those of the runs.
      root: of the sweep.
      gpus: of a node, one for each of its tasks.
    """

    command: Sequence[str]
    folders: Sequence[str]
    root: str
    gpus: int


def become(task: Task) -> None:
    """Replace this process, so that SLURM's signals reach the trainer itself.

    submitit ignores SIGTERM, and its own signal lets the first task alone save.

    Raises:
      SystemExit: it was stopped again and again before its first step.
    """
    folders = [Path(folder) for folder in task.folders]
    environment = child_environment(Path(task.root), accelerated=bool(task.gpus))
    if task.gpus > 1:
        take_one_gpu(environment)
    if environment.get("SLURM_PROCID", "0") == "0":
        with open_log(folders[0], task.command) as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
    starts = int(environment.get("SLURM_RESTART_COUNT", "0"))
    if starts >= MOST_IN_VAIN and not any(read_status(f).get("step") for f in folders):
        sys.exit(
            f"resinc: error: stopped {starts} times before its first step, which takes the time to "
            "compile: give a longer --time"
        )
    sys.stdout.flush()
    sys.stderr.flush()
    os.execvpe(task.command[0], list(task.command), environment)


def take_one_gpu(environment: dict[str, str]) -> None:
    """Of the GPUs that all tasks of a node see, leave this task its own.

    Whether a task sees all of them or one differs between clusters; JAX counts on all of them.
    """
    visible = environment.get("CUDA_VISIBLE_DEVICES", "").split(",")
    if len(visible) > 1:
        environment["CUDA_VISIBLE_DEVICES"] = visible[int(environment["SLURM_LOCALID"])]
    if visible != [""]:
        environment["JAX_LOCAL_DEVICE_IDS"] = "0"
