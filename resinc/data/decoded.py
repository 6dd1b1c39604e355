"""A decoded set, kept in the user's cache: CIFAR-10 takes 7 s to decode, 0.3 s to read back."""

import contextlib
import hashlib
import os
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from resinc.cache import cache_folder, prune
from resinc.data.spec import Spec, Split

# Of all sets together, so that the newest few stay; a larger one is not kept at all.
MOST_BYTES = 2_000_000_000

Pair = tuple[Split, Split]


def kept(spec: Spec, files: Sequence[Path], decode: Callable[[], Pair]) -> Pair:
    """(train, test) as `decode()` gives them, from the cache where it has those of these files.

    Args:
      spec: the set.
      files: what is decoded; other sizes, times or places are another entry.
      decode: reads them.

    Raises:
      InputError: whatever `decode` raises.
    """
    folder = cache_folder("data")
    if folder is None:
        return decode()
    path = folder / f"{spec.name}-{_key(spec, files)}.npz"
    with contextlib.suppress(OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return _read(path)
    train, test = decode()
    if train.image.nbytes + test.image.nbytes <= MOST_BYTES:
        _write(path, train, test)
        prune(folder, MOST_BYTES)
    return train, test


def _key(spec: Spec, files: Sequence[Path]) -> str:
    about = [(str(f.resolve()), s.st_size, s.st_mtime_ns) for f in files for s in (f.stat(),)]
    return hashlib.sha256(repr((spec, sorted(about))).encode()).hexdigest()[:16]


def _read(path: Path) -> Pair:
    """A zip file has a checksum of each array, which reading compares."""
    with path.open("rb") as raw, np.load(raw, allow_pickle=False) as file:
        train = Split(file["train_image"], file["train_label"])
        return train, Split(file["test_image"], file["test_label"])


def _write(path: Path, train: Split, test: Split) -> None:
    """Whole or not at all; a full disk is no error."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    arrays = {"train_image": train.image, "train_label": train.label}
    arrays |= {"test_image": test.image, "test_label": test.label}
    try:
        with part.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
        part.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            part.unlink()
