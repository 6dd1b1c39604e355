"""Gradient accumulation: a batch in equal parts, one after the other, for the memory of one."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from resinc.errors import InputError
from resinc.train.distributed.parallel import Replicas


def check_micro_batches(count: int, replica_batch: int) -> None:
    """Check that the parts are equal.

    Raises:
      InputError: they are not.
    """
    if replica_batch % count:
        raise InputError(
            f"micro_batches {count} does not divide the {replica_batch} examples per replica"
        )


def mean_over_parts(
    function: Callable[[Any, jax.Array], Any], batch: Any, count: int, replicas: Replicas
) -> Any:
    """Mean of `function(part, number of the part)` over `count` parts of a batch.

    Of a loss that is a mean over examples, and of its gradient, that is the loss and gradient of
    the whole batch, but for rounding. BatchNorm normalises each part by itself, as it does the
    parts of replicas: `count` parts on one replica compute what `count` replicas would.

    Args:
      function: (pytree of [b/count, ...], int32 []) -> pytree of floats.
      batch: pytree of [b, ...]; `count` divides b.
      count: of parts; with 1 the function is called on the batch as it is.
      replicas: that the step is mapped over.
    """
    if count == 1:
        return function(batch, jnp.zeros((), jnp.int32))
    parts = jax.tree.map(lambda leaf: leaf.reshape(count, -1, *leaf.shape[1:]), batch)
    first = jax.tree.map(lambda leaf: leaf[0], parts)
    shapes = jax.eval_shape(function, first, jnp.zeros((), jnp.int32))
    zeros = replicas.vary(jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes))

    def add(total: Any, inputs: Any) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, total, function(*inputs)), None

    # On a CPU XLA computes the gradient of a convolution 30 to 50 times slower inside a loop.
    unroll = jax.default_backend() == "cpu"
    total, _ = jax.lax.scan(add, zeros, (parts, jnp.arange(count)), unroll=unroll)
    return jax.tree.map(lambda leaf: leaf / count, total)
