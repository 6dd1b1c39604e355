"""Where a batch comes from: a pure function of (seed, step), so that a resumed run needs no cursor.

What a step trains on reaches it in two parts. What a source holds is put whole on every device
once; what it gives for a step moves with that step. Inside the compiled step `gather` makes a Batch
of the two, so that neither the step nor the loop knows which kind of source it has.
"""

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Set
from typing import Any, ClassVar, NamedTuple, Protocol, Self

import numpy as np

from resinc.data.order import batch_indices, eval_batches
from resinc.data.share import ALONE, Share
from resinc.data.spec import Splits

Array = Any  # NumPy's before it moves, a jax.Array inside the step.


class Batch(NamedTuple):
    """What a step takes; augmentation follows inside the step."""

    image: Array  # uint8 [b, h, w, c].
    label: Array  # int32 [b].
    id: Array  # int32 [b]: each example's number in the set, from which its crop follows.


class Source(Protocol):
    """Batches of a set, for training and for evaluation.

    Attributes:
      held: arrays that lie whole on every device; () where all of a batch moves with its step.
      parts: split -> its ids; those for training begin at 0, a split without examples is absent.
      unusable: name -> reason, of examples that could not be used until now; another stood in.
      left_out: ids of those that evaluations had to leave out until now, of "train" alone.
      advice: what to do where a program waits for batches; "" where none is needed.
    """

    @property
    def held(self) -> Any: ...

    @property
    def parts(self) -> Mapping[str, range]: ...

    @property
    def unusable(self) -> Mapping[str, str]: ...

    @property
    def left_out(self) -> Set[int]: ...

    @property
    def advice(self) -> str: ...

    def batch(self, step: int) -> Any:
        """What of this process moves to its devices for a training step, counted from 0.

        Its leading axis is [b / processes].

        A function of the source's seed and `step` alone, whatever was asked for before.
        """

    def evaluation(self, split: str, batch_size: int) -> Iterator[tuple[Any, np.ndarray]]:
        """(what moves, mask bool [b / processes]) of batches that hold every example once.

        Of this process its part; `batch_size` is global. Those of `left_out` are in their place,
        and the mask leaves them out.
        """

    @staticmethod
    def gather(held: Any, moved: Any) -> Batch:
        """Make the batch, inside a compiled function."""

    def close(self) -> None:
        """End what runs in the background."""


def places(sizes: Mapping[str, int]) -> dict[str, range]:
    """The ids of splits that lie one after the other; those without examples are left out."""
    ends = itertools.accumulate(sizes.values())
    return {
        name: range(end - size, end)
        for (name, size), end in zip(sizes.items(), ends, strict=True)
        if size
    }


class Examples(NamedTuple):
    """A whole set, in an order that is the same however it is split."""

    image: Array  # uint8 [n, h, w, c].
    label: Array  # int32 [n].


class Places(NamedTuple):
    """What moves for a step of a set that the devices hold: 8 bytes an example."""

    row: Array  # int32 [b]: where each example lies in what is held.
    id: Array  # int32 [b]


@dataclasses.dataclass(frozen=True)
class Resident:
    """A set that fits every device and lies there as uint8: only its rows and ids move.

    All splits lie in one array: with an array per split, the evaluation would be compiled once per
    split (residual-20 on a CPU: 5 s each). Where an example lies does not depend on its split, so
    that runs that hold out others for validation share what is held.
    """

    held: Examples
    parts: Mapping[str, range]
    rows: np.ndarray  # int32 [n]: where the example of each id lies.
    seed: int  # Of the order.
    batch_size: int  # Global.
    share: Share = ALONE
    unusable: ClassVar[Mapping[str, str]] = {}
    left_out: ClassVar[Set[int]] = frozenset()
    advice: ClassVar[str] = ""

    @classmethod
    def of(cls, splits: Splits, seed: int, batch_size: int, share: Share = ALONE) -> Self:
        """Undo the split: first all that one may train on, then the test set, each as it was.

        `share`: this process's of a batch.
        """
        named = {"train": splits.train, "validation": splits.validation, "test": splits.test}
        rows = rows_of(splits)
        ids = np.argsort(rows)
        held = Examples(
            np.concatenate([split.image for split in named.values()])[ids],
            np.concatenate([split.label for split in named.values()])[ids],
        )
        parts = places({name: len(split) for name, split in named.items()})
        return cls(held, parts, rows, seed, batch_size, share)

    def batch(self, step: int) -> Places:
        """Of a batch, [b / processes]."""
        ids = batch_indices(self.seed, len(self.parts["train"]), self.batch_size, step)
        return self._places(ids[self.share.rows(self.batch_size)])

    def evaluation(self, split: str, batch_size: int) -> Iterator[tuple[Places, np.ndarray]]:
        """(places, mask bool); the last batch is filled up where the mask is False."""
        part, rows = self.parts[split], self.share.rows(batch_size)
        for positions, mask in eval_batches(len(part), batch_size):
            yield self._places(positions[rows] + np.int32(part.start)), mask[rows]

    def _places(self, ids: np.ndarray) -> Places:
        return Places(self.rows[ids], ids)

    @staticmethod
    def gather(held: Examples, moved: Places) -> Batch:
        return Batch(held.image[moved.row], held.label[moved.row], moved.id)

    def close(self) -> None:
        """Nothing runs."""


def rows_of(splits: Splits) -> np.ndarray:
    """Where the examples of each split, one split after the other, lie in the set; int32 [n]."""
    size = len(splits.train) + len(splits.validation)
    kept = np.delete(np.arange(size), splits.held_out)
    test = np.arange(size, size + len(splits.test))
    return np.concatenate([kept, splits.held_out, test]).astype(np.int32)
