"""Run jobs in the queue of a cluster and follow them there, whichever cluster it is.

The sweep watches; the jobs do not need it.
"""

import contextlib
import itertools
import signal
import sys
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from resinc.errors import InputError
from resinc.launch.launcher import Job, Listener
from resinc.launch.stop import Stopped
from resinc.runs.folder import LOG
from resinc.runs.lock import held
from resinc.runs.log import open_log
from resinc.runs.queue import Ticket, is_newer, read_ticket, remove_ticket, write_ticket
from resinc.runs.status import FOR_GOOD, CellState, state_of
from resinc.stop_signals import hearing

POLL_SECONDS, TICK_SECONDS = 10.0, 0.2
SUBMISSION_SECONDS = 120  # That another sweep of the folder may take to submit.
SETTLE_SECONDS = 90.0  # Until a network file system shows what a job wrote last, and a lock ends.
MOST_AT_ONCE = 256

Key = tuple[str, int]  # Batch and place of a ticket.


class Place(NamedTuple):
    """Of a job in the queue.

    Attributes:
      job: the cluster's number or name of it, e.g. "4711_3".
      state: its word, e.g. "PENDING"; "RUNNING" of one that runs.
      why: it waits, in the cluster's words; "" where it does not tell.
    """

    job: str
    state: str
    why: str = ""


GONE = Place("", "GONE")  # Of a job that has left the queue.


def place_of(ticket: Ticket, queue: Mapping[Key, Place] | None) -> Place | None:
    """Where a job that was submitted is now: GONE where it has left the queue, None where there is
    no `queue`, as where nobody tells."""
    return None if queue is None else queue.get((ticket.batch, ticket.place), GONE)


def returncode_of(status: int) -> int:
    """Of an exit status: itself, or minus the signal where it is a shell's word for one.

    Save the signals after which our own process says so when it has saved.
    """
    return 128 - status if status in (128 + signal.SIGKILL, 128 + signal.SIGSEGV) else status


@dataclass
class Followed:
    """A job in the queue.

    Attributes:
      number: the cluster's name of it, see `Place`.
      started: the listener knows that it runs.
      absent: polls in a row that did not find it.
      gone: when it was given up, on the monotonic clock; 0.0: not yet.
      returncode: how it ended, once it has.
    """

    job: Job
    number: str
    started: bool = False
    absent: int = 0
    gone: float = 0.0
    returncode: int | None = None


