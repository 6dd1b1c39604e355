"""Finished runs made up for the tests of reports: errors in %, no files."""

import numpy as np

from resinc.report.rows import Point, Row
from resinc.runs.status import CellState


def done(block, depth, seed, test, *, train=1.0, validation=None, config=None, **fields):
    """A run whose test and training error scatter by 0.05 points around what is given.

    Args:
      validation: error in %; None: the test error.
      config: further dotted fields.
      **fields: of Row.
    """
    scatter = np.random.RandomState(seed).normal(0, 0.05)
    errors = {
        "train": train + scatter,
        "validation": test if validation is None else validation,
        "test": test + scatter,
    }
    own = {"model.block": block, "model.depth": depth, "seed": seed, "data.name": "digits"}
    return Row(
        name=f"{block} {depth} {seed} {config}",
        state=CellState.DONE,
        step=120,
        steps=120,
        config=own | (config or {}),
        evals={split: (Point(120, error / 100, 0.1),) for split, error in errors.items()},
        **fields,
    )
