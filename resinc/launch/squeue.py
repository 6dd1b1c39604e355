"""What SLURM says of jobs: squeue and scontrol, never accounting, which not every cluster has."""

import functools
import os
import re
import signal
import subprocess
import time
from pathlib import Path

from resinc.errors import InputError
from resinc.launch.queued import Key, Place
from resinc.runs.queue import Ticket

NAME = "SLURM"
ANSWER_SECONDS = 60
RECENT_SECONDS = 10.0
COMMANDS = ("sbatch", "squeue", "scontrol", "srun")


def call(*command: str) -> str:
    """What one of SLURM's commands prints.

    Raises:
      InputError: it failed, or did not answer; quotes its first words.
    """
    try:
        ran = subprocess.run(
            command, capture_output=True, text=True, timeout=ANSWER_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"{command[0]} does not answer: {error}") from None
    if ran.returncode:
        raise InputError(f"{command[0]} refuses: {first_words(ran.stderr, command[0])}")
    return ran.stdout


def first_words(text: str, command: str) -> str:
    """Of an error message, e.g. of sbatch, without its prefixes."""
    lines = [re.sub(rf"^{command}: (error: )?", "", line.strip()) for line in text.splitlines()]
    return next(filter(None, lines), "it does not say why")


def read_queue() -> dict[Key, Place]:
    """All jobs of this user that wait, run or are about to end.

    Raises:
      InputError: squeue does not answer.
    """
    return parse_queue(
        call("squeue", "--noheader", "--array", f"--user={os.getuid()}", "--format=%j|%K|%i|%T")
    )


def is_absent(ticket: Ticket) -> bool:
    """Whether a job that was submitted is known to have left the queue."""
    queue = _recent_queue(int(time.monotonic() / RECENT_SECONDS))
    asked = ticket.scheduler == NAME and ticket.job
    return bool(asked) and queue is not None and (ticket.batch, ticket.place) not in queue


@functools.lru_cache(maxsize=1)
def _recent_queue(period: int) -> dict[Key, Place] | None:
    """None where nobody answers; asked once in a period, however often it is looked at."""
    try:
        return read_queue()
    except InputError:
        return None


def parse_queue(text: str) -> dict[Key, Place]:
    """Lines of `squeue --format=%j|%K|%i|%T`; %K is N/A of a job that is no array."""
    found = {}
    for line in text.splitlines():
        name, index, job, state = line.strip().rsplit("|", 3)
        found[name, int(index) if index.isdecimal() else 0] = Place(job, state)
    return found


def read_end(job: str) -> int | None:
    """How a job that left the queue ended; None where SLURM has forgotten it.

    Returns:
      Its exit status, or minus the signal that killed it; minus SIGTERM where SLURM ended it.
    """
    try:
        return parse_end(call("scontrol", "--oneliner", "show", "job", job))
    except InputError:
        return None


def parse_end(text: str) -> int | None:
    """What `scontrol show job` prints."""
    fields = dict(re.findall(r"\b(JobState|ExitCode)=(\S+)", text))
    state = fields.get("JobState", "")
    if state in ("CANCELLED", "PREEMPTED", "TIMEOUT", "DEADLINE", "NODE_FAIL", "BOOT_FAIL"):
        return -signal.SIGTERM
    if state == "OUT_OF_MEMORY":
        return -signal.SIGKILL
    if "ExitCode" not in fields:
        return None
    status, number = (int(part) for part in fields["ExitCode"].split(":"))
    if number:
        return -number
    # A shell's word for a signal, save where our own process said so after it had saved.
    killed = status == 128 + signal.SIGKILL or status == 128 + signal.SIGSEGV
    return 128 - status if killed else status


def error_output(folder: Path, job: str) -> str:
    """What a job said that ended before its cell could be started; "" where nothing."""
    try:
        return (folder / f"{job}_0_log.err").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
