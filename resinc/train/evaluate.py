"""Exact evaluation: every example of a split counted once, on any number of devices."""

from collections.abc import Callable, Sequence, Set
from typing import NamedTuple

import jax
import numpy as np

from resinc.data.source import Source
from resinc.train.compiled.members import evaluation, member
from resinc.train.compiled.program import Program
from resinc.train.distributed import processes
from resinc.train.replica.average import Weights
from resinc.train.replica.state import State
from resinc.train.replica.step import Sums


class Result(NamedTuple):
    loss: float  # Mean of the objective's; nats to classify.
    error: float  # Likewise; to classify, the fraction of mistakes.
    seen: int  # Examples counted.
    errors: np.ndarray  # float32 [seen]: of each example, in the order of the split.
    top5_error: float | None = None  # The five best answers wrong; None of up to ten classes.

    def __str__(self) -> str:
        top5 = "" if self.top5_error is None else f"  top-5 {100 * self.top5_error:.2f} %"
        return f"error {100 * self.error:.2f} %{top5}"


def evaluate(
    program: Program,
    source: Source,
    state: State | Weights,
    names: tuple[str, ...],
    batch_size: int,
) -> dict[str, Result]:
    """The results of a program's only run, by split; see `evaluate_members`."""
    (results,) = evaluate_members(program, [source], state, names, batch_size)
    return results


def evaluate_members(
    program: Program,
    sources: Sequence[Source],
    state: State | Weights,
    names: tuple[str, ...],
    batch_size: int,
    between: Callable[[], None] = lambda: None,
) -> list[dict[str, Result]]:
    """Evaluate named splits, those left out that have no examples; the last batch is masked.

    Args:
      program: of the network.
      sources: of the examples of each member, or of the only run.
      state: on the devices.
      names: of splits.
      batch_size: global, at most; rounded up to what the replicas divide.
      between: called after each batch.

    Returns:
      Of each member, or of the only run, the results by split.

    Raises:
      AssertionError: an example was left out or counted twice.
    """
    # Of one size for all splits: each other one would be compiled.
    parts = sources[0].parts
    most = min(batch_size, max(map(len, parts.values())))
    size = -(-most // program.replicas.count) * program.replicas.count
    sums = {
        name: _batches(program, sources, state, name, size, between)
        for name in names
        if name in parts
    }
    left_out = [_left_out(source, names) for source in sources]
    return [
        {
            name: _total(
                [member(batch, index) for batch in batches], parts[name], left_out[index or 0]
            )
            for name, batches in sums.items()
        }
        for index in (range(program.members) if program.members else (None,))
    ]


def _left_out(source: Source, names: tuple[str, ...]) -> Set[int]:
    """By all processes, each of which has met its own; of "train" alone, see `Source`."""
    if "train" not in names or not processes.several():
        return source.left_out
    return {id for ids in processes.exchange(sorted(source.left_out)) for id in ids}


def evaluate_with_average(
    program: Program,
    sources: Sequence[Source],
    state: State,
    names: tuple[str, ...],
    batch_size: int,
    between: Callable[[], None],
) -> list[dict[str, Result]]:
    """As `evaluate_members`; of a state that keeps an average, "test_average" and so on too."""
    results = evaluate_members(program, sources, state, names, batch_size, between)
    if not state.average:
        return results
    averaged = evaluate_members(program, sources, state.average, names, batch_size, between)
    return [
        own | {f"{name}_average": result for name, result in other.items()}
        for own, other in zip(results, averaged, strict=True)
    ]


def _batches(
    program: Program,
    sources: Sequence[Source],
    state: State | Weights,
    name: str,
    size: int,
    between: Callable[[], None],
) -> list[Sums]:
    sums: list[Sums] = []
    for batch in evaluation(sources, name, size):
        sums.append(program.sums(state, *batch))
        # Not more than two on the devices: of images that move they would fill their memory.
        jax.block_until_ready(sums[-2:-1])
        between()
    return jax.device_get(sums)


def _total(sums: list[Sums], part: range, left_out: Set[int]) -> Result:
    missing = [id - part.start for id in left_out if id in part]
    size, seen = len(part) - len(missing), sum(int(s.seen) for s in sums)
    id_sum = sum(int(s.id_sum) for s in sums) % 2**32
    expected = sum(part) - sum(missing) - len(missing) * part.start + size
    if (seen, id_sum) != (size, expected % 2**32):  # No assert: `python -O` would leave it out.
        raise AssertionError(f"evaluation counted {seen} examples of {size}, or one of them twice")
    # float64: a float32 running sum of 50,000 mistakes would still be exact, of losses not.
    loss = sum(np.float64(s.loss) for s in sums) / size
    error = sum(np.float64(s.error) for s in sums) / size
    errors = np.concatenate([np.ravel(s.errors) for s in sums])[: len(part)]
    errors = np.delete(errors, missing)
    missed = [np.float64(s.top5) for s in sums if not isinstance(s.top5, tuple)]
    top5_error = float(sum(missed) / size) if missed else None
    return Result(float(loss), float(error), seen, errors, top5_error)
