"""A whole set as plain arrays in one .npz file, which NumPy alone reads: no TFDS, no decoder."""

import contextlib
import os
import zipfile
from pathlib import Path

import numpy as np

from resinc.data.spec import Spec, Split
from resinc.errors import InputError
from resinc.file_paths import show

FILE = "arrays.npz"  # In DIR/NAME/VERSION, where TFDS would have its own files.

Pair = tuple[Split, Split]  # Train and test.


def save(path: Path, pair: Pair, compressed: bool = False) -> None:
    """Whole or not at all.

    Raises:
      OSError: it cannot be written.
    """
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    named = zip(("train", "test"), pair, strict=True)
    arrays = {f"{n}_{k}": getattr(split, k) for n, split in named for k in ("image", "label")}
    try:
        with part.open("wb") as file:
            (np.savez_compressed if compressed else np.savez)(file, **arrays)
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def load(path: Path) -> Pair:
    """A zip file has a checksum of each array, which reading compares.

    Raises:
      OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile: it is not what `save` wrote.
    """
    with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
        train = Split(file["train_image"], file["train_label"])
        return train, Split(file["test_image"], file["test_label"])


def load_set(spec: Spec, path: Path) -> Pair:
    """The same, held against what is known of the set.

    Raises:
      InputError: damaged, or of another set.
    """
    try:
        pair = load(path)
        for split, size in zip(pair, (spec.train_size, spec.test_size), strict=True):
            shape = (size, *spec.image_shape)
            if split.image.shape != shape or split.image.dtype != np.uint8:
                raise ValueError(f"images are {split.image.dtype} {split.image.shape}, not {shape}")
            if split.label.shape != (size,) or split.label.dtype != np.int32:
                raise ValueError(f"labels are {split.label.dtype} {split.label.shape}")
            if split.label.min() < 0 or split.label.max() >= spec.num_classes:
                raise ValueError(f"a label is outside 0..{spec.num_classes - 1}")
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            f"{show(path)} is damaged ({reason}); make it again where {spec.name} is prepared: "
            f"resinc data arrays {spec.name} --to DIR"
        ) from error
    return pair
