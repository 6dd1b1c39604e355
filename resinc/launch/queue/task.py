"""What a cluster's job does on its host: it becomes the command of its cell."""

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from resinc.runs.log import open_log
from resinc.runs.status import EXIT_DIVERGED, FOR_GOOD, CellState, read_status

MOST_IN_VAIN = 3  # Else a time limit below the time to compile would start a run for ever.


def become(
    command: Sequence[str],
    folders: Sequence[Path],
    environment: Mapping[str, str],
    first: bool,
    restarts: int,
) -> None:
    """Replace this process, so that the cluster's signals reach the trainer itself.

    Args:
      command: of the cell, or of the pack; all its processes have it.
      folders: first the one whose log.txt takes the output of the first process (that of others
        stays where the cluster keeps it), then those of the runs.
      environment: of the command.
      first: whether this is the first of its processes.
      restarts: how often the cluster has started it anew.

    Raises:
      SystemExit: its runs have diverged before, or it was stopped again and again before their
        first step.
    """
    states = {read_status(folder).get("state") for folder in folders[1:]}
    if CellState.DIVERGED in states and states <= {*FOR_GOOD}:
        sys.exit(EXIT_DIVERGED)  # A result: the end of another process has started this one anew.
    if first:
        with open_log(folders[0], command) as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
    if restarts >= MOST_IN_VAIN and not any(read_status(f).get("step") for f in folders):
        sys.exit(
            f"resinc: error: stopped {restarts} times before its first step, which takes the time "
            "to compile: give it longer"
        )
    sys.stdout.flush()
    sys.stderr.flush()
    os.execvpe(command[0], list(command), dict(environment))
