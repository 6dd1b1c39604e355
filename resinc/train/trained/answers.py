"""What a trained network answers to every example of a split."""

from typing import Any, NamedTuple

import jax
import numpy as np

from resinc.errors import InputError
from resinc.train.trained.load import Trained


class Answers(NamedTuple):
    """Of a split, in its order."""

    logits: np.ndarray  # float32 [n, k].
    labels: np.ndarray  # int32 [n].


def answers(trained: Trained, split: str) -> Answers:
    """Logits in evaluation mode, computed on one device.

    Raises:
      InputError: the network does not classify, or the split is empty.
    """
    config = trained.setup.config
    if config.objective != "classify":
        raise InputError(f"objective {config.objective!r} has no classes: it does not classify")
    with trained.source(split) as source:

        @jax.jit
        def run(variables: Any, held: Any, moved: Any) -> Answers:
            batch = source.gather(held, moved)
            return Answers(trained.logits(variables, batch.image), batch.label)

        held = jax.device_put(source.held)
        size = min(config.eval_batch_size, len(source.parts[split]))
        parts = []
        for moved, mask in source.evaluation(split, size):
            answered = jax.device_get(run(trained.variables, held, moved))
            parts.append(jax.tree.map(lambda leaf, mask=mask: leaf[mask], answered))
    return Answers(*map(np.concatenate, zip(*parts, strict=True)))
