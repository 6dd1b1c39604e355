"""Which kernels a GPU spends a training step in: `python -m experiments.gpu kernels`.

The network is that of `bench`, several steps in a call; the time is taken before the trace is,
which costs time itself. Flags in XLA_FLAGS decide which kernels there are: docs/gpu.md.
"""

import argparse
import gzip
import json
import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from experiments.benchmarks import ours
from experiments.benchmarks.worker import timed
from experiments.gpu.device import need_gpu

CALLS, TURNS = 5, 3
# What an XLA operation or a kernel is called -> what it does; the first that fits.
GROUPS = {
    r"^cudnn-conv-bw-filter": "convolutions, gradient of the weights",
    r"^cudnn-conv-bw-input": "convolutions, gradient of the inputs",
    r"^cudnn-conv": "convolutions, forward",
    r"(?i)mem(cpy|set)": "copies",
    r"transpose": "transposes",
    r"reduce": "sums",
    r"": "the rest, element by element",
}


class Kernel(NamedTuple):
    """One launch.

    Attributes:
      name: of the kernel.
      operation: of XLA, that it is part of.
      microseconds: that it took.
    """

    name: str
    operation: str
    microseconds: float

    @property
    def group(self) -> str:
        names = (self.operation, self.name)
        return next(g for text, g in GROUPS.items() if any(re.search(text, n) for n in names))


def kernels(trace: Mapping[str, Any]) -> Iterator[Kernel]:
    """Those of all GPUs in a trace of JAX's profiler, as its JSON has it."""
    events = trace["traceEvents"]
    named = [event for event in events if event.get("ph") == "M"]
    gpus = {
        event["pid"]
        for event in named
        if event["name"] == "process_name" and "GPU" in event["args"]["name"]
    }
    streams = {
        (event["pid"], event["tid"])
        for event in named
        if event["name"] == "thread_name" and "Stream" in event["args"]["name"]
    }
    for event in events:
        where = event.get("pid"), event.get("tid")
        if event.get("ph") == "X" and where[0] in gpus and where in streams:
            operation = event.get("args", {}).get("hlo_op", "")
            yield Kernel(event["name"], operation, event["dur"])


def markdown(found: Sequence[Kernel], steps: int, shown: int = 5) -> str:
    """What a step spends, by groups, and the dearest kernels."""
    lines = ["| kernels | ms a step | launches a step |", "| --- | --- | --- |"]

    def add(names: Sequence[str], most: int | None) -> None:
        count, spent = Counter(names), dict.fromkeys(names, 0.0)
        for name, kernel in zip(names, found, strict=True):
            spent[name] += kernel.microseconds
        for name in sorted(spent, key=spent.__getitem__, reverse=True)[:most]:
            each = f"{spent[name] / steps / 1000:.2f} | {count[name] / steps:.0f}"
            lines.append(f"| {name} | {each} |")

    add(["all"] * len(found), None)
    add([kernel.group for kernel in found], None)
    add([f"`{kernel.name[:60]}`" for kernel in found], shown)
    return "\n".join(lines)


def main(argv: Sequence[str]) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="python -m experiments.gpu kernels", description=__doc__)
    parser.add_argument("--recipe", default="configs/cifar.py:depth=20")
    parser.add_argument("--steps-per-call", type=int, default=10)
    parser.add_argument("--set", action="append", default=[], metavar="FIELD=VALUE")
    args = parser.parse_args(argv)
    need_gpu()
    fields = dict(setting.split("=", 1) for setting in args.set)
    call, _ = ours.prepare(args.recipe, calls=CALLS, steps_per_call=args.steps_per_call, **fields)
    call()
    steps = CALLS * args.steps_per_call
    best = min(timed(call, 1)["seconds"] for _ in range(TURNS)) / steps
    print(f"a step takes {1000 * best:.2f} ms at best of {TURNS} turns\n", flush=True)
    print(markdown(list(_traced(call)), steps))
    return 0


def _traced(call: Any) -> Iterator[Kernel]:
    import jax

    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            call()
        (path,) = Path(folder).rglob("*.trace.json.gz")
        with gzip.open(path) as file:
            yield from kernels(json.load(file))
