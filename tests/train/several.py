"""Trainings over several processes of this machine, which talk by Gloo."""

import os
import re
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import jax

from resinc.cores import available_cores
from tests.train.runs import flags

RECIPE = "--config=configs/digits.py:depth=8"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def environment(devices: int) -> dict[str, str]:
    """Of a process that has so many devices, and makes the bits that this one makes."""
    flag = f"--xla_force_host_platform_device_count={devices}"
    xla = re.sub(r"--xla_force_host_platform_device_count=\d+", flag, os.environ["XLA_FLAGS"])
    # XLA cuts sums in pieces by its threads: as many as cores, or as devices where those are more.
    threads = str(max(len(available_cores()), jax.local_device_count()))
    kept = {
        "JAX_COMPILATION_CACHE_DIR": str(jax.config.jax_compilation_cache_dir),
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
    }
    return os.environ | kept | {"XLA_FLAGS": xla, "NPROC": threads}


def settings(**changes) -> list[str]:
    """Flags of a run of the digits with a replica for each device there is."""
    return flags(**{"parallel__replicas": 0} | changes)


def start(
    folder: Path,
    count: int,
    devices: int = 1,
    heartbeat: int = 30,
    own: dict[int, list[str]] | None = None,
    run: Sequence[str] = (),
    **changes,
) -> list[subprocess.Popen]:
    """`resinc train` in `count` processes of so many devices each.

    Args:
      folder: workdir.
      count: of processes.
      devices: of each.
      heartbeat: seconds.
      own: flags of one of them.
      run: flags of the run; none: the digits, with `changes`.
    """
    others = [f"--coordinator=127.0.0.1:{free_port()}", f"--num_processes={count}"]
    command = [sys.executable, "-m", "resinc", "train", f"--workdir={folder}"]
    given = run or [RECIPE, *settings(**changes)]
    return [
        subprocess.Popen(
            [
                *(*command, *others, f"--process_id={number}", f"--heartbeat={heartbeat}"),
                *(*given, *(own or {}).get(number, [])),
            ],
            env=environment(devices),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
        )
        for number in range(count)
    ]


def ends(processes: list[subprocess.Popen]) -> tuple[list[int], list[str]]:
    """Exit statuses and outputs, once all have ended."""
    outputs = [process.communicate(timeout=300)[0] for process in processes]
    return [process.returncode for process in processes], outputs
