"""What the container of a JobSet's pod runs, as `python -m resinc.launch.gke.pod_task`."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from resinc.launch.local import child_environment
from resinc.launch.queue.task import become


def main(arguments: Sequence[str]) -> None:
    """Train a cell on this host, one of those that Kubernetes started for it.

    Args:
      arguments: the task's own, then "--" and what Python takes to train the cell.

    Raises:
      SystemExit: see `task.become`.
    """
    parser = argparse.ArgumentParser(prog="python -m resinc.launch.gke.pod_task")
    parser.add_argument("--root", type=Path, required=True, help="folder of the sweep")
    parser.add_argument("--log", type=Path, required=True, help="folder that takes log.txt")
    parser.add_argument("--run", type=Path, action="append", default=[], help="folder of a run")
    parser.add_argument("--hosts", type=int, default=1, help="that train it together")
    parser.add_argument("--coordinator", default="", help="HOST:PORT that they meet at")
    parser.add_argument("rest", nargs="+", help="what Python takes to train the cell")
    task = parser.parse_args(arguments)
    environment = child_environment(task.root)
    index = environment.get("JOB_COMPLETION_INDEX", "0")
    if task.hosts == 1:  # Else JAX would ask Kubernetes, which need not let it, for the others.
        environment.pop("JOB_COMPLETION_INDEX", None)
    command = [sys.executable, *task.rest]
    if task.coordinator:  # On a TPU, GKE tells JAX by variables.
        command.append(f"--coordinator={task.coordinator}")
        command += [f"--num_processes={task.hosts}", f"--process_id={index}"]
    if task.log.stat().st_uid != os.getuid():
        os.umask(0)  # Who submitted it, and is not root, goes on with these files.
    restarts = int(environment.get("JOBSET_RESTART_ATTEMPT") or "0")
    become(command, [task.log, *task.run], environment, index == "0", restarts)


if __name__ == "__main__":
    main(sys.argv[1:])
