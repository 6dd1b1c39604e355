"""What a task of a SLURM job does on its node."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from resinc.launch.local import child_environment
from resinc.launch.queue import task


class Task(NamedTuple):
    """What all tasks of a job run.

    Attributes:
      command: see `task.become`.
      folders: likewise.
      root: of the sweep.
    """

    command: Sequence[str]
    folders: Sequence[str]
    root: str


def become(given: Task) -> None:
    """Replace this process, see `task.become`.

    submitit ignores SIGTERM, and its own signal lets the first task alone save.
    """
    environment = child_environment(Path(given.root))
    first = environment.get("SLURM_PROCID", "0") == "0"
    restarts = int(environment.get("SLURM_RESTART_COUNT", "0"))
    task.become(given.command, [Path(f) for f in given.folders], environment, first, restarts)
