"""The CPU cores that a process may use."""

import contextlib
import os
from collections.abc import Collection, Iterator


def available_cores() -> list[int]:
    """Of this process, not of the machine: a container or taskset may allow fewer."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))


@contextlib.contextmanager
def pinned(cores: Collection[int]) -> Iterator[None]:
    """Processes started inside inherit these cores, if any; XLA sizes its thread pools from them.

    Set on the calling thread: `preexec_fn` is unsafe beside the thread that draws the live view.
    """
    if not cores or not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)
