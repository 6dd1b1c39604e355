"""Run jobs on this machine, a few at a time, each in its own process."""

import contextlib
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

from resinc.cores import available_cores, pinned
from resinc.errors import InputError
from resinc.runs.log import open_log

POLL_SECONDS = 0.1
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@dataclass(frozen=True)
class Job:
    """A command, and the folder whose log.txt takes its output.

    Attributes:
      command: called when the job starts, since what it is may depend on those before it.
    """

    name: str
    workdir: Path
    command: Callable[[], Sequence[str]]


class Listener(Protocol):
    """Is told what happens, and decides.

    `ready` says whether a job need wait no longer; `admit`, at the last moment, whether it starts
    at all.
    """

    def ready(self, job: Job) -> bool: ...
    def admit(self, job: Job) -> bool: ...
    def started(self, job: Job) -> None: ...
    def ended(self, job: Job, returncode: int) -> None: ...
    def tick(self) -> None: ...


@dataclass
class Slot:
    """One place for a process, with the hardware that belongs to it."""

    environment: Mapping[str, str]
    cores: frozenset[int]  # Empty: not pinned.
    process: subprocess.Popen[bytes] | None = None
    job: Job | None = None


class Stopped:
    """Counts the signals received: the first asks children to save, a second kills them."""

    def __init__(self) -> None:
        self.first: signal.Signals | None = None
        self.count = 0

    def __call__(self, number: int, frame: FrameType | None) -> None:
        if number == signal.SIGHUP and self.count:
            return  # A terminal that closes says so twice, from the shell and from the kernel.
        self.first = self.first or signal.Signals(number)
        self.count += 1


def run(
    jobs: Sequence[Job],
    workers: int,
    devices: Sequence[str],
    environment: Mapping[str, str],
    listener: Listener,
) -> signal.Signals | None:
    """Run all jobs, at most `workers` at a time, and wait for them.

    Args:
      jobs: started in this order, save that one which is not ready lets others pass; one that is
        still not ready after the last has ended is left out.
      workers: 0 for one per device, or without devices one per CPU core.
      devices: CUDA device ids, one process each; none: CPU, the cores shared out evenly.
      environment: of the children.
      listener: told of starts and ends; a job it does not admit is left out.

    Returns:
      The signal that stopped the run, or None.

    Raises:
      InputError: `workers` is negative or exceeds the devices.
    """
    slots = make_slots(workers, devices, environment)
    waiting = list(jobs)
    stopped = Stopped()
    told = 0
    with _handling(stopped):
        try:
            while True:
                for slot in slots:
                    if slot.process is not None and slot.process.poll() is not None:
                        _finish(slot, listener, killing=told > 1)
                    while slot.process is None and not stopped.count:
                        job = next(filter(listener.ready, waiting), None)
                        if job is None:
                            break
                        waiting.remove(job)
                        if listener.admit(job):
                            _start(slot, job)
                            listener.started(job)
                if stopped.count > told:
                    _tell(slots, signal.SIGTERM if told == 0 else signal.SIGKILL)
                    told = stopped.count
                listener.tick()
                if all(slot.process is None for slot in slots):
                    return stopped.first
                time.sleep(POLL_SECONDS)
        except BaseException:
            _tell(slots, signal.SIGTERM)  # Nothing is left running behind an error of ours.
            for slot in slots:
                if slot.process is not None:
                    slot.process.wait()
            raise


def make_slots(workers: int, devices: Sequence[str], environment: Mapping[str, str]) -> list[Slot]:
    """Share the hardware out; see `run`."""
    if workers < 0:
        raise InputError(f"workers {workers} is negative; 0 means one per device or core")
    if devices:
        if workers > len(devices):
            raise InputError(
                f"{workers} workers need {workers} devices, but {len(devices)} are given "
                f"({', '.join(devices)}): one process per device"
            )
        used = devices[: workers or len(devices)]
        return [Slot({**environment, "CUDA_VISIBLE_DEVICES": d}, frozenset()) for d in used]
    cores = available_cores()
    count = workers or len(cores)
    shares = [cores[i * len(cores) // count : (i + 1) * len(cores) // count] for i in range(count)]
    # More workers than cores: each has one core, some share it.
    shares = [share or [cores[i % len(cores)]] for i, share in enumerate(shares)]
    return [Slot(environment, frozenset(share)) for share in shares]


def _start(slot: Slot, job: Job) -> None:
    job.workdir.mkdir(parents=True, exist_ok=True)
    command = job.command()
    with open_log(job.workdir, command) as log, pinned(slot.cores):
        slot.process = subprocess.Popen(
            command,
            env=dict(slot.environment),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            # Ctrl-C in a terminal reaches the whole process group: a child in ours would get
            # SIGINT from there and SIGTERM from us, and a second signal makes it stop unsaved.
            start_new_session=True,
        )
    slot.job = job


def _finish(slot: Slot, listener: Listener, killing: bool) -> None:
    process, job = slot.process, slot.job
    assert process is not None
    assert job is not None
    slot.process = slot.job = None
    # Killed because we were told twice to stop: stopped, not failed.
    ours = killing and process.returncode == -signal.SIGKILL
    listener.ended(job, -signal.SIGTERM if ours else process.returncode)


def _tell(slots: Sequence[Slot], number: signal.Signals) -> None:
    for slot in slots:
        if slot.process is not None and slot.process.poll() is None:
            slot.process.send_signal(number)


@contextlib.contextmanager
def _handling(stopped: Stopped) -> Iterator[None]:
    """Only the main thread may set handlers; elsewhere signals act as they used to."""
    old: dict[int, Any] = {}
    with contextlib.suppress(ValueError):
        for number in SIGNALS:
            # Under nohup a closed terminal stops nothing.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                old[number] = signal.signal(number, stopped)
    try:
        yield
    finally:
        for old_number, handler in old.items():
            signal.signal(old_number, handler)
