"""Run jobs as arrays in the queue of a SLURM cluster, by submitit.

The sweep watches; the jobs do not need it. A job that SLURM stops (time limit, preemption with a
grace time) saves, says so by its exit status, and is queued again by its own batch script.
"""

import contextlib
import importlib.util
import math
import os
import shutil
import signal
import sys
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from resinc.errors import InputError
from resinc.launch import slurm_task, squeue
from resinc.launch.launcher import Job, Listener, Request
from resinc.launch.queue_request import SAVE_SECONDS, Queue, seconds
from resinc.launch.squeue import NAME, Key, Place
from resinc.launch.stop import Stopped, handling
from resinc.runs.folder import LOG
from resinc.runs.lock import held
from resinc.runs.log import open_log
from resinc.runs.queue import Ticket, is_newer, read_ticket, remove_ticket, write_ticket
from resinc.runs.status import FOR_GOOD, CellState, state_of

FOLDER = ".slurm"  # In the sweep's: what submitit keeps.
POLL_SECONDS, TICK_SECONDS = 10.0, 0.2
SUBMISSION_SECONDS = 120  # That another sweep of the folder may take to submit.
SETTLE_SECONDS = 90.0  # Until a network file system shows what a job wrote last, and a lock ends.
MOST_IN_ARRAY = 1000  # SLURM's own limit, unless a cluster has another.
MOST_AT_ONCE = 256
SETUP = (
    # gRPC would ask a proxy for the other processes of the run, and wait for ever.
    "unset http_proxy https_proxy all_proxy grpc_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY",
    # Since 22.05 srun does not take it from sbatch.
    '[ -z "$SLURM_CPUS_PER_TASK" ] || export SRUN_CPUS_PER_TASK="$SLURM_CPUS_PER_TASK"',
)
# The number of an array names all of it, and is also the number of one of its jobs.
TEARDOWN = (
    "status=$?",
    'job="${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_}${SLURM_ARRAY_TASK_ID:-$SLURM_JOB_ID}"',
    'case $status in 129|130|143) scontrol requeue "$job" ;; esac',
    "exit $status",
)


