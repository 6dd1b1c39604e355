"""One training over several processes: whether this is one of them, and how it joins the others.

A process learns of the others from SLURM, Open MPI, Cloud TPU or Kubernetes, as
`jax.distributed.initialize` finds them, or from the command line. One that is alone joins nobody.
"""

import os
import re
import socket
from collections.abc import Mapping
from typing import NamedTuple

from resinc.errors import InputError

# Seconds without a sign of life after which JAX gives a process up and ends the others.
HEARTBEAT_SECONDS = 30
# For all processes to be there: a scheduler may start the last one minutes after the first.
START_SECONDS = 300
# How many processes SLURM or Open MPI started of a command. SLURM's is of a step: in the script of
# a job, and for a job's only task, one process is all there is.
_STARTED = ("SLURM_STEP_NUM_TASKS", "OMPI_COMM_WORLD_SIZE")
# gRPC would ask one for the other processes of the run, and wait for ever.
PROXIES = [
    name
    for kind in ("http", "https", "all", "grpc")
    for name in (f"{kind}_proxy", f"{kind.upper()}_PROXY")
]


class Members(NamedTuple):
    """Which process of how many this is; what is None, the cluster has to tell.

    Attributes:
      coordinator: host and port at which process 0 listens.
      process_id: from 0.
      num_processes: at least 1.
    """

    coordinator: str | None = None
    process_id: int | None = None
    num_processes: int | None = None


def join(given: Members, heartbeat: int = HEARTBEAT_SECONDS) -> None:
    """Join the other processes, before any other call of JAX; nothing where there are none.

    Args:
      given: on the command line; its number of 1 means alone, whatever the cluster says.
      heartbeat: seconds, at least 1; see HEARTBEAT_SECONDS.

    Raises:
      InputError: what was given does not go together, or the others are not to be found.
    """
    wanted = check(given, os.environ)
    if heartbeat < 1:
        raise InputError(f"--heartbeat={heartbeat} is not a positive number of seconds")
    if wanted is None:
        return
    import jax

    for proxy in PROXIES:
        os.environ.pop(proxy, None)
    explicit = None not in wanted
    # Of CPU devices; those of others have their own.
    jax.config.update("jax_cpu_collectives_implementation", "gloo")
    try:
        jax.distributed.initialize(
            wanted.coordinator,
            wanted.num_processes,
            wanted.process_id,
            local_device_ids=own_gpus(os.environ),
            cluster_detection_method="deactivate" if explicit else None,
            initialization_timeout=START_SECONDS,
            heartbeat_timeout_seconds=heartbeat,
            # At the end each waits for the others: for one that failed no longer than for one that
            # was lost.
            shutdown_timeout_seconds=heartbeat,
        )
    except (RuntimeError, ValueError) as error:
        who = f" of {wanted.num_processes}" if wanted.num_processes else ""
        raise InputError(
            f"the processes{who} did not find each other within {START_SECONDS} s"
            f"{f' at {wanted.coordinator}' if wanted.coordinator else ''}: "
            + " ".join(str(error).split())
        ) from error


def check(given: Members, environment: Mapping[str, str]) -> Members | None:
    """What to give to JAX; None for a process that is alone.

    Raises:
      InputError: what was given does not go together.
    """
    coordinator, process_id, count = given
    if count is not None and count < 1:
        raise InputError(f"--num_processes={count} is not a positive number")
    if count == 1 and process_id in (None, 0):
        return None
    if None not in (coordinator, process_id, count):
        assert coordinator
        assert process_id is not None
        assert count is not None
        host, _, port = coordinator.rpartition(":")
        if not (host and port.isdigit()):
            raise InputError(f"--coordinator={coordinator} is not HOST:PORT, e.g. node1:1234")
        if not 0 <= process_id < count:
            raise InputError(f"--process_id={process_id} is not one of 0 to {count - 1}")
        return given
    found = _count(environment)
    if found is None and given != Members():
        raise InputError(
            "no cluster tells which process this is: give all of --coordinator=HOST:PORT, "
            "--process_id and --num_processes"
        )
    if (count or found or 1) == 1:
        return None
    if "OMPI_COMM_WORLD_RANK" in environment:
        given = _of_open_mpi(given, environment)
    return given


def check_alone(environment: Mapping[str, str]) -> None:
    """Check that SLURM or Open MPI started a command once which is not shared out.

    Raises:
      InputError: it started several processes of it.
    """
    for name in _STARTED:
        if (count := int(environment.get(name, "1"))) > 1:
            raise InputError(
                f"{count} processes were started ({name}), and `resinc train` alone is shared out: "
                "start this command in one"
            )


def _count(environment: Mapping[str, str]) -> int | None:
    """Of processes, that the cluster started; None outside of one."""
    for name in _STARTED:
        if name in environment:
            return int(environment[name])
    # JAX asks the machine's metadata, or Kubernetes; no public function of it tells.
    from jax._src.clusters import ClusterEnv

    kinds = {"GceTpuCluster", "GkeTpuCluster"}
    if "JOB_COMPLETION_INDEX" in environment:
        kinds.add("K8sCluster")
    for kind in ClusterEnv._cluster_types:
        if kind.__name__ in kinds and kind.is_env_present():
            return int(kind.get_process_count())
    return None


def _of_open_mpi(given: Members, environment: Mapping[str, str]) -> Members:
    """Open MPI 5 no longer says where the first process is, which JAX reads there."""
    if given.coordinator is None and "OMPI_MCA_orte_hnp_uri" not in environment:
        raise InputError(
            "this Open MPI does not tell where process 0 runs: give its --coordinator=HOST:PORT"
        )
    rank, size = int(environment["OMPI_COMM_WORLD_RANK"]), int(environment["OMPI_COMM_WORLD_SIZE"])
    return Members(given.coordinator, rank, size)


def own_gpus(environment: Mapping[str, str]) -> list[int] | None:
    """Which of the GPUs that a scheduler shows to this process are its own; None: all.

    JAX's rule, the one of its number on the machine, suits as many processes as GPUs; not one
    process for all of them, nor a scheduler that shows one GPU to each.
    """
    shown = len([name for name in environment.get("CUDA_VISIBLE_DEVICES", "").split(",") if name])
    shown = shown or int(environment.get("SLURM_GPUS_ON_NODE", 0))
    for tasks, number in (
        ("SLURM_STEP_TASKS_PER_NODE", "SLURM_LOCALID"),  # "8" or "8(x2)" or "8,4".
        ("OMPI_COMM_WORLD_LOCAL_SIZE", "OMPI_COMM_WORLD_LOCAL_RANK"),
    ):
        if tasks in environment and number in environment:
            if re.match(r"1(?!\d)", environment[tasks]) or shown == 1:
                return list(range(shown)) or None
            return [int(environment[number])]
    return None


def name() -> str:
    """Of this process, for people: its machine and number there."""
    return f"{socket.gethostname()}, process {os.getpid()}"
