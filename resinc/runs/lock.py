"""Who trains in a folder: one process at a time."""

import contextlib
import fcntl
import time
from collections.abc import Iterator
from pathlib import Path

from resinc.errors import InputError


@contextlib.contextmanager
def held(workdir: Path) -> Iterator[None]:
    """Create the folder and keep every other process from training in it.

    The kernel releases the lock when the process ends, however it ends.

    Raises:
      InputError: the folder cannot be written, or another process trains there.
    """
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        lock = open(workdir / "lock", "w", encoding="utf-8")  # noqa: SIM115
    except OSError as error:
        raise InputError(f"workdir {str(workdir)!r} cannot be written: {error.strerror}") from error
    with lock:
        # Tried for a second: a sweep or a report takes the lock for an instant, to see if it can.
        for attempt in range(11):
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if attempt == 10:
                    raise InputError(
                        f"workdir {str(workdir)!r} is in use by another process"
                    ) from None
                time.sleep(0.1)
        yield


def is_held(workdir: Path) -> bool:
    """Whether a process holds the lock; the kernel drops it when that process ends."""
    try:
        with (workdir / "lock").open(encoding="utf-8") as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