@dataclass
class _Followed:
    """A job in the queue.

    Attributes:
      number: SLURM's.
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


class Slurm:
    """The queue of a cluster; each cell is a job in an array, on one or several nodes."""

    here = False

    def __init__(self, request: Request):
        """Check that the cluster would take such a job.

        Raises:
          InputError: submitit or SLURM is missing, or the request is refused, by us or by SLURM.
        """
        if request.devices is not None:
            raise InputError(
                f"--devices={','.join(request.devices)} are of this machine: SLURM gives a cell "
                "its own, --gpus says how many"
            )
        self._queue = request.queue
        self._queue.check()
        if not importlib.util.find_spec("submitit"):
            raise InputError("--launcher=slurm needs submitit: pip install 'resinc[cluster]'")
        for command in squeue.COMMANDS:
            if not shutil.which(command):
                raise InputError(
                    f"--launcher=slurm needs SLURM, but there is no {command} here: log in to a "
                    "machine of the cluster"
                )
        squeue.call("sbatch", "--test-only", *_options(self._queue), "--wrap=true")
        self.workers = request.workers or MOST_AT_ONCE
        self._folder = request.root / FOLDER

    def submit(self, jobs: Sequence[Job], listener: Listener) -> signal.Signals | None:
        """See `Launcher.submit`; a signal ends the watching, and the jobs stay in the queue."""
        waiting, followed = list(jobs), dict[Key, _Followed]()
        stopped = Stopped()
        with handling(stopped):
            while not stopped.count:
                ready = [job for job in waiting if listener.ready(job)]
                if ready:
                    waiting = [job for job in waiting if job not in ready]
                    followed |= self._enter(ready, listener)
                self._look(followed, listener)
                if not followed and not any(listener.ready(job) for job in waiting):
                    return None
                _wait(stopped, listener)
        if followed:
            left = "1 cell stays" if len(followed) == 1 else f"{len(followed)} cells stay"
            numbers = " ".join(sorted({f.number.partition("_")[0] for f in followed.values()}))
            print(
                f"resinc: {left} in the queue of SLURM: the same command follows them again, and "
                f"`scancel {numbers}` ends them",
                file=sys.stderr,
            )
        return stopped.first

    def _enter(self, jobs: Sequence[Job], listener: Listener) -> dict[Key, _Followed]:
        """Find the jobs in the queue that are there, and submit those that are not."""
        followed, new = dict[Key, _Followed](), []
        with _alone(self._folder):
            queue = squeue.read_queue()
            for job in jobs:
                keys = [_key_in(queue, folder) for folder in job.runs()]
                first = keys[0]
                # Of a pack put together otherwise, what is queued is left to the queue.
                if first and first not in followed and len(set(keys)) == 1:
                    followed[first] = _Followed(job, queue[first].job)
                elif listener.admit(job):
                    new.append(job)
            for start in range(0, len(new), MOST_IN_ARRAY):
                followed |= self._submit(new[start : start + MOST_IN_ARRAY])
        return followed

    def _submit(self, jobs: Sequence[Job]) -> dict[Key, _Followed]:
        """As one array, or as a job where it is one."""
        import submitit

        batch = f"resinc-{uuid.uuid4().hex[:12]}"
        commands = [list(job.command()) for job in jobs]
        for index, job in enumerate(jobs):
            _mark(job, Ticket(NAME, batch, index))
        executor = submitit.SlurmExecutor(self._folder)
        executor.update_parameters(**self._parameters(batch))
        folders = [[str(folder) for folder in (job.workdir, *job.runs())] for job in jobs]
        common = str(self._folder.parent), self._queue.gpus
        tasks = [slurm_task.Task(c, f, *common) for c, f in zip(commands, folders, strict=True)]
        try:
            with _outside_of_allocations():
                submitted = executor.map_array(slurm_task.become, tasks)
        except (submitit.core.utils.FailedJobError, submitit.core.utils.FailedSubmissionError) as e:
            for job in jobs:
                _mark(job, None)
            raise InputError(f"sbatch refuses: {squeue.first_words(str(e), 'sbatch')}") from None
        followed = {}
        for index, (job, place) in enumerate(zip(jobs, submitted, strict=True)):
            _mark(job, Ticket(NAME, batch, index, place.job_id))
            followed[batch, index] = _Followed(job, place.job_id)
        return followed

    def _parameters(self, batch: str) -> dict[str, object]:
        """Of submitit, whose own defaults are 5 minutes, and a signal that the trainer ignores."""
        queue = self._queue
        extra = {"signal": f"TERM@{SAVE_SECONDS}", "requeue": True, **queue.extra()}
        return {
            "job_name": batch,
            "time": _minutes(queue),
            "partition": queue.partition or None,
            "nodes": queue.nodes,
            "ntasks_per_node": queue.tasks_per_node,
            "gpus_per_node": queue.gpus or None,
            "cpus_per_task": queue.cpus or None,
            "array_parallelism": self.workers,
            "wckey": None,
            "setup": list(SETUP),
            "teardown": list(TEARDOWN),
            # One process that ends badly takes the others with it, which would wait for it.
            "srun_args": ["--kill-on-bad-exit=1"],
            "additional_parameters": extra,
        }

    def _look(self, followed: dict[Key, _Followed], listener: Listener) -> None:
        """Tell the listener what has changed; forget jobs that have ended."""
        if not followed:
            return
        try:
            queue = squeue.read_queue()
        except InputError as error:
            print(f"resinc: {error}; it is asked again", file=sys.stderr)
            return
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

    def _settled(self, job: _Followed) -> bool:
        """Whether the folders say what is to be expected of a job that has left the queue."""
        if not job.gone:
            job.gone = time.monotonic()
            job.returncode = squeue.read_end(job.number)
        states = {state_of(folder) for folder in job.job.runs()}
        settled = states <= {*FOR_GOOD} if job.returncode == 0 else CellState.RUNNING not in states
        return settled or time.monotonic() - job.gone > SETTLE_SECONDS

    def _end(self, key: Key, followed: _Followed, listener: Listener) -> None:
        job, returncode = followed.job, followed.returncode
        silent = not is_newer(job.workdir, LOG)
        ticket = read_ticket(job.workdir)
        if ticket and (ticket.batch, ticket.place) == key:  # Else another sweep has queued it anew.
            _mark(job, None)
        if returncode is None:  # SLURM has forgotten the job.
            failed = CellState.FAILED in map(state_of, job.runs())
            returncode = 1 if failed else -signal.SIGTERM
        words = squeue.error_output(self._folder, followed.number)
        if returncode and silent and words:
            with open_log(job.workdir, ["srun"]) as log:
                log.write(words.encode(errors="replace"))
        if not followed.started:
            listener.started(job)
        listener.ended(job, returncode)


def _key_in(queue: Mapping[Key, Place], folder: Path) -> Key | None:
    """Of a run that is in the queue; a ticket of one that has left it is taken away."""
    ticket = read_ticket(folder)
    if ticket is None or ticket.scheduler != NAME:
        return None
    key = ticket.batch, ticket.place
    if key in queue:
        return key
    remove_ticket(folder)
    return None


def _mark(job: Job, ticket: Ticket | None) -> None:
    """As queued, or as queued no more: each of its runs, and the folder of its log."""
    for folder in {job.workdir, *job.runs()}:
        if ticket:
            write_ticket(folder, ticket)
        else:
            remove_ticket(folder)


def _minutes(queue: Queue) -> int:
    return math.ceil(seconds(queue.time) / 60)


def _options(queue: Queue) -> list[str]:
    """Of sbatch, to ask whether such a job can be."""
    given: dict[str, object] = {
        "time": _minutes(queue),
        "partition": queue.partition,
        "nodes": queue.nodes,
        "ntasks-per-node": queue.tasks_per_node,
        "gpus-per-node": queue.gpus,
        "cpus-per-task": queue.cpus,
        **queue.extra(),
    }
    named = {name: value for name, value in given.items() if value}
    return [f"--{name}" if value is True else f"--{name}={value}" for name, value in named.items()]


def _wait(stopped: Stopped, listener: Listener) -> None:
    end = time.monotonic() + POLL_SECONDS
    while not stopped.count and time.monotonic() < end:
        listener.tick()
        time.sleep(TICK_SECONDS)


@contextlib.contextmanager
def _outside_of_allocations() -> Iterator[None]:
    """A shell that SLURM gave (`srun --pty bash`) says how its tasks are bound; jobs inherit it."""
    inside = {n: v for n, v in os.environ.items() if n.startswith("SLURM_") and n != "SLURM_CONF"}
    for name in inside:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(inside)


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
