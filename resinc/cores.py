"""The CPU cores that this process may use."""

import os


def available_cores() -> list[int]:
    """Of this process, not of the machine: a container or taskset may allow fewer."""
    if hasattr(os, "sched_getaffinity"):
        return sorted(os.sched_getaffinity(0))
    return list(range(os.cpu_count() or 1))
