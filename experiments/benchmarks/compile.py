"""Seconds to trace and compile a training step, nothing cached, against the depth."""

import os
import time
from collections.abc import Callable
from typing import Any

from experiments.benchmarks.harness import Results, Worker
from resinc.cores import available_cores


def run(results: Results, quick: bool = False) -> None:
    for depth in (8,) if quick else (20, 110, 1202):
        case = f"resnet-{depth}"
        if results.has(case=case):
            continue
        fields: dict[str, Any] = {"recipe": f"configs/cifar.py:depth={depth}"}
        if quick:
            fields |= {"batch_size": 2, "model.width": 4}
        cores = min(2, len(available_cores()))
        worker = Worker("compile", cores, **fields)
        results.add(case=case, side="ours", cores=cores, **worker.about)
        worker.end()


def prepare(recipe: str, **fields: Any) -> tuple[Callable[[], None], dict[str, Any]]:
    """The worker's: `seconds` to compile and to trace and lower; and what XLA says of memory."""
    os.environ["JAX_ENABLE_COMPILATION_CACHE"] = "false"
    import jax

    from experiments.benchmarks.ours import program_of

    program, source, state = program_of(recipe, **fields)
    shapes = jax.tree.map(lambda x: jax.ShapeDtypeStruct(x.shape, x.dtype), state)
    ids = program.replicas.split(source.batch(0))
    cpu, begun = time.process_time(), time.perf_counter()
    lowered = program.step.lower(shapes, program.own, program.held, ids)
    traced = time.perf_counter()
    compiled = lowered.compile()
    memory = compiled.memory_analysis()
    about = {
        "seconds": round(time.perf_counter() - traced, 3),
        "trace_seconds": round(traced - begun, 3),
        "cpu_seconds": round(time.process_time() - cpu, 3),
        "bytes": memory.temp_size_in_bytes + memory.output_size_in_bytes if memory else None,
    }
    return lambda: None, about
