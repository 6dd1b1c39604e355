"""Who trains in a folder: one process at a time, on any file system and over several machines."""

import contextlib
import errno
import fcntl
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from resinc.errors import InputError
from resinc.file_paths import writing
from resinc.runs import holder
from resinc.runs.folder import HOLDER, LOCK
from resinc.runs.holder import Holder

# What file systems answer that have no such lock.
_UNSUPPORTED = (errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.EINVAL)


class TakenOver(InputError):
    """The folder of this process is another's now."""


@contextlib.contextmanager
def held(workdir: Path) -> Iterator[None]:
    """Create the folder and keep every other process from training in it.

    On one machine the kernel releases the lock when the process ends, however it ends. Where
    another machine held it, or the file system has no locks, its sign of life is waited for, up to
    STALE_SECONDS.

    Raises:
      InputError: the folder cannot be written, or another process trains there.
    """
    with writing(workdir, "workdir"):
        workdir.mkdir(parents=True, exist_ok=True)
        lock = open(workdir / LOCK, "w", encoding="utf-8")  # noqa: SIM115
    with lock:
        kernel = _try_lock(lock, workdir)
        with writing(workdir, "workdir"):
            mine = _claim(workdir, kernel)
        with holder.beating(workdir, mine):
            yield


def check_held(workdir: Path) -> None:
    """See that a folder is still this process's, which may have slept for longer than it knows.

    A laptop that was closed, a virtual machine that was paused, a network folder that hung: another
    machine takes such a process to be gone, and both would write.

    Raises:
      TakenOver: another process trains there, or did meanwhile.
    """
    other = holder.read_holder(workdir)
    # Without a token it is damaged, or cannot be read at the moment.
    if other is None or (other.token and not other.is_this_process()):
        raise TakenOver(
            f"workdir {str(workdir)!r} was taken over by {other or 'a process that has ended'}, "
            "which had no sign of life from this one; this one writes nothing more"
        )


def is_of_lock(name: str) -> bool:
    """Whether a file tells who trained in its folder, and nothing of what was done there."""
    return name == LOCK or name.startswith(HOLDER)


def is_held(workdir: Path) -> bool:
    """Whether a process trains there now, as far as can be told without waiting."""
    other = holder.read_holder(workdir)
    kernel = True
    try:
        with (workdir / LOCK).open(encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError as error:
        kernel = error.errno not in _UNSUPPORTED
    if other is None or (kernel and other.is_here()):
        return False
    return not other.is_gone() and other.is_fresh()


def _try_lock(lock: Any, workdir: Path) -> bool:
    """Take the kernel's lock; False where the file system has none."""
    # Tried for a second: a sweep or a report takes the lock for an instant, to see if it can.
    for attempt in range(11):
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return True
        except BlockingIOError:
            if attempt == 10:
                raise _in_use(workdir, holder.read_holder(workdir)) from None
            time.sleep(0.1)
        except OSError as error:
            if error.errno not in _UNSUPPORTED:
                raise
            return False
    return False


def _claim(workdir: Path, kernel: bool) -> Holder:
    """Write the sign of life, after that of a process that is gone."""
    while True:
        if mine := holder.try_claim(workdir):
            return mine
        other = holder.read_holder(workdir)
        if other is None:
            continue
        if not (other.is_gone() or (kernel and other.is_here())):
            _watch(workdir, other)
        if mine := holder.try_replace(workdir, other):
            return mine


def _watch(workdir: Path, other: Holder) -> None:
    """Wait for a sign of life, which the clocks of two machines cannot belie."""
    if not other.is_here():
        seconds = f"{holder.STALE_SECONDS:.0f} s"
        print(
            f"resinc: {other} held {str(workdir)!r}: up to {seconds} for a sign of life",
            file=sys.stderr,
        )
    deadline = time.monotonic() + holder.STALE_SECONDS
    while time.monotonic() < deadline:
        now = holder.read_holder(workdir)
        if now is None:
            return
        if now != other or (now.is_here() and not now.is_gone() and now.is_fresh()):
            raise _in_use(workdir, now)
        time.sleep(min(1.0, holder.BEAT_SECONDS / 5))


def _in_use(workdir: Path, other: Holder | None) -> InputError:
    return InputError(f"workdir {str(workdir)!r} is in use by {other or 'another process'}")
