"""What a task of a SLURM job does on its node: it becomes the command of its cell."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from resinc.launch.local import child_environment
from resinc.runs.log import open_log
from resinc.runs.status import read_status

MOST_IN_VAIN = 3  # Else a time limit below the time to compile would start a run for ever.


def become(command: Sequence[str], workdir: str, gpus: int) -> None:
    """Replace this process, so that SLURM's signals reach the trainer itself.

    submitit ignores SIGTERM, and its own signal lets the first task alone save.

    Args:
      command: of the cell; all its tasks run it.
      workdir: whose log.txt takes the output of the first task; that of others stays in submitit's.
      gpus: of a node, one for each of its tasks.

    Raises:
      SystemExit: it was stopped again and again before its first step.
    """
    environment = child_environment(Path(workdir).parent, accelerated=bool(gpus))
    if gpus > 1:
        take_one_gpu(environment)
    if environment.get("SLURM_PROCID", "0") == "0":
        with open_log(Path(workdir), command) as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
    starts = int(environment.get("SLURM_RESTART_COUNT", "0"))
    if starts >= MOST_IN_VAIN and not read_status(Path(workdir)).get("step"):
        sys.exit(
            f"resinc: error: stopped {starts} times before its first step, which takes the time to "
            "compile: give a longer --time"
        )
    sys.stdout.flush()
    sys.stderr.flush()
    os.execvpe(command[0], list(command), environment)


def take_one_gpu(environment: dict[str, str]) -> None:
    """Of the GPUs that all tasks of a node see, leave this task its own.

    Whether a task sees all of them or one differs between clusters; JAX counts on all of them.
    """
    visible = environment.get("CUDA_VISIBLE_DEVICES", "").split(",")
    if len(visible) > 1:
        environment["CUDA_VISIBLE_DEVICES"] = visible[int(environment["SLURM_LOCALID"])]
    if visible != [""]:
        environment["JAX_LOCAL_DEVICE_IDS"] = "0"
