"""Run jobs as arrays in the queue of a SLURM cluster, by submitit.

A job that SLURM stops (time limit, preemption with a grace time) saves, says so by its exit status,
and is queued again by its own batch script; so is one of several processes that has lost one.
"""

import contextlib
import importlib.util
import math
import os
import shlex
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence

from resinc.errors import InputError
from resinc.launch.gke.pods import NO_PODS
from resinc.launch.launcher import Job, Request
from resinc.launch.queue.queued import Followed, Key, Place, Queued, mark
from resinc.launch.queue.request import SAVE_SECONDS, Queue, seconds
from resinc.launch.slurm import slurm_task, squeue
from resinc.launch.slurm.squeue import NAME
from resinc.launch.stop import SAVED
from resinc.runs.queue import Ticket

FOLDER = ".slurm"  # In the sweep's: what submitit keeps.
MOST_IN_ARRAY = 1000  # SLURM's own limit, unless a cluster has another.
SETUP = (
    # Since 22.05 srun does not take it from sbatch.
    '[ -z "$SLURM_CPUS_PER_TASK" ] || export SRUN_CPUS_PER_TASK="$SLURM_CPUS_PER_TASK"',
)
WHAT_THERE_IS = (
    "sinfo --format='%P %l %D %c %G' lists the partitions, with their limits of time, nodes, cores "
    "and GPUs"
)
MOST_LOST = 3  # Starts of several processes that end by the loss of one, before a job fails.
# What the others of a lost process end with, or srun says of it: SIGABRT, SIGKILL.
LOST = (134, 137)


class Slurm(Queued):
    """The queue of a cluster; each cell is a job in an array, on one or several nodes."""

    scheduler = NAME

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
        self.processes = self._queue.nodes * self._queue.tasks_per_node
        if self._queue.pods != NO_PODS:
            raise InputError("--image, --volume and what goes with them are of --launcher=gke")
        if not importlib.util.find_spec("submitit"):
            raise InputError("--launcher=slurm needs submitit: pip install 'resinc[cluster]'")
        for command in squeue.COMMANDS:
            if not shutil.which(command):
                raise InputError(
                    f"--launcher=slurm needs SLURM, but there is no {command} here: log in to a "
                    "machine of the cluster"
                )
        try:
            squeue.call("sbatch", "--test-only", *_options(self._queue), "--wrap=true")
        except InputError as error:
            raise InputError(f"{error}; {WHAT_THERE_IS}") from None
        super().__init__(request.root / FOLDER, request.workers)

    def _read(self) -> Mapping[Key, Place]:
        return squeue.read_queue()

    def _read_end(self, number: str) -> int | None:
        return squeue.read_end(number)

    def _last_output(self, number: str) -> str:
        return squeue.error_output(self._folder, number)

    def _cancel(self, numbers: Sequence[str]) -> str:
        return " ".join(["scancel", *sorted({number.partition("_")[0] for number in numbers})])

    def _submit(self, jobs: Sequence[Job]) -> dict[Key, Followed]:
        followed = dict[Key, Followed]()
        for start in range(0, len(jobs), MOST_IN_ARRAY):
            followed |= self._submit_array(jobs[start : start + MOST_IN_ARRAY])
        return followed

    def _submit_array(self, jobs: Sequence[Job]) -> dict[Key, Followed]:
        """As one array, or as a job where it is one."""
        import submitit

        batch = f"resinc-{uuid.uuid4().hex[:12]}"
        commands = [list(job.command()) for job in jobs]
        for index, job in enumerate(jobs):
            mark(job, Ticket(NAME, batch, index))
        executor = submitit.SlurmExecutor(self._folder)
        executor.update_parameters(**self._parameters(batch))
        folders = [[str(folder) for folder in (job.workdir, *job.runs())] for job in jobs]
        root = str(self._folder.parent)
        tasks = [slurm_task.Task(c, f, root) for c, f in zip(commands, folders, strict=True)]
        try:
            with _outside_of_allocations():
                submitted = executor.map_array(slurm_task.become, tasks)
        except (submitit.core.utils.FailedJobError, submitit.core.utils.FailedSubmissionError) as e:
            for job in jobs:
                mark(job, None)
            words = squeue.first_words(str(e), "sbatch") or "it does not say why"
            raise InputError(f"sbatch refuses: {words}") from None
        followed = {}
        for index, (job, place) in enumerate(zip(jobs, submitted, strict=True)):
            mark(job, Ticket(NAME, batch, index, place.job_id))
            followed[batch, index] = Followed(job, place.job_id)
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
            "teardown": self._teardown(),
            # One process that ends badly takes the others with it, which would wait for it.
            "srun_args": ["--kill-on-bad-exit=1"],
            "additional_parameters": extra,
        }

    def _teardown(self) -> list[str]:
        """Queues a job anew that was stopped and has saved, or of whose processes one was lost."""
        # The number of an array names all of it, and is also the number of one of its jobs.
        array = "${SLURM_ARRAY_JOB_ID:+${SLURM_ARRAY_JOB_ID}_}${SLURM_ARRAY_TASK_ID:-$SLURM_JOB_ID}"
        cases = [f'{_any(SAVED)}) scontrol requeue "$job" ;;']
        if self.processes > 1:
            lost = f'{shlex.quote(str(self._folder))}/"$job".lost'
            few = f'[ "$(wc -l < {lost})" -gt {MOST_LOST} ]'
            cases.append(f'{_any(LOST)}) echo >> {lost}; {few} || scontrol requeue "$job" ;;')
        return [
            "status=$?",
            f'job="{array}"',
            f"case $status in {' '.join(cases)} esac",
            "exit $status",
        ]


def _any(statuses: Sequence[int]) -> str:
    return "|".join(map(str, statuses))


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
