"""Exact evaluation: every example of a split counted once, on any number of devices."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from resinc import data
from resinc.data import normalize
from resinc.data.order import eval_batches
from resinc.errors import InputError
from resinc.ops.loss import OBJECTIVES
from resinc.runs.config import training_config
from resinc.train.assemble import Machine, assemble
from resinc.train.parallel import Replicas, all_devices
from resinc.train.restore import read_weights
from resinc.train.state import State, variable_shapes
from resinc.train.step import Examples, make_eval_step
from resinc.weights.layouts import OWN
from resinc.weights.match import match, refuse
from resinc.weights.variables import flatten


class Result(NamedTuple):
    loss: float  # Mean of the objective's; nats to classify.
    error: float  # Likewise; to classify, the fraction of mistakes.
    seen: int  # Examples counted.
    errors: np.ndarray  # float32 [seen]: of each example, in the order of the split.


def evaluate(
    eval_step: Callable,
    replicas: Replicas,
    params: Any,
    batch_stats: Any,
    examples: Examples,
    part: range,
    batch_size: int,
) -> Result:
    """Evaluate some of the examples; the last batch is padded and masked.

    Args:
      eval_step: `step.make_eval_step(...)`, mapped over replicas.
      replicas: the same that it was mapped by.
      params: of the network.
      batch_stats: of the network.
      examples: on the device.
      part: which of them, e.g. those of one split.
      batch_size: global; rounded up to a multiple of the replicas.

    Raises:
      AssertionError: an example was left out or counted twice.
    """
    size = len(part)
    batch_size = -(-batch_size // replicas.count) * replicas.count
    sums = [
        eval_step(
            params, batch_stats, examples, replicas.split(part.start + ids), replicas.split(mask)
        )
        for ids, mask in eval_batches(size, batch_size)
    ]
    seen = sum(int(s.seen) for s in sums)
    id_sum = sum(int(s.id_sum) for s in sums) % 2**32
    assert (seen, id_sum) == (size, (sum(part) + size) % 2**32), (
        f"evaluation counted {seen} examples of {size}, or one of them twice"
    )
    # float64: a float32 running sum of 50,000 mistakes would still be exact, of losses not.
    loss = sum(np.float64(s.loss) for s in sums) / size
    error = sum(np.float64(s.error) for s in sums) / size
    errors = np.concatenate([np.ravel(s.errors) for s in sums])[:size]
    return Result(float(loss), float(error), seen, errors)


class Weights(NamedTuple):
    """What an evaluation needs of a State."""

    params: Any
    batch_stats: Any


class Evaluator:
    """Evaluates named splits; the empty ones are left out.

    All examples lie in one array on the device, those for training first: with an array per split,
    the evaluation would be compiled once per split (residual-20 on a CPU: 5 s each).
    """

    def __init__(self, machine: Machine, splits: data.Splits, normalizer: normalize.Normalizer):
        self._replicas = machine.replicas
        named = {"train": splits.train, "validation": splits.validation, "test": splits.test}
        self._parts: dict[str, range] = {}
        end = 0
        for name, split in named.items():
            start, end = end, end + len(split)
            if len(split):
                self._parts[name] = range(start, end)
        self._batch_size = min(machine.config.eval_batch_size, max(map(len, named.values())))
        self.examples = self._replicas.replicate(
            Examples(
                np.concatenate([split.image for split in named.values()]),
                np.concatenate([split.label for split in named.values()]),
            )
        )
        step = make_eval_step(
            machine.network,
            lambda images: normalize.prepare(images, normalizer),
            self._replicas,
            OBJECTIVES[machine.config.objective],
        )
        self._step = self._replicas.map(step, split=(False, False, False, True, True))

    def __call__(self, state: State | Weights, names: tuple[str, ...]) -> dict[str, Result]:
        return {
            name: evaluate(
                self._step,
                self._replicas,
                state.params,
                state.batch_stats,
                self.examples,
                self._parts[name],
                self._batch_size,
            )
            for name in names
            if name in self._parts
        }


def evaluate_folder(
    folder: Path, which: str, names: tuple[str, ...] = ()
) -> tuple[int, dict[str, Result]]:
    """Evaluate a checkpoint of a run.

    Args:
      folder: workdir of the run.
      which: "latest", "best" (on validation) or a step.
      names: of splits: train, validation, test; none: validation, where there is one, and test.

    Returns:
      The checkpoint's step, and a result per split.

    Raises:
      InputError: no run or no such checkpoint there, its weights are damaged or not finite, its
        data is missing, or it has no such split.
    """
    machine = assemble(training_config(folder), all_devices())
    step, variables = read_weights(folder, which)
    splits = data.load(machine.config.data)
    names = names or tuple(name for name in ("validation", "test") if len(getattr(splits, name)))
    for name in names:
        if not len(getattr(splits, name)):
            held_out = f"data.validation_size is {machine.config.data.validation_size}"
            raise InputError(f"the run in {str(folder)!r} has no {name} examples: {held_out}")
    like = variable_shapes(machine.network, splits.spec.image_shape)
    refuse(match(OWN, flatten(variables), flatten(like)), flatten(like), f"{str(folder)!r}")
    weights = machine.replicas.replicate(Weights(**variables))
    normalizer = normalize.configured(splits.train.image, machine.config.data)
    return step, Evaluator(machine, splits, normalizer)(weights, names)
