"""A measurement for reading: its layers as a table, its times and memory as a line each."""

import statistics
from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from resinc import output

_MS, _MB = 1e3, 1e-6


def print_summary(found: Mapping[str, Any], batch_size: int) -> None:
    """Print what `resinc.cost.measure.measure` has found.

    Args:
      found: content of measurements.json.
      batch_size: images per timed call.
    """
    cost, time, memory = found["cost"], found["time"], found["memory"]
    console = output.console()
    table = Table("layer", "output shape", box=None)
    table.add_column("multiply-adds", justify="right")
    for layer in cost["layers"]:
        shape = "x".join(map(str, layer["after"]))
        table.add_row(layer["name"], shape, f"{layer['multiply_adds']:,}")
    console.print(table, soft_wrap=False)
    lines = [f"{cost['multiply_adds']:,} multiply-adds and {cost['parameters']:,} parameters"]
    for name, program in (("forward", "forward"), ("forward and backward", "step")):
        line = (
            f"{name}: {_times(time[f'{program}_seconds'])} for {batch_size} images, "
            f"{_MB * memory[program]['peak']:.1f} MB at most"
        )
        if reference := time.get(f"reference_{program}_seconds"):
            ratios = [b / a for a, b in zip(time[f"{program}_seconds"], reference, strict=True)]
            line += f"; the reference takes {statistics.median(ratios):.2f} times as long"
        lines.append(line)
    for line in lines:
        console.print(line)


def _times(seconds: Sequence[float]) -> str:
    low, high = _MS * min(seconds), _MS * max(seconds)
    return f"{_MS * statistics.median(seconds):.1f} ms ({low:.1f} to {high:.1f})"
