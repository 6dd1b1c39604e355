"""Stands in for `resinc train`: does to the folder what BEHAVIOUR[seed] says."""

import fcntl
import json
import os
import signal
import sys
import time
from pathlib import Path

arguments = dict(word[2:].split("=", 1) for word in sys.argv[1:] if word.startswith("--"))
workdir = Path(arguments["workdir"])
behaviour = json.loads(os.environ["BEHAVIOUR"])[arguments["config.seed"]]
rank = int(os.environ.get("SLURM_PROCID") or os.environ.get("JOB_COMPLETION_INDEX") or "0")
if rank:  # A run has one process that writes, on however many nodes.
    sys.exit(0)
lock = (workdir / "lock").open("w")
fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
before = workdir / "status.json"
if before.exists() and json.loads(before.read_text())["state"] == "done":
    sys.exit(0)


def status(state: str, step: int, message: str = "") -> None:
    values = {"state": state, "step": step, "steps": 9, "seconds": 1.0, "message": message}
    (workdir / "status.json").write_text(json.dumps(values))


def stop(number: int, frame: object) -> None:
    status("interrupted", 5)
    sys.exit(128 + number)


signal.signal(signal.SIGTERM, stop)
with (workdir / "ran").open("a") as file:
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    device = os.environ.get("CUDA_VISIBLE_DEVICES")
    cache = os.environ["JAX_COMPILATION_CACHE_DIR"]
    seen = {"cores": cores, "device": device, "cache": cache, "pid": os.getpid()}
    names = ("SLURM_JOB_ID", "SLURMD_NODENAME", "SLURM_NTASKS", "SRUN_CPUS_PER_TASK")
    names += ("JOBSET_NAME", "JOBSET_RESTART_ATTEMPT", "TPU_WORKER_ID", "TPU_WORKER_HOSTNAMES")
    seen |= {name: os.environ.get(name) for name in names}
    file.write(json.dumps(seen) + "\n")
status("running", 0)
if behaviour == "done":
    status("done", 9)
elif behaviour == "diverge":
    status("diverged", 4, "the loss became non-finite at step 4")
    sys.exit(3)
elif behaviour == "fail":
    raise RuntimeError("no such luck")
elif behaviour == "refuse":
    (workdir / "status.json").unlink()
    sys.exit("resinc: error: depth 9 is not 6n+2")
elif behaviour == "refuse after done":
    status("done", 9)
    sys.exit("resinc: workdir is in use by process 1")
elif behaviour == "quit":
    os.kill(os.getpid(), signal.SIGTERM)
elif behaviour == "quit once":
    if len((workdir / "ran").read_text().splitlines()) == 1:
        os.kill(os.getpid(), signal.SIGTERM)
    status("done", 9)
elif behaviour == "wait once":
    while len((workdir / "ran").read_text().splitlines()) == 1 and not (workdir / "go").exists():
        if (workdir / "deaf").exists():
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
        time.sleep(0.1)
    status("done", 9)
elif behaviour == "wait":
    time.sleep(600)
