"""What SLURM says of jobs: squeue and scontrol, never accounting, which not every cluster has."""

import os
import re
import signal
from pathlib import Path

from resinc.errors import InputError
from resinc.launch.queue.ask import ask, recent
from resinc.launch.queue.queued import Key, Place, place_of, returncode_of
from resinc.runs.queue import Ticket

NAME = "SLURM"
COMMANDS = ("sbatch", "squeue", "scontrol", "srun")


def call(*command: str) -> str:
    """What one of SLURM's commands prints; see `ask`."""
    return ask(*command, quoted=lambda text: first_words(text, command[0]))


def first_words(text: str, command: str) -> str:
    """Of an error message, e.g. of sbatch, without its prefixes; "" where there are none."""
    lines = [re.sub(rf"^{command}: (error: )?", "", line.strip()) for line in text.splitlines()]
    return next(filter(None, lines), "")


def read_queue() -> dict[Key, Place]:
    """All jobs of this user that wait, run or are about to end.

    Raises:
      InputError: squeue does not answer.
    """
    own = f"--user={os.getuid()}"
    return parse_queue(call("squeue", "--noheader", "--array", own, "--format=%j|%K|%i|%T|%r"))


_recent_queue = recent(read_queue)


def find(ticket: Ticket) -> Place | None:
    """Where a job that was submitted is now: GONE where it has left the queue, None where nobody
    tells."""
    queue = _recent_queue() if ticket.scheduler == NAME and ticket.job else None
    return place_of(ticket, queue)


def parse_queue(text: str) -> dict[Key, Place]:
    """Lines of `squeue --format=%j|%K|%i|%T|%r`; %K is N/A of a job that is no array."""
    found = {}
    for line in text.splitlines():
        name, index, job, state, why = line.strip().rsplit("|", 4)
        place = Place(job, state, _reason(why))
        found[name, int(index) if index.isdecimal() else 0] = place
    return found


def _reason(why: str) -> str:
    """Why a job waits; of one that waits for a person, what that person types."""
    if why == "JobHeldUser" or why.endswith((" held", " held state")):
        return f"{why} (until `scontrol release NUMBER`)"
    return "" if why == "None" else why


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
    return -number if number else returncode_of(status)


def error_output(folder: Path, job: str) -> str:
    """What a job said that ended before its cell could be started; "" where nothing."""
    try:
        return (folder / f"{job}_0_log.err").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
