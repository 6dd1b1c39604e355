"""What a trained network answers to every example of a split."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from resinc.errors import InputError
from resinc.train.trained import Trained


class Answers(NamedTuple):
    """Of a split, in its order."""

    logits: np.ndarray  # float32 [n, k].
    labels: np.ndarray  # int32 [n].


def answers(trained: Trained, split: str) -> Answers:
    """Logits in evaluation mode, computed on one device.

    Raises:
      InputError: the network does not classify, or the split is empty.
    """
    config = trained.machine.config
    if config.objective != "classify":
        raise InputError(f"objective {config.objective!r} has no classes: it does not classify")
    given = trained.split(split)

    run = jax.jit(trained.logits)
    size = config.eval_batch_size
    parts = []
    for at in range(0, len(given), size):
        images = given.image[at : at + size]
        # The last batch is filled up: one of another size would be compiled by itself.
        full = np.resize(images, (min(size, len(given)), *images.shape[1:]))
        parts.append(np.asarray(run(trained.variables, jnp.asarray(full)))[: len(images)])
    return Answers(np.concatenate(parts), given.label)
