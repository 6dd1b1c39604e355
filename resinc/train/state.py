"""Everything that a training step reads and writes, arrays only: what a checkpoint holds."""

from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax


class Window(NamedTuple):
    """Training metrics since the last log line.

    They live on the device with the rest of the state, so that a run that was killed inside a
    window still logs the same mean, and logging costs no transfer in between.
    """

    loss: jax.Array  # Sum over steps of the batch's mean loss, float32 [].
    error: jax.Array  # Likewise of the fraction of mistakes.
    steps: jax.Array  # int32 [].
    bad_step: jax.Array  # First step of the whole run with a non-finite loss, or -1; int32 [].


class State(NamedTuple):
    step: jax.Array  # Updates made so far, int32 []; also the position in the data.
    params: Any
    batch_stats: Any
    opt_state: Any
    window: Window


def init_state(
    network: nn.Module,
    optimizer: optax.GradientTransformation,
    image_shape: tuple[int, int, int],
    seed: int,
) -> State:
    """The state before the first step, a function of the seed alone.

    The draws use the `rbg` generator: jax 0.12 takes a second and more to compile each draw of the
    default one, a minute for 110 unrolled layers.
    """

    def init(key: jax.Array) -> State:
        variables = network.init(key, jnp.zeros((1, *image_shape)), train=False)
        params = variables["params"]
        zero = jnp.zeros((), jnp.float32)
        return State(
            step=jnp.zeros((), jnp.int32),
            params=params,
            batch_stats=variables.get("batch_stats", {}),
            opt_state=optimizer.init(params),
            window=Window(zero, zero, jnp.zeros((), jnp.int32), jnp.full((), -1, jnp.int32)),
        )

    return jax.jit(init)(jax.random.key(seed, impl="rbg"))