class Queued(ABC):
    """A launcher whose jobs wait in a queue; each cluster says how to ask and what to give it.

    Attributes:
      scheduler: its name, as tickets have it.
      most: jobs of this sweep that may be in the queue at a time.
    """

    here = False
    processes: int
    scheduler: str
    most: int = sys.maxsize

    def __init__(self, folder: Path, workers: int):
        """`folder`: in the sweep's; what the cluster needs, and the lock of who submits."""
        self.workers = workers or MOST_AT_ONCE
        self._folder = folder

    @abstractmethod
    def _read(self) -> Mapping[Key, Place]:
        """Jobs that wait or run; raises InputError where the cluster does not answer."""

    @abstractmethod
    def _submit(self, jobs: Sequence[Job]) -> dict[Key, Followed]:
        """Write the tickets, then hand the jobs over; raises InputError where they are refused."""

    @abstractmethod
    def _read_end(self, number: str) -> int | None:
        """Exit status of a job that left the queue, or minus the signal that ended it; None where
        the cluster has forgotten it."""

    @abstractmethod
    def _last_output(self, number: str) -> str:
        """What it said before its cell could be started; "" where nothing."""

    @abstractmethod
    def _cancel(self, numbers: Sequence[str]) -> str:
        """What a person types to end jobs."""

    def _find(self, job: Job, queue: Mapping[Key, Place]) -> Key | None:
        """Where the queue has all runs of the job; of a pack put together otherwise, what is
        queued is left to the queue."""
        keys = {self._key_in(queue, folder) for folder in job.runs()}
        return next(iter(keys)) if len(keys) == 1 else None

    def _key_in(self, queue: Mapping[Key, Place], folder: Path) -> Key | None:
        """Of a run that is in the queue; a ticket of one that has left it is taken away."""
        ticket = read_ticket(folder)
        if ticket is None or ticket.scheduler != self.scheduler:
            return None
        key = ticket.batch, ticket.place
        if key in queue:
            return key
        remove_ticket(folder)
        return None

    def submit(self, jobs: Sequence[Job], listener: Listener) -> signal.Signals | None:
        """See `Launcher.submit`; a signal ends the watching, and the jobs stay in the queue."""
        waiting, followed = list(jobs), dict[Key, Followed]()
        stopped = Stopped()
        with hearing(stopped):
            while not stopped.count:
                room = max(0, self.most - len(followed))
                ready = list(itertools.islice(filter(listener.ready, waiting), room))
                if ready:
                    waiting = [job for job in waiting if job not in ready]
                    followed |= self._enter(ready, listener)
                self._look(followed, listener)
                if not followed and not any(listener.ready(job) for job in waiting):
                    return None
                _wait(stopped, listener)
        if followed:
            left = "1 cell stays" if len(followed) == 1 else f"{len(followed)} cells stay"
            ends = self._cancel([f.number for f in followed.values()])
            print(
                f"resinc: {left} in the queue of {self.scheduler}: the same command follows them "
                f"again, and `{ends}` ends them",
                file=sys.stderr,
            )
        return stopped.first

    def _enter(self, jobs: Sequence[Job], listener: Listener) -> dict[Key, Followed]:
        """Find the jobs in the queue that are there, and submit those that are not."""
        followed, new = dict[Key, Followed](), []
        with _alone(self._folder):
            queue = self._read()
            for job in jobs:
                key = self._find(job, queue)
                if key and key not in followed:
                    followed[key] = Followed(job, queue[key].job)
                elif listener.admit(job):
                    new.append(job)
            if new:
                followed |= self._submit(new)
        return followed

    def _look(self, followed: dict[Key, Followed], listener: Listener) -> None:
        """Tell the listener what has changed; forget jobs that have ended."""
        if not followed:
            return
        try:
            queue = self._read()
        except InputError as error:
            print(f"resinc: {error}; it is asked again", file=sys.stderr)
            return
        waiting = {k: queue[k].why for k in followed if k in queue and queue[k].state != "RUNNING"}
        listener.waiting({followed[key].job.name: why for key, why in waiting.items()})
        for key, job in list(followed.items()):
            if key in queue:
                job.absent, job.number = 0, queue[key].job
                if not job.started and queue[key].state == "RUNNING":
                    job.started = True
                    listener.started(job.job)
                continue
            job.absent += 1
            if job.absent > 1 and self._settled(job):
                del followed[key]
                self._end(key, job, listener)

    def _settled(self, job: Followed) -> bool:
        """Whether the folders say what is to be expected of a job that has left the queue."""
        if not job.gone:
            job.gone = time.monotonic()
            job.returncode = self._read_end(job.number)
        states = {state_of(folder) for folder in job.job.runs()}
        settled = states <= {*FOR_GOOD} if job.returncode == 0 else CellState.RUNNING not in states
        return settled or time.monotonic() - job.gone > SETTLE_SECONDS

    def _end(self, key: Key, followed: Followed, listener: Listener) -> None:
        job, returncode = followed.job, followed.returncode
        silent = not is_newer(job.workdir, LOG)
        ticket = read_ticket(job.workdir)
        if ticket and (ticket.batch, ticket.place) == key:  # Else another sweep has queued it anew.
            mark(job, None)
        if returncode is None:  # The cluster has forgotten the job.
            failed = CellState.FAILED in map(state_of, job.runs())
            returncode = 1 if failed else -signal.SIGTERM
        words = self._last_output(followed.number) if returncode and silent else ""
        if words:
            with open_log(job.workdir, [self.scheduler]) as log:
                log.write(words.encode(errors="replace"))
        if not followed.started:
            listener.started(job)
        listener.ended(job, returncode)


def mark(job: Job, ticket: Ticket | None) -> None:
    """As queued, or as queued no more: each of its runs, and the folder of its log."""
    for folder in {job.workdir, *job.runs()}:
        if ticket:
            write_ticket(folder, ticket)
        else:
            remove_ticket(folder)


def _wait(stopped: Stopped, listener: Listener) -> None:
    end = time.monotonic() + POLL_SECONDS
    while not stopped.count and time.monotonic() < end:
        listener.tick()
        time.sleep(TICK_SECONDS)


@contextlib.contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Keep other sweeps of the folder from submitting; they wait for each other."""
    deadline = time.monotonic() + SUBMISSION_SECONDS
    with contextlib.ExitStack() as stack:
        while True:
            try:
                stack.enter_context(held(folder))
                break
            except InputError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(1)
        yield
