"""From the start of `resinc train` (ResNet-20) to its first step: cold, and with kept programs."""

import os
import statistics
import subprocess
import sys
import tempfile
import time

from experiments.benchmarks.harness import ROOT, Results
from resinc.cores import available_cores


def run(results: Results, quick: bool = False) -> None:
    """Data: CIFAR-10 where it is prepared, decoded once before; else random images of its shape."""
    from resinc.data.sets.stored import condition, data_directory
    from resinc.data.spec import DATASETS

    ready = condition(DATASETS["cifar10"], data_directory(None)).state == "ready"
    name = "cifar10" if ready and not quick else "synthetic"
    command = [sys.executable, "-m", "resinc", "train", "--config=configs/cifar.py:depth=20"]
    fields = {"steps": 1, "log_every_steps": 1, "data.name": name}
    if quick:
        fields |= {"model.depth": 8, "model.width": 4, "batch_size": 2, "parallel.replicas": 1}
    command += [f"--config.{field}={value}" for field, value in fields.items()]
    if results.has(case=f"resnet-20 on {name}"):
        return
    cold, cached = [], []  # (seconds, CPU seconds) each.
    with tempfile.TemporaryDirectory() as folder:
        seconds_to_first_step(command, f"{folder}/decoded", f"{folder}/data", folder)
        for i in range(1 if quick else 3):
            cold.append(seconds_to_first_step(command, f"{folder}/{i}", f"{folder}/xla{i}", folder))
            cached.append(
                seconds_to_first_step(command, f"{folder}/{i}b", f"{folder}/xla{i}", folder)
            )
    for side, found in {"cold": cold, "cached": cached}.items():
        results.add(
            case=f"resnet-20 on {name}",
            side=side,
            cores=len(available_cores()),
            seconds=round(statistics.median(seconds for seconds, _ in found), 2),
            cpu_seconds=round(statistics.median(cpu for _, cpu in found), 2),
            turns=[round(seconds, 2) for seconds, _ in found],
        )


def seconds_to_first_step(
    command: list[str], workdir: str, xla: str, cache: str
) -> tuple[float, float]:
    """Until the line of step 1 is printed, which waits for the step; the rest is cut short.

    By the clock, and of all cores together.
    """
    environment = os.environ | {"JAX_COMPILATION_CACHE_DIR": xla, "XDG_CACHE_HOME": cache}
    environment["JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"] = "0"
    begun, taken = time.perf_counter(), 0.0
    process = subprocess.Popen(
        [*command, f"--workdir={workdir}"],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if line.startswith("step"):
            taken = time.perf_counter() - begun
            break
    process.kill()
    _, _, usage = os.wait4(process.pid, 0)
    process.returncode = -1
    if not taken:
        raise RuntimeError(f"{' '.join(command)} ended without a step")
    return taken, usage.ru_utime + usage.ru_stime
