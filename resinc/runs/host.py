"""The machine and the job that a process runs on."""

import os
import socket


def name() -> str:
    return socket.gethostname()


def job() -> str:
    """Of the cluster's scheduler, e.g. "SLURM 4711"; "" outside of one."""
    for variable, scheduler in (
        ("SLURM_JOB_ID", "SLURM"),
        ("PBS_JOBID", "PBS"),
        ("LSB_JOBID", "LSF"),
        ("JOB_COMPLETION_INDEX", "Kubernetes"),
    ):
        if os.environ.get(variable):
            return f"{scheduler} {os.environ[variable]}"
    return ""
