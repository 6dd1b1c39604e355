"""What lies in the folder of a run, by name; docs/runs.md says what each of them holds.

Whoever reads or writes one goes through the module beside this that knows its form; checkpoints
alone are Orbax's, and `resinc.train.checkpoints.checkpoint` knows theirs.
"""

import os
from pathlib import Path

CELL = "cell.json"
CHECKPOINTS = "checkpoints"
CONFIG = "config.json"
CORRECT = "correct.json"
DAMAGED = "damaged"  # Checkpoints that could not be read.
GRADIENTS = "gradients.jsonl"
HOLDER = "holder.json"
LOCK = "lock"
LOG = "log.txt"
MEASUREMENTS = "measurements.json"
METRICS = "metrics.jsonl"
PROFILE = "profile"
PROVENANCE = "provenance.json"
QUEUE = "queue.json"
STATUS = "status.json"
TENSORBOARD = "tensorboard"
TIMING = "timing.jsonl"
UNUSABLE = "unusable.json"

# In the folder around the runs of a sweep.
SWEEP = "sweep.json"
PACKS = "packs"  # A folder for each process that trains several runs, with its log and:
PACK = "pack.json"


def is_begun(folder: Path) -> bool:
    """Whether a run was started there, if only to be refused."""
    try:
        there = os.listdir(folder)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # Nobody can tell: it is named rather than passed over.
    return any(name in there for name in (CONFIG, STATUS, LOG))


def has_checkpoints(folder: Path) -> bool:
    """Whether it is the folder of a run that got as far as to save its weights."""
    return (folder / CONFIG).exists() and (folder / CHECKPOINTS).is_dir()
