"""Batches of decoded photographs from folders of 10,000 and of 100,000 files: the cost of one."""

import itertools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from experiments.benchmarks.harness import Results
from experiments.benchmarks.photographs import fill

BATCH = 64
CLASSES = 100


def run(results: Results, quick: bool = False) -> None:
    counts = (200, 400) if quick else (10_000, 100_000)
    with tempfile.TemporaryDirectory() as place:
        sides: dict[str, dict[str, Any]] = {}
        for count in counts:
            folder = Path(place, str(count))
            fill(folder, count, CLASSES)
            sides[f"{count:,} files"] = {"module": "stream", "folder": str(folder)}
        for cores in (1,) if quick else (1, 2):
            results.compare(sides, cores, turns=1 if quick else 9, case=f"batch of {BATCH}")


def prepare(folder: str) -> tuple[Callable[[], None], dict[str, Any]]:
    """The worker's: a batch a call. Opening, and with it the first batch, are timed apart."""
    begun = time.perf_counter()
    from resinc.data.image_files.image_sets import open_splits
    from resinc.data.image_files.streamed import Streamed
    from resinc.data.image_files.view import EvaluationView, TrainingView

    views = TrainingView(224), EvaluationView(224, 256)
    parts = open_splits("", Path(folder))
    opened = time.perf_counter()
    # Nothing ahead: what is decoded between two turns would cost none of them anything.
    source = Streamed(parts, *views, 224, seed=0, batch_size=BATCH, ahead=0)
    steps = itertools.count()
    source.batch(next(steps))
    first = time.perf_counter()

    def call() -> None:
        source.batch(next(steps))

    return call, {
        "images": BATCH,
        "open_seconds": round(opened - begun, 3),  # Imports included.
        "first_batch_seconds": round(first - begun, 3),
    }
