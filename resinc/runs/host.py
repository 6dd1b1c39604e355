"""The machine and the job that a process runs on."""

import os
import socket
from pathlib import Path


def name() -> str:
    return socket.gethostname()


def job() -> str:
    """Of the cluster's scheduler, e.g. "SLURM 4711"; "" outside of one."""
    for variable, scheduler in (
        ("SLURM_JOB_ID", "SLURM"),
        ("PBS_JOBID", "PBS"),
        ("LSB_JOBID", "LSF"),
        ("JOBSET_NAME", "Kubernetes"),
        ("JOB_COMPLETION_INDEX", "Kubernetes"),
    ):
        if os.environ.get(variable):
            return f"{scheduler} {os.environ[variable]}"
    return ""


def boot() -> str:
    """This machine since it was started; its name where the system does not tell."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    except OSError:
        return name()


def process_space() -> str:
    """Whose process numbers are known here: those of a container are its own."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def is_alive(pid: int) -> bool:
    """Whether a process of this machine lives."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
