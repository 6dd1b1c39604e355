"""What a sweep asks of a cluster's queue, checked before anything is written."""

import re
from dataclasses import dataclass

from resinc.errors import InputError
from resinc.launch.gke.pods import NO_PODS, Pods

SAVE_SECONDS = 120  # Between the SIGTERM of a cluster and the end of a job: for a checkpoint.
OURS = (
    *("array", "error", "job-name", "kill-on-bad-exit", "nodes", "ntasks", "ntasks-per-node"),
    *("open-mode", "output", "requeue", "no-requeue", "signal", "time", "wrap"),
)  # Options of sbatch without which nothing is found again, or saved.


@dataclass(frozen=True)
class Queue:
    """Of each cell.

    Attributes:
      time: limit as SLURM takes it, e.g. "90" (minutes), "1:30:00" or "1-12"; "": not given.
      partition: "": the cluster's default.
      nodes: that one cell takes.
      gpus: of each node, with a task each; 0: none, and one task a node.
      cpus: of each task; 0: the cluster's default.
      options: further ones of sbatch, e.g. "account=vision".
      pods: what only Kubernetes is asked for.
    """

    time: str = ""
    partition: str = ""
    nodes: int = 1
    gpus: int = 0
    cpus: int = 0
    options: tuple[str, ...] = ()
    pods: Pods = NO_PODS

    @property
    def tasks_per_node(self) -> int:
        return max(1, self.gpus)

    def check(self) -> None:
        """Check for SLURM what can be told without a cluster.

        Raises:
          InputError: quotes the option and the rule.
        """
        if not self.time:
            raise InputError(
                "--launcher=slurm needs the longest time that a cell may take without a pause, "
                "e.g. --time=4:00:00; one that takes longer is stopped, saved and queued again"
            )
        if seconds(self.time) <= SAVE_SECONDS:
            raise InputError(
                f"--time={self.time} leaves no time to train: the last {SAVE_SECONDS} s of a job "
                "are for its checkpoint"
            )
        if self.nodes < 1:
            raise InputError(f"--nodes={self.nodes} is not at least 1")
        for option in self.options:
            name = option.partition("=")[0]
            if not re.fullmatch(r"[a-z][a-z-]*(=.+)?", option):
                raise InputError(f"--sbatch={option!r} is not NAME=VALUE, e.g. account=vision")
            if name in OURS:
                raise InputError(f"--sbatch={option!r}: resinc sets {name} itself")

    def extra(self) -> dict[str, str | bool]:
        """`options` by name; True of one without a value."""
        parts = [option.partition("=") for option in self.options]
        return {name: value if equals else True for name, equals, value in parts}


DEFAULTS = Queue()


def seconds(time: str) -> int:
    """Of a time limit: minutes, minutes:seconds, h:m:s, days-h, days-h:m or days-h:m:s.

    Raises:
      InputError: it is none of them.
    """
    days, dash, rest = time.rpartition("-")
    parts = rest.split(":")
    if not re.fullmatch(r"\d+(:\d+){0,2}", rest) or (dash and not days.isdecimal()):
        raise InputError(
            f"--time={time} is no time of SLURM's: minutes, hours:minutes:seconds or days-hours"
        )
    numbers = [int(part) for part in parts]
    if dash:
        hours, minutes, rest_seconds = [*numbers, 0, 0][:3]
    elif len(numbers) == 3:
        hours, minutes, rest_seconds = numbers
    else:
        hours, (minutes, rest_seconds) = 0, [*numbers, 0][:2]
    return ((int(days or 0) * 24 + hours) * 60 + minutes) * 60 + rest_seconds
