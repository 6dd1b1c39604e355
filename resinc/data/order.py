"""Which examples make a batch: a function of the step alone, so a resumed run needs no cursor."""

import functools
from collections.abc import Iterator

import numpy as np


def batch_indices(seed: int, size: int, batch_size: int, step: int) -> np.ndarray:
    """The examples of one training step, int32 [batch_size].

    Step s takes the samples [s * batch_size, (s + 1) * batch_size) of an endless stream: one fresh
    permutation of the `size` examples after the other. A batch may straddle two epochs, or span
    many; nothing is ever dropped.

    Args:
      seed: of the order; each (seed, epoch) has its own permutation.
      size: examples in the set, at least 1.
      batch_size: global, at least 1.
      step: from 0.
    """
    if size < 1 or batch_size < 1 or step < 0:
        raise ValueError(f"no batch {step} of {batch_size} from {size} examples")
    batch = np.empty(batch_size, np.int32)
    filled = 0
    while filled < batch_size:
        epoch, offset = divmod(step * batch_size + filled, size)
        part = _permutation(seed, size, epoch)[offset : offset + batch_size - filled]
        batch[filled : filled + len(part)] = part
        filled += len(part)
    return batch


def eval_batches(size: int, batch_size: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yield (indices int32 [batch_size], mask bool [batch_size]): every example once, in order.

    The last batch is filled up with example 0 where the mask is False.
    """
    for start in range(0, size, batch_size):
        positions = np.arange(start, start + batch_size)
        mask = positions < size
        yield np.where(mask, positions, 0).astype(np.int32), mask


def example_at(seed: int, size: int, position: int) -> int:
    """The example at one place of the stream that `batch_indices` cuts into batches."""
    epoch, offset = divmod(position, size)
    return int(_permutation(seed, size, epoch)[offset])


def _permutation(seed: int, size: int, epoch: int) -> np.ndarray:
    # Of a large set two epochs, as many as a batch may straddle: ImageNet's take 5 MB each.
    return (_kept if size < 2**20 else _kept_large)(seed, size, epoch)


def _draw(seed: int, size: int, epoch: int) -> np.ndarray:
    # RandomState's stream is frozen by NumPy: the order of a run never changes with its version.
    words = [seed % 2**32, seed // 2**32 % 2**32, epoch % 2**32]
    order = np.random.RandomState(words).permutation(size).astype(np.int32)
    order.flags.writeable = False  # The cache hands the same array to every caller.
    return order


_kept = functools.lru_cache(maxsize=8)(_draw)
_kept_large = functools.lru_cache(maxsize=2)(_draw)
