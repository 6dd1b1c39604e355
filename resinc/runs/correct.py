"""correct.json of a run: which examples of a split the trained network got right, a bit each.

Two networks tested on the same images fail partly on the same ones. What that means for the
difference of their errors is known only example by example.
"""

import base64
from pathlib import Path
from typing import NamedTuple

import numpy as np

from resinc.runs.files import read_object, write_json
from resinc.runs.folder import CORRECT


class Correct(NamedTuple):
    """Of one split.

    Attributes:
      right: bool [n].
      examples: digest of the examples, in their order: of equal digests bit i is of one example.
    """

    right: np.ndarray
    examples: str


def write_correct(workdir: Path, splits: dict[str, Correct]) -> None:
    """Store them by the name of the split; the same bits give the same bytes."""
    values = {
        name: {
            "examples": split.examples,
            "count": len(split.right),
            "bits": base64.b64encode(np.packbits(split.right).tobytes()).decode(),
        }
        for name, split in splits.items()
    }
    write_json(workdir / CORRECT, values)


def read_correct(workdir: Path) -> dict[str, Correct]:
    """By the name of the split; {} where the file is missing or damaged."""
    found = {}
    for name, value in read_object(workdir / CORRECT).items():
        try:
            packed = np.frombuffer(base64.b64decode(value["bits"]), np.uint8)
            right = np.unpackbits(packed, count=int(value["count"])).astype(bool)
            found[name] = Correct(right, str(value["examples"]))
        except (KeyError, TypeError, ValueError):
            return {}
    return found
