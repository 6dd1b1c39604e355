"""What every launcher is: it takes jobs, runs them where it runs things, and tells a listener."""

import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from resinc.launch.queue.request import DEFAULTS, Queue


@dataclass(frozen=True)
class Job:
    """A command, and the folder whose log.txt takes its output.

    Attributes:
      command: called when the job starts, since what it is may depend on those before it.
      runs: folders of the runs that it trains: once it is admitted, of those that it starts.
    """

    name: str
    workdir: Path
    command: Callable[[], Sequence[str]]
    runs: Callable[[], Sequence[Path]]


class Listener(Protocol):
    """Is told what happens, and decides.

    `ready` says whether a job need wait no longer; `admit`, at the last moment, whether it starts
    at all. `waiting` is told from time to time the names of all jobs that a queue holds back, with
    the cluster's reason or "".
    """

    def ready(self, job: Job) -> bool: ...
    def admit(self, job: Job) -> bool: ...
    def waiting(self, why: Mapping[str, str]) -> None: ...
    def started(self, job: Job) -> None: ...
    def ended(self, job: Job, returncode: int) -> None: ...
    def tick(self) -> None: ...


@dataclass(frozen=True)
class Request:
    """What a launcher is made from.

    Attributes:
      root: folder of the sweep, absolute; it need not exist yet.
      workers: runs at a time; 0: as many as fit.
      devices: CUDA device ids to share out, one that several processes share as often; None: those
        that are visible, if JAX can use them.
      queue: what each run asks of a cluster's queue.
    """

    root: Path
    workers: int = 0
    devices: Sequence[str] | None = None
    queue: Queue = DEFAULTS


class Launcher(Protocol):
    """Owns the processes, the hardware and the environment of what it runs.

    Made from a `Request`, which it checks (InputError) before anything is written.

    Attributes:
      workers: how many jobs it runs at a time.
      here: whether it runs them on this machine, at once.
      processes: of each job, which train together.
    """

    workers: int
    processes: int
    here: bool

    def submit(self, jobs: Sequence[Job], listener: Listener) -> signal.Signals | None:
        """Run all jobs and wait for them.

        Args:
          jobs: started in this order, save that one which is not ready lets others pass; one that
            is still not ready after the last has ended is left out.
          listener: told of starts and ends; a job it does not admit is left out.

        Returns:
          The signal that stopped it, or None.
        """
