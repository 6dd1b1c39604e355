"""Exact evaluation: every example of a split counted once, on any number of devices."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from ml_collections import ConfigDict

from resinc import config as config_file
from resinc import data
from resinc.data import normalize
from resinc.data.order import eval_batches
from resinc.errors import InputError
from resinc.ops.loss import OBJECTIVES
from resinc.train.assemble import Machine, assemble
from resinc.train.checkpoint import Checkpoints
from resinc.train.parallel import Replicas
from resinc.train.state import State, init_state
from resinc.train.step import Examples, make_eval_step
from resinc.weights.finite import refuse_non_finite
from resinc.weights.variables import flatten


class Result(NamedTuple):
    loss: float  # Mean of the objective's; nats to classify.
    error: float  # Likewise; to classify, the fraction of mistakes.
    seen: int  # Examples counted.


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
    return Result(float(loss), float(error), seen)


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

    def __call__(self, state: State, names: tuple[str, ...]) -> dict[str, Result]:
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
    folder: Path, which: str, names: tuple[str, ...]
) -> tuple[int, dict[str, Result]]:
    """Evaluate a checkpoint of a run.

    Args:
      folder: workdir of the run.
      which: "latest", "best" (on validation) or a step.
      names: of splits: train, validation, test.

    Returns:
      The checkpoint's step, and a result per split that is not empty.

    Raises:
      InputError: no run or no such checkpoint there, its weights are not finite, or its data is
        missing.
    """
    if not (folder / "config.json").exists():
        raise InputError(f"no run in {str(folder)!r}: it has no config.json")
    machine = assemble(ConfigDict(config_file.from_json(folder / "config.json")))
    checkpoints = Checkpoints(folder, read_only=True)
    step = checkpoints.step_of(which)
    splits = data.load(machine.config.data)
    like = init_state(machine.network, machine.optimizer, splits.spec.image_shape, 0)
    state = checkpoints.restore_state(step, like)
    variables = {"params": state.params, "batch_stats": state.batch_stats}
    refuse_non_finite(flatten(jax.device_get(variables)), f"step {step} of {str(folder)!r}")
    state = machine.replicas.replicate(state)
    section = machine.config.data
    normalizer = normalize.normalizer(
        splits.train.image, section.normalize, section.mean, section.std
    )
    return step, Evaluator(machine, splits, normalizer)(state, names)
