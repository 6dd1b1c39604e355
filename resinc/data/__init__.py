"""Data sets as uint8 arrays in host memory, their fixed splits, their order and augmentation.

Importing this needs NumPy only: scikit-learn, TFDS and JAX are loaded by what uses them.
"""

from resinc.data.spec import DATASETS, Spec, Split, Splits
from resinc.data.splits import load

__all__ = ["DATASETS", "Spec", "Split", "Splits", "load"]
