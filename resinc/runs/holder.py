"""The sign of life beside a run's lock: who trains in a folder, and when it was last alive.

The kernel's lock says it at once, but of one machine, and not every file system has it. This file
holds on all of them: created by one process alone, written again every BEAT_SECONDS while that
process lives, removed when it ends.
"""

import contextlib
import os
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from resinc.runs import host
from resinc.runs.files import read_object, write_json

FILE = "holder.json"
BEAT_SECONDS = 15.0
STALE_SECONDS = 60.0  # Four beats that did not come: a process that is gone, or its machine.


class Holder(NamedTuple):
    """What the file says of the process that wrote it.

    Attributes:
      host: name of its machine.
      boot: that machine since it was started; its containers share it, and so the kernel's locks.
      space: whose process numbers they are: a container has its own.
      pid: process number.
      job: of the scheduler, or "".
      time: of the last sign of life, seconds since 1970.
      token: drawn for this process.
    """

    host: str
    boot: str
    space: str
    pid: int
    job: str
    time: float
    token: str

    def __str__(self) -> str:
        job = f" ({self.job})" if self.job else ""
        return f"process {self.pid} on {self.host}{job}"

    def is_here(self) -> bool:
        """Whether it ran on this machine, where the kernel's lock tells."""
        return self.boot == host.boot()

    def is_gone(self) -> bool:
        """Whether it is known to have ended; False: it may live."""
        if self.is_here():
            return self.space == host.process_space() and not host.is_alive(self.pid)
        return self.host == host.name()  # That machine was started anew since.

    def is_fresh(self) -> bool:
        """By the clocks of two machines, which may differ by a few seconds."""
        return abs(time.time() - self.time) < STALE_SECONDS


def read_holder(workdir: Path) -> Holder | None:
    """None where nobody holds the folder; damaged fields count as unknown."""
    path = workdir / FILE
    if not path.exists():
        return None
    values = read_object(path)
    fields: dict[str, Any] = {
        name: values[name] if isinstance(values.get(name), kind) else kind()
        for name, kind in Holder.__annotations__.items()
    }
    return Holder(**fields)


def try_claim(workdir: Path) -> Holder | None:
    """Create the file as ours; None where there is one."""
    here = host.name(), host.boot(), host.process_space()
    mine = Holder(*here, os.getpid(), host.job(), time.time(), uuid.uuid4().hex)
    whole = workdir / f"{FILE}.{mine.token}"
    write_json(whole, mine._asdict())
    try:
        _move_if_free(whole, workdir / FILE)
    except FileExistsError:
        whole.unlink()
        return None
    return mine


def remove_stale(workdir: Path, stale: Holder) -> None:
    """Remove the file of a holder that is gone, unless another process was quicker."""
    aside = workdir / f"{FILE}.{uuid.uuid4().hex}"
    with contextlib.suppress(FileNotFoundError):
        os.rename(workdir / FILE, aside)
        taken = read_object(aside)
        if (taken.get("token", ""), taken.get("time", 0.0)) == (stale.token, stale.time):
            aside.unlink()
            return
        # That of a process which took over in between: it gets it back.
        with contextlib.suppress(FileExistsError):
            _move_if_free(aside, workdir / FILE)
        aside.unlink(missing_ok=True)


@contextlib.contextmanager
def beating(workdir: Path, mine: Holder) -> Iterator[None]:
    """Show a sign of life while inside, and none behind it."""
    ended = threading.Event()

    def ours() -> bool:
        return read_object(workdir / FILE).get("token") == mine.token

    def beat() -> None:
        while not ended.wait(BEAT_SECONDS):
            with contextlib.suppress(OSError):  # A full disk is for the run to meet.
                if ours():
                    write_json(workdir / FILE, mine._replace(time=time.time())._asdict())

    thread = threading.Thread(target=beat, name="sign of life", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        with contextlib.suppress(OSError):
            if ours():
                (workdir / FILE).unlink()


def _move_if_free(source: Path, target: Path) -> None:
    """Give a file its name in one step, whole; raises FileExistsError where that is taken."""
    try:
        os.link(source, target)
    except FileExistsError:
        raise
    except OSError:  # A file system without links.
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        os.replace(source, target)
        return
    source.unlink()
