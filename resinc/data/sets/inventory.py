"""What `resinc data list` shows."""

from pathlib import Path
from typing import NamedTuple

from resinc.data.sets import arrays
from resinc.data.sets.stored import condition, data_directory, directory_of, set_directory
from resinc.data.spec import DATASETS


class Row(NamedTuple):
    """One data set, and its state in one directory."""

    name: str
    shape: str  # "32x32x3".
    classes: int
    train: int  # Without the validation examples.
    validation: int
    test: int
    state: str  # "embedded", "ready", "missing" or "damaged".
    where: str  # The set's folder; empty for an embedded set.
    reason: str  # Of the damage; else empty.


def inventory(directory: str | Path | None = None) -> list[Row]:
    """Look at every set; nothing is decoded, so damage inside a file shows only on loading.

    Args:
      directory: a TFDS directory; None: TFDS_DATA_DIR, else ~/tensorflow_datasets.
    """
    home = data_directory(directory)
    rows = []
    for spec in DATASETS.values():
        state, reason, where = "embedded", "", ""
        if not spec.embedded:
            place = directory_of(spec, home)
            state, reason, _ = condition(spec, place)
            where = str(set_directory(spec, place))
            if state != "ready" and (set_directory(spec, place) / arrays.FILE).is_file():
                state, reason = "ready", ""
        rows.append(
            Row(
                name=spec.name,
                shape="x".join(map(str, spec.image_shape)),
                classes=spec.num_classes,
                train=spec.train_size - spec.validation_size,
                validation=spec.validation_size,
                test=spec.test_size,
                state=state,
                where=where,
                reason=reason,
            )
        )
    return rows
