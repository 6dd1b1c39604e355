"""The queue.json of a run: it was handed to a cluster's scheduler, which starts it some time.

Written before the scheduler is asked, so that no job is ever in a queue without it. What it names,
the scheduler knows or not; only who can ask it (`resinc.launch.slurm`) takes the file away.
"""

import os
from pathlib import Path
from typing import Any, NamedTuple

from resinc.runs.files import read_object, write_json
from resinc.runs.folder import QUEUE


class Ticket(NamedTuple):
    """A place in a queue.

    Attributes:
      scheduler: e.g. "SLURM".
      batch: the name that the scheduler has for what was submitted at once; no other has it.
      place: which of it, from 0.
      job: the scheduler's number of it, e.g. "4711_3"; "" while it is being submitted.
    """

    scheduler: str
    batch: str
    place: int
    job: str = ""

    def __str__(self) -> str:
        return f"{self.scheduler} {self.job or self.batch}"


def write_ticket(workdir: Path, ticket: Ticket) -> None:
    """Store it; the folder is made if need be."""
    workdir.mkdir(parents=True, exist_ok=True)
    write_json(workdir / QUEUE, ticket._asdict())


def read_ticket(workdir: Path) -> Ticket | None:
    """None of a run that is in no queue; damaged fields count as unknown."""
    path = workdir / QUEUE
    if not os.path.exists(path):  # False too where the folder cannot be entered.
        return None
    values = read_object(path)
    fields: dict[str, Any] = {
        name: values[name] if isinstance(values.get(name), kind) else kind()
        for name, kind in Ticket.__annotations__.items()
    }
    return Ticket(**fields)


def remove_ticket(workdir: Path) -> None:
    """Do nothing where there is none."""
    (workdir / QUEUE).unlink(missing_ok=True)


def is_newer(workdir: Path, name: str) -> bool:
    """Whether a file of the run was written after its ticket, by the clock of the file system."""
    try:
        return (workdir / name).stat().st_mtime_ns > (workdir / QUEUE).stat().st_mtime_ns
    except OSError:
        return False
