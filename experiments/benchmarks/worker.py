"""One side of a comparison: prepares a computation, then runs it once for every line it is sent."""

import importlib
import json
import math
import resource
import sys
import time
from collections.abc import Callable

LEAST_SECONDS = 0.3  # Of one turn.
# Sides that may run by another interpreter, which need not have what resinc needs.
WITHOUT_RESINC = ("loader_twins",)


def main() -> None:
    spec = json.loads(sys.argv[1])
    if spec["module"] not in WITHOUT_RESINC:
        _know_photographs()
    module = importlib.import_module(f"experiments.benchmarks.{spec['module']}")
    call, about = module.prepare(**spec["arguments"])
    call()  # Compiles, or warms up.
    calls = max(1, math.ceil(LEAST_SECONDS / timed(call, 1)["seconds"]))
    print(json.dumps(about), flush=True)
    for _ in sys.stdin:
        # While other sides had their turns, a virtual machine gave its host the memory that this
        # one had freed: the next step of ResNet-56 takes 2.6 s instead of 1.3.
        call()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024  # Linux counts in KiB.
        print(json.dumps(timed(call, calls) | {"peak_bytes": peak}), flush=True)


def _know_photographs() -> None:
    from experiments.benchmarks.ours import PHOTOGRAPHS
    from resinc.data.spec import DATASETS

    DATASETS[PHOTOGRAPHS.name] = PHOTOGRAPHS


def timed(call: Callable[[], None], calls: int) -> dict[str, float]:
    """Per call: seconds by the clock, and of all cores together."""
    cpu, begun = time.process_time(), time.perf_counter()
    for _ in range(calls):
        call()
    return {
        "seconds": (time.perf_counter() - begun) / calls,
        "cpu_seconds": (time.process_time() - cpu) / calls,
    }
