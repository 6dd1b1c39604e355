"""A real SLURM on this machine: a controller and two nodes, in a folder that is thrown away."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

# The processes of a training look for the first of them by the name of its node, which has to be
# one that every machine finds; SLURM takes "localhost" for the machine's own name.
NODES = ("127.0.0.1", "right")
CPUS = 8  # Of each node, pretended: SLURM counts them, and nothing is bound to one.
START_SECONDS = 60
CONFIG = """\
ClusterName=resinc
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ports[0]}
SlurmUser=root
AuthType=auth/munge
# A job that is requeued waits until its credential has expired, else two minutes.
AuthInfo=socket={folder}/munge.socket,cred_expire=5
StateSaveLocation={folder}/state
SlurmctldPidFile={folder}/slurmctld.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdSpoolDir={folder}/spool-%n
SlurmdPidFile={folder}/slurmd-%n.pid
SlurmdLogFile={folder}/slurmd-%n.log
SlurmdParameters=config_overrides
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
MpiDefault=none
ReturnToService=2
KillWait=2
MinJobAge=300
PreemptType=preempt/partition_prio
PreemptMode=CANCEL
SchedulerParameters=sched_interval=2,bf_interval=2
GresTypes=gpu
NodeName={nodes[0]} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[1]} CPUs={cpus} Gres=gpu:1
NodeName={nodes[1]} NodeHostname={host} NodeAddr=127.0.0.1 Port={ports[2]} CPUs={cpus} Gres=gpu:1
PartitionName=normal Nodes=ALL Default=YES PriorityTier=1
PartitionName=one Nodes={nodes[0]} PriorityTier=1
PartitionName=grace Nodes={nodes[0]} PriorityTier=1 GraceTime=30
PartitionName=both Nodes=ALL PriorityTier=1 GraceTime=30
PartitionName=urgent Nodes={nodes[0]} PriorityTier=2
PartitionName=gpu Nodes=ALL PriorityTier=1
"""
# SLURM counts the GPUs too, and only tells a job which is its own.
GPUS = "NodeName={nodes[0]},{nodes[1]} Name=gpu File=/dev/null\n"


@dataclass
class Cluster:
    """What the tests may do to it; the usual commands find it by SLURM_CONF."""

    folder: Path
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def call(self, *command: str) -> str:
        """Run one of SLURM's commands and return what it prints."""
        ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
        return ran.stdout.strip()

    def start(self, name: str, *command: str) -> None:
        with (self.folder / f"{name}.out").open("ab") as out:
            self.processes[name] = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )

    def start_node(self, name: str) -> None:
        self.start(name, "slurmd", "-D", "-N", name)

    def logs(self) -> str:
        files = sorted([*self.folder.glob("*.out"), *self.folder.glob("*.log")])
        return "\n".join(f"{f.name}:\n{f.read_text(errors='replace')[-1500:]}" for f in files)

    def resume(self, node: str) -> None:
        """Give a node back that was taken down, if it is not back by itself."""
        with contextlib.suppress(subprocess.CalledProcessError):
            self.call("scontrol", "update", f"node={node}", "state=resume")

    def wait_for_nodes(self) -> None:
        """Until both are idle; raises TimeoutError with the logs."""
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            with contextlib.suppress(subprocess.CalledProcessError, subprocess.TimeoutExpired):
                if self.call("sinfo", "-hN", "-p", "normal", "-o", "%T").split() == ["idle"] * 2:
                    return
            time.sleep(0.2)
        raise TimeoutError(f"SLURM did not start within {START_SECONDS} s:\n{self.logs()}")


def missing() -> str:
    """Why there can be no SLURM here; "" where there can."""
    absent = [name for name in ("slurmctld", "slurmd", "munged") if not shutil.which(name)]
    if absent:
        return f"{', '.join(absent)} not installed (apt-get install slurm-wlm munge)"
    return "" if os.geteuid() == 0 else "SLURM's daemons need root"


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]


@contextlib.contextmanager
def running(folder: Path) -> Iterator[Cluster]:
    """Start all daemons with their files in `folder`, and stop them and all jobs behind it."""
    cluster = Cluster(folder)
    for name in ("state", *(f"spool-{node}" for node in NODES)):
        (folder / name).mkdir()
    folder.chmod(0o755)
    (folder / "munge.key").write_bytes(os.urandom(128))
    (folder / "munge.key").chmod(0o600)
    config = folder / "slurm.conf"
    config.write_text(
        CONFIG.format(
            folder=folder, host=socket.gethostname(), ports=_free_ports(3), cpus=CPUS, nodes=NODES
        )
    )
    (folder / "gres.conf").write_text(GPUS.format(nodes=NODES))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SLURM_CONF", str(config))
        for name in [name for name in os.environ if name.startswith("SLURM_JOB")]:
            patch.delenv(name)
        try:
            own = [f"--{kind}={folder / 'munge'}.{kind.partition('-')[0]}" for kind in _MUNGE]
            cluster.start("munged", "munged", "--foreground", "--force", *own)
            deadline = time.monotonic() + START_SECONDS
            while not (folder / "munge.socket").exists() and time.monotonic() < deadline:
                time.sleep(0.05)
            cluster.start("slurmctld", "slurmctld", "-D", "-i")
            for node in NODES:
                cluster.start_node(node)
            cluster.wait_for_nodes()
            yield cluster
        finally:
            _stop(cluster)


_MUNGE = ("key-file", "socket", "pid-file", "log-file", "seed-file")


def _stop(cluster: Cluster) -> None:
    with contextlib.suppress(subprocess.SubprocessError):
        cluster.call("scancel", "--user=root", "--signal=KILL", "--full")
        cluster.call("scancel", "--user=root")
    deadline = time.monotonic() + 8  # KillWait, and what a full machine adds.
    while time.monotonic() < deadline:
        try:
            if not cluster.call("squeue", "-h"):
                break
        except subprocess.SubprocessError:
            break
        time.sleep(0.2)
    for name in ("slurmctld", *NODES, "munged"):
        if name in cluster.processes:
            cluster.processes[name].terminate()
    for process in cluster.processes.values():
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for pid in _left_over(cluster.folder / "slurm.conf"):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


def _left_over(config: Path) -> list[int]:
    """Steps of a node that was down when it was stopped, and what runs in them."""
    mark, found = f"SLURM_CONF={config}".encode(), []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):  # It has ended meanwhile.
            if mark in (folder / "environ").read_bytes().split(b"\0"):
                found.append(int(folder.name))
    return [pid for pid in found if pid != os.getpid()]
