"""Rows of chain measurements, without measuring anything."""

from resinc import config as config_lib
from resinc.cost.chain import parse, shapes
from resinc.report.rows import Row
from resinc.runs.status import CellState


def measured(cell, faster, faster_step, state=CellState.DONE, device="cpu"):
    """A row of `cell` whose layers are so many times faster than their reference."""
    config = dict(config_lib.flatten(config_lib.load(cell.recipe, cell.flags)))
    layers = parse(config["layers"])
    places = shapes(layers, config["input"])
    counts = [layer.multiply_adds(p) for layer, p in zip(layers, places, strict=False)]
    listed = [
        {"name": layer.text, "before": before, "after": after, "multiply_adds": count}
        for layer, before, after, count in zip(layers, places, places[1:], counts, strict=False)
    ]
    # One of the repeats was disturbed.
    times = {
        "forward_seconds": [1.0, 1.0, 9.0],
        "reference_forward_seconds": [faster] * 3,
        "step_seconds": [1.0, 1.0, 9.0],
        "reference_step_seconds": [faster_step] * 3,
    }
    total = {"multiply_adds": sum(counts), "xla_multiply_adds": sum(counts)}
    memory = {kind: {"peak": 2_000_000 + sum(counts) // 100} for kind in ("forward", "step")}
    return Row(
        name=cell.name,
        state=state,
        config=config,
        provenance={"device_kind": device},
        measurements={"cost": {"layers": listed, **total}, "time": times, "memory": memory},
    )
