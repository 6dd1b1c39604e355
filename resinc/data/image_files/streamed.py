"""A set of any size: threads read and decode ahead; what a step trains on moves with that step.

Which example stands where, and which part of it is seen, follows from (seed, step) alone: there is
nothing to save but the step, on any number of processes.
"""

import collections
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Self

import numpy as np

from resinc.cores import available_cores
from resinc.data.image_files.faults import Faults
from resinc.data.image_files.images import BadImage, Part
from resinc.data.order import batch_indices, eval_batches, example_at
from resinc.data.share import ALONE, Share
from resinc.data.source import Batch, places
from resinc.errors import InputError

# Bytes of a file, seed, epoch, id -> uint8 [h, w, 3]; in an evaluation also [crops, h, w, 3].
View = Callable[[bytes, int, int, int], np.ndarray]
# One after the other in the order, after which it is not the images that are at fault.
_MOST_FAULTS = 100
_PER_TASK = 4  # Images: 6 ms of decoding and more for each trip through the queue.


class Streamed:
    """Batches of decoded images; see `resinc.data.source.Source`.

    Memory: `ahead` + 1 batches and the files being decoded, however long it is used. Use it as a
    context, or close it: no thread is left then. It also closes itself where it raises.

    An image that cannot be used stops the run, or with `on_error="skip"` the next one of the
    epoch's order stands in for it, with its own id and label: the same one on any number of
    processes and after a resume. Never so in an evaluation, which always stops: an error over fewer
    images is another number, so the file has to leave the set. Of "train" alone, where the images
    are known by then, an evaluation leaves out what the training left out.
    """

    held = ()

    def __init__(
        self,
        splits: Mapping[str, Part],
        training: View,
        evaluation: View,
        size: int,
        seed: int,
        batch_size: int,
        *,
        on_error: str = "stop",
        share: Share = ALONE,
        threads: int = 0,
        ahead: int = 2,
        crops: int = 1,
    ):
        """Read nothing yet; threads begin with the first batch.

        Args:
          splits: "train" and what is evaluated; those without examples are left out.
          training: what is seen of an image in training.
          evaluation: likewise in an evaluation, of "train" too.
          size: pixels of a side of what both give.
          seed: of the order and of the training view.
          batch_size: global.
          on_error: "stop" or "skip".
          share: of the batch that is this process's.
          threads: that decode; 0: one for each core that the process may use.
          ahead: batches decoded before they are asked for; at least as many as one call takes.
          crops: of each image, that `evaluation` gives; of 1 there is no axis.

        Raises:
          InputError: the batch does not divide, or `on_error` is unknown.
        """
        self._splits = {name: part for name, part in splits.items() if len(part.indices)}
        self.parts: Mapping[str, range] = places(
            {name: len(part.indices) for name, part in self._splits.items()}
        )
        self.faults = Faults(on_error)
        self.left_out: set[int] = set()
        self._skips = on_error == "skip"
        self._training, self._evaluation = training, evaluation
        self._shape = (size, size, 3)
        self._crops = crops
        self._evaluation_shape = self._shape if crops == 1 else (crops, *self._shape)
        self._seed, self._batch_size = seed, batch_size
        self._share, self._ahead = share, ahead
        self._rows = share.rows(batch_size)
        self._threads = threads or len(available_cores())
        self._pool: ThreadPoolExecutor | None = None
        self._begun: dict[int, _Decoding] = {}

    def batch(self, step: int) -> Batch:
        """This process's part of a training batch, counted from 0: [b / processes, ...].

        Raises:
          InputError: an image cannot be used, or with `on_error="skip"` none of many in a row.
          OSError: the disk or the network folder failed.
        """
        wanted = range(step, step + 1 + self._ahead)
        for other in self._begun.keys() - set(wanted):
            self._begun.pop(other).cancel()
        for one in wanted:
            if one not in self._begun:
                self._begun[one] = self._begin_training(one)
        return self._finish(self._begun.pop(step))

    def evaluation(self, split: str, batch_size: int) -> Iterator[tuple[Batch, np.ndarray]]:
        """(batch, mask bool) of this process's part, of batches that hold every example once.

        Where the mask is False the image is black and the id that of the first example.

        Raises:
          InputError: an image cannot be used, whatever `on_error` says, save of "train".
          OSError: the disk or the network folder failed.
        """
        part, rows = self.parts[split], self._share.rows(batch_size)
        # In the memory that the training batches have.
        ahead = max(1, self._ahead * self._batch_size // (batch_size * self._crops))
        begun: collections.deque[tuple[_Decoding, np.ndarray]] = collections.deque()
        try:
            for positions, mask in eval_batches(len(part), batch_size):
                ids, counted = positions[rows] + np.int32(part.start), mask[rows].copy()
                begun.append((self._begin_evaluation(split, ids, counted), counted))
                if len(begun) > ahead:
                    decoding, counted = begun.popleft()
                    yield self._finish(decoding), counted
            while begun:
                decoding, counted = begun.popleft()
                yield self._finish(decoding), counted
        finally:
            for decoding, _ in begun:
                decoding.cancel()

    @staticmethod
    def gather(held: tuple[()], moved: Batch) -> Batch:
        return moved

    @property
    def unusable(self) -> dict[str, str]:
        return self.faults.copy()

    @property
    def advice(self) -> str:
        cores = len(available_cores())
        if self._threads < cores:
            return f"raise data.threads, {self._threads} now, towards the {cores} cores there are"
        return (
            f"all {cores} cores decode already: store smaller images once by `resinc data prepare "
            "NAME --from FOLDER --shorter-side=400`, or use more cores; where the disk is slow at "
            f"times, raise data.read_ahead, {self._ahead} now"
        )

    def close(self) -> None:
        """End all threads; a batch asked for afterwards starts others."""
        for decoding in self._begun.values():
            decoding.cancel()
        self._begun.clear()
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def provenance(self) -> dict[str, Any]:
        """What identifies the examples, ready for JSON."""
        return {name: part.provenance() for name, part in self._splits.items()}

    def _begin_training(self, step: int) -> "_Decoding":
        size = len(self.parts["train"])
        ids = batch_indices(self._seed, size, self._batch_size, step)[self._rows]
        first = step * self._batch_size + self._rows.start

        def read(row: int) -> tuple[np.ndarray, int, int]:
            """Of the example in a row, or of the next in its epoch that can be used."""
            epoch, offset = divmod(first + row, size)
            id = int(ids[row])
            for further in range(1, min(size, _MOST_FAULTS) + 1):
                try:
                    return *self._show("train", id, self._training, epoch), id
                except BadImage as error:
                    last = f"{self._name('train', id)!r} ({error})"
                    self.faults.met(self._name("train", id), str(error))
                id = example_at(self._seed, size, epoch * size + (offset + further) % size)
            raise InputError(f"{further} training images in a row cannot be used, up to {last}")

        return self._begin(len(ids), self._shape, read)

    def _begin_evaluation(self, split: str, ids: np.ndarray, mask: np.ndarray) -> "_Decoding":
        def read(row: int) -> tuple[np.ndarray, int, int]:
            id = int(ids[row])
            if not mask[row]:
                return np.zeros((), np.uint8), 0, id
            try:
                return *self._show(split, id, self._evaluation, 0), id
            except BadImage as error:
                if split == "train" and self._skips:
                    self.faults.met(self._name(split, id), str(error))
                    self.left_out.add(id)
                    mask[row] = False
                    return np.zeros((), np.uint8), 0, id
                raise InputError(
                    f"image {self._name(split, id)!r} cannot be evaluated: {error}; mend it or "
                    "remove it from the set: an error over fewer images is another number"
                ) from None

        return self._begin(len(ids), self._evaluation_shape, read)

    def _show(self, split: str, id: int, view: View, epoch: int) -> tuple[np.ndarray, int]:
        part = self._splits[split]
        encoded = part.images.read(int(part.indices[id - self.parts[split].start]))
        return view(encoded.image, self._seed, epoch, id), encoded.label

    def _name(self, split: str, id: int) -> str:
        part = self._splits[split]
        return part.images.name(int(part.indices[id - self.parts[split].start]))

    def _begin(self, count: int, shape: tuple[int, ...], read: "_Read") -> "_Decoding":
        if self._pool is None:
            self._pool = ThreadPoolExecutor(self._threads, thread_name_prefix="resinc-decode")
        return _Decoding(self._pool, count, shape, read)

    def _finish(self, decoding: "_Decoding") -> Batch:
        try:
            return decoding.result()
        except BaseException:
            self.close()
            raise


_Read = Callable[[int], tuple[np.ndarray, int, int]]  # Row -> image, label, id.


class _Decoding:
    """A batch that threads are filling."""

    def __init__(self, pool: ThreadPoolExecutor, count: int, shape: tuple[int, ...], read: _Read):
        # Not used again: a CPU device may go on reading what it was given.
        self._batch = Batch(
            np.empty((count, *shape), np.uint8),
            np.empty(count, np.int32),
            np.empty(count, np.int32),
        )
        self._tasks: list[Future] = [
            pool.submit(self._fill, range(start, min(count, start + _PER_TASK)), read)
            for start in range(0, count, _PER_TASK)
        ]

    def result(self) -> Batch:
        """Wait for it; the error of the first row that has one is raised, whichever came first."""
        for task in self._tasks:
            task.result()
        return self._batch

    def cancel(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _fill(self, rows: range, read: _Read) -> None:
        image, label, id = self._batch
        for row in rows:
            image[row], label[row], id[row] = read(row)
