"""An exponential moving average of the weights, kept beside those that are trained."""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax


class Weights(NamedTuple):
    """What an evaluation needs of a state."""

    params: Any
    batch_stats: Any


def begin(params: Any, batch_stats: Any) -> Weights:
    """The average before the first step: the weights themselves."""
    # Its own buffers: the training step is given both to overwrite.
    return jax.tree.map(jnp.copy, Weights(params, batch_stats))


def follow(average: Any, params: Any, batch_stats: Any, step: jax.Array, decay: float) -> Any:
    """The average after a step: d average + (1 - d) weights, running statistics likewise.

    Args:
      average: as `begin` or the step before gave it.
      params: after the step.
      batch_stats: after the step.
      step: updates made before it, int32 [].
      decay: d at its largest. Of the n-th update it is at most (1 + n) / (10 + n), so that the
        first weights, which are noise, are forgotten in a short run too; as TensorFlow's
        ExponentialMovingAverage does with `num_updates`.
    """
    if not decay:
        return average
    n = (step + 1).astype(jnp.float32)
    d = jnp.minimum(decay, (1 + n) / (10 + n))
    return optax.incremental_update(Weights(params, batch_stats), average, 1 - d)
