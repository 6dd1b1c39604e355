"""Run folders in the trainer's formats, without training anything."""

import json
import math
import random
from pathlib import Path
from typing import Any

from resinc import config as config_lib
from resinc.launch.cell import Cell
from resinc.runs.cell import write_labels

# (block, depth) -> final training error on digits after 120 steps, as in the README's first run.
DIGITS = {
    ("plain", 8): 0.0,
    ("plain", 20): 0.0,
    ("plain", 32): 0.067,
    ("plain", 56): 0.808,
    ("residual", 8): 0.0,
    ("residual", 20): 0.0,
    ("residual", 32): 0.0,
    ("residual", 56): 0.001,
}


def run(
    root: Path,
    cell: Cell,
    final: float = 0.0,
    state: str = "done",
    step: int | None = None,
    message: str = "",
    spread: float = 0.003,
) -> Path:
    """Write the folder of one cell that ended, or stands, at `step` in `state`.

    Args:
      root: of the sweep.
      cell: names the folder and the config.
      final: training error at the last step, as a fraction; seeds scatter around it.
      state: as in status.json.
      step: None: all of them.
      message: as in status.json.
      spread: scatter of the final error over seeds.
    """
    workdir = root / cell.name
    workdir.mkdir(parents=True)
    config = config_lib.load(cell.recipe, cell.flags)
    steps = config.steps
    step = steps if step is None else step
    chance = random.Random(cell.name)
    if final:
        final = min(1.0, max(0.0, final + chance.uniform(-spread, spread)))

    def curve(at: int, floor: float, noise: float) -> float:
        error = floor + (0.9 - floor) * math.exp(-7 * at / steps)
        return round(min(1.0, max(0.0, error + noise * chance.uniform(-1, 1))), 6)

    lines: list[dict[str, Any]] = []
    for at in range(1, step + 1):
        last = at == steps
        if at % config.log_every_steps == 0 or last:
            error = curve(at, final, 0.02)
            lines.append(
                {"step": at, "kind": "train", "loss": 2 * error, "error": error, "lr": 0.1}
            )
        if (config.eval_every_steps and at % config.eval_every_steps == 0) or last:
            splits = {"validation": final + 0.03, "test": final + 0.04}
            for split, floor in splits.items():
                error = curve(at, min(floor, 0.9), 0.008)
                lines.append(_evaluation(at, split, error))
            if last:
                lines.append(_evaluation(at, "train", final))
    write(workdir / "config.json", config_lib.to_dict(config))
    write_labels(workdir, cell.labels)
    write(workdir / "provenance.json", provenance(config.data.name, cell))
    seconds = round(step * 0.15, 1)
    status = {"state": state, "step": step, "steps": steps, "message": message, "seconds": seconds}
    write(workdir / "status.json", status)
    (workdir / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    (workdir / "lock").touch()
    return workdir


def provenance(dataset: str, cell: Cell) -> dict[str, Any]:
    return {
        "command": f"resinc train --config={cell.recipe} {' '.join(cell.flags)}",
        "versions": {"jax": "0.10.2", "flax": "0.12.8", "python": "3.11.9"},
        "git_commit": "733af66aa0f3c5b1d2e4f60718293a4b5c6d7e8f",
        "git_dirty": False,
        "platform": "cpu",
        "device_kind": "cpu",
        "device_count": 1,
        "replicas": 1,
        "data": {
            "name": dataset,
            "checksum": "sha256:1f2e3d",
            "split_seed": 0,
            "train_size": 1258,
            "validation_size": 139,
            "test_size": 400,
            "validation_sha256": "ab",
        },
        "started": "2025-01-01T00:00:00+00:00",
    }


def write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value, sort_keys=True), encoding="utf-8")


def _evaluation(step: int, split: str, error: float) -> dict[str, Any]:
    line = {"step": step, "kind": "eval", "split": split, "loss": 2 * error, "error": error}
    return {**line, "count": 400}
