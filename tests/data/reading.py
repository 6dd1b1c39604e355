"""One of several processes that read the same sets: joins the others as `resinc train` does.

python -m tests.data.reading '{"num_processes": 2, "process_id": 0, "coordinator": ..., ...}'
"""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from resinc.config import load
from resinc.data.dataset import find
from resinc.train.distributed import processes
from resinc.train.distributed.cluster import Members, join

SEED, BATCH, PIXELS = 3, 8, 16


def delivered(sets: Mapping[str, str], first: int, last: int) -> dict[str, np.ndarray]:
    """What this process's source gives of each set, from one step to before another.

    Args:
      sets: `data.name` -> `data.dir`.
      first, last: steps, counted from 0.

    Returns:
      "SET/train/FIELD" for the fields of a batch: [steps, b / processes, ...]; "SET/evaluation"
      bool and "SET/evaluated": whether each row of the evaluations of all splits counted, and its
      id [batches, b / processes].
    """
    kept = {}
    for name, directory in sets.items():
        flags = {"name": name, "dir": directory, "image_size": PIXELS, "threads": 2}
        config = load("configs/imagenet.py", [f"--config.data.{k}={v}" for k, v in flags.items()])
        with find(config.data).source(SEED, BATCH, share=processes.share()) as source:
            batches = [source.batch(step) for step in range(first, last)]
            for field in batches[0]._fields:
                kept[f"{name}/train/{field}"] = np.stack([getattr(b, field) for b in batches])
            seen = [pair for split in source.parts for pair in source.evaluation(split, BATCH)]
            kept[f"{name}/evaluation"] = np.stack([mask for _, mask in seen])
            kept[f"{name}/evaluated"] = np.stack([batch.id for batch, _ in seen])
    return kept


def main() -> None:
    given = json.loads(sys.argv[1])
    members = Members(given["coordinator"], given["process_id"], given["num_processes"])
    join(members, heartbeat=300)  # One may have ended long before another.
    kept = delivered(given["sets"], given["first"], given["last"])
    np.savez(Path(given["out"]), **kept)


if __name__ == "__main__":
    main()
