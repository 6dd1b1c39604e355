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
from resinc.runs.folder import HOLDER as FILE

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

    def is_this_process(self) -> bool:
        return self.is_here() and (self.space, self.pid) == (host.process_space(), os.getpid())

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
    return _read(workdir / FILE)


def _read(path: Path) -> Holder | None:
    if not path.exists():
        return None
    values = read_object(path)
    if not values and not path.exists():
        return None  # Removed meanwhile.
    fields: dict[str, Any] = {
        name: values[name] if isinstance(values.get(name), kind) else kind()
        for name, kind in Holder.__annotations__.items()
    }
    return Holder(**fields)


def try_claim(workdir: Path) -> Holder | None:
    """Create the file as ours; None where there is one."""
    return _create(workdir / FILE)


def try_replace(workdir: Path, gone: Holder) -> Holder | None:
    """Put ours in the place of a holder that is gone; None where another process was quicker.

    The place is never empty in between, and each holder has one successor at most: who creates the
    file that is named after it. A successor that ends before it has the place has a successor too.
    """
    last, claims = gone, []
    while True:
        claims.append(workdir / f"{FILE}.after-{last.token}")
        if mine := _create(claims[-1]):
            break
        ahead = _read(claims[-1])
        if ahead is None or not (ahead.is_gone() or _stays(claims[-1])):
            return None
        last = ahead
    try:
        now = read_holder(workdir)
        if now is None or (now.token, now.time) != (gone.token, gone.time):
            return None  # Replaced before our claim, or alive after all.
        write_json(workdir / FILE, mine._asdict())
        return mine
    finally:
        for claim in reversed(claims):
            claim.unlink(missing_ok=True)


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


def _create(path: Path) -> Holder | None:
    """Create a sign of life of this process, whole from the start; None where the file is there."""
    here = host.name(), host.boot(), host.process_space()
    mine = Holder(*here, os.getpid(), host.job(), time.time(), uuid.uuid4().hex)
    whole = path.with_name(f"{FILE}.{mine.token}")
    write_json(whole, mine._asdict())
    try:
        _move_if_free(whole, path)
    except FileExistsError:
        whole.unlink()
        return None
    return mine


def _stays(path: Path) -> bool:
    """Whether a file is still there after the time in which a live process shows itself."""
    deadline = time.monotonic() + STALE_SECONDS
    while path.exists():
        if time.monotonic() > deadline:
            return True
        time.sleep(BEAT_SECONDS / 15)
    return False


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
