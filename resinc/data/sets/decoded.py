"""A decoded set, kept in the user's cache: CIFAR-10 takes 7 s to decode, 0.3 s to read back."""

import contextlib
import hashlib
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

from resinc.cache import cache_folder, prune
from resinc.data.sets import arrays
from resinc.data.sets.arrays import Pair
from resinc.data.spec import Spec

# Of all sets together, so that the newest few stay; a larger one is not kept at all.
MOST_BYTES = 2_000_000_000


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
        return arrays.load(path)
    train, test = decode()
    if train.image.nbytes + test.image.nbytes <= MOST_BYTES:
        with contextlib.suppress(OSError):  # A full disk is no error.
            arrays.save(path, (train, test))
        prune(folder, MOST_BYTES)
    return train, test


def _key(spec: Spec, files: Sequence[Path]) -> str:
    about = [(str(f.resolve()), s.st_size, s.st_mtime_ns) for f in files for s in (f.stat(),)]
    return hashlib.sha256(repr((spec, sorted(about))).encode()).hexdigest()[:16]
