"""A data set as its authors distribute it."""

from typing import NamedTuple

import numpy as np


class Original(NamedTuple):
    """One split as its authors distribute it, in their order."""

    image: np.ndarray  # uint8 [n, h, w, c].
    label: np.ndarray  # int64 [n].
    coarse: np.ndarray | None = None  # int64 [n]: CIFAR-100's 20 superclasses.


class Archive(NamedTuple):
    splits: dict[str, Original]  # "train" and "test".
    label_names: list[str]  # Empty where the archive has none.
    coarse_names: list[str]
