"""A pass over a folder of photographs to random 224x224 boxes: ours, torchvision's, tf.data's.

Each side reads the files, decodes, crops, resizes, mirrors half of them and makes batches, with as
many workers as it has cores. A turn is a whole pass that begins with nothing read ahead. The peers
are run by an interpreter of their own (`make peers`; PEERS_PYTHON names another).
"""

import itertools
import json
import os
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from experiments.benchmarks.harness import ROOT, Results
from experiments.benchmarks.photographs import fill

BATCH = 64
SIZE = 224
# Side -> the package that it needs.
PEERS = {
    "torchvision": "torchvision",
    "torchvision, normalized": "torchvision",
    "tf.data": "tensorflow",
    "tf.data, fused": "tensorflow",
}


def run(results: Results, quick: bool = False) -> None:
    count, classes = (BATCH, 2) if quick else (25 * BATCH, 100)
    python = os.environ.get("PEERS_PYTHON") or str(ROOT / "build" / "peers" / "bin" / "python")
    there = installed(python)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place, "photographs")
        fill(folder, count, classes)
        sides: dict[str, dict[str, Any]] = {"ours": {"module": "loaders", "folder": str(folder)}}
        for side, package in PEERS.items():
            if package not in there:
                print(f"loaders: {side} is left out: {python} has no {package}; see `make peers`")
                continue
            work = {"module": "loader_twins", "python": python, "folder": str(folder)}
            sides[side] = work | {"side": side, "batch": BATCH, "size": SIZE}
        results.compare(
            sides,
            cores=1 if quick else 2,
            turns=1 if quick else 7,
            case=f"{count:,} photographs",
            peers=there,
        )


def installed(python: str) -> dict[str, str]:
    """Versions of the peers' packages that an interpreter has; {} where there is no interpreter."""
    ask = (
        "import importlib.metadata as m, json; "
        "print(json.dumps({d.name.lower(): d.version for d in m.distributions()}))"
    )
    try:
        versions = json.loads(subprocess.check_output([python, "-c", ask], text=True))
    except (OSError, subprocess.CalledProcessError):
        return {}
    for name in versions.keys() & {"tensorflow-cpu", "tensorflow_cpu"}:
        versions["tensorflow"] = versions[name]
    names = ("pillow", "torch", "torchvision", "tensorflow")
    return {name: versions[name] for name in names if name in versions}


def prepare(folder: str) -> tuple[Callable[[], None], dict[str, Any]]:
    """The worker's, of our side: a pass a call."""
    from resinc.data.image_files.bilinear import fast
    from resinc.data.image_files.image_sets import open_splits
    from resinc.data.image_files.streamed import Streamed
    from resinc.data.image_files.view import EvaluationView, TrainingView

    views = TrainingView(SIZE), EvaluationView(SIZE, 256)
    parts = open_splits("", Path(folder))
    images = len(parts["train"].indices)
    passes = itertools.count()

    def call() -> None:
        first = next(passes) * (images // BATCH)
        with Streamed(parts, *views, SIZE, seed=0, batch_size=BATCH) as source:
            for step in range(first, first + images // BATCH):
                source.batch(step)

    return call, {"images": images, "resizer": "fast_image_resize" if fast else "Pillow"}
