"""Everything that a training step reads and writes, arrays only: what a checkpoint holds."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from resinc.networks.variables import draw_variables, seed_key
from resinc.train.replica import average


class Window(NamedTuple):
    """Training metrics since the last log line.

    They live on the device with the rest of the state, so that a run that was killed inside a
    window still logs the same mean, and logging costs no transfer in between.
    """

    loss: jax.Array  # Sum over steps of the batch's mean loss, float32 [].
    error: jax.Array  # Likewise of the error.
    steps: jax.Array  # int32 [].
    bad_step: jax.Array  # First step of the whole run that left NaN or infinity, or -1; int32 [].
    bad_parts: jax.Array  # Of what, as `finite.nonfinite_parts` has it; int32 [].


class State(NamedTuple):
    step: jax.Array  # Updates made so far, int32 []; also the position in the data.
    params: Any
    batch_stats: Any
    opt_state: Any
    window: Window
    average: Any = ()  # `average.Weights` where an average is kept.


def init_state(
    network: nn.Module,
    optimizer: optax.GradientTransformation,
    image_shape: tuple[int, int, int],
    seed: int,
    averaged: bool = False,
) -> State:
    """The state before the first step, a function of the seed alone."""
    variables = draw_variables(network, image_shape, seed_key(seed))
    return first_state(variables["params"], variables["batch_stats"], optimizer, averaged)


def first_state(
    params: Any, batch_stats: Any, optimizer: optax.GradientTransformation, averaged: bool = False
) -> State:
    """The state at step 0 of these weights; `averaged`: with their average, which they are yet."""
    step, opt_state, window, kept = _beside(optimizer, averaged, params, batch_stats)
    return State(step, params, batch_stats, opt_state, window, kept)


# Compiled as one: leaf by leaf, each new shape would be compiled by itself.
@functools.partial(jax.jit, static_argnums=(0, 1))
def _beside(
    optimizer: optax.GradientTransformation, averaged: bool, params: Any, batch_stats: Any
) -> tuple[jax.Array, Any, Window, Any]:
    """What lies beside the weights before the first step: step, opt_state, window, average."""
    zero = jnp.zeros((), jnp.int32)
    window = Window(
        loss=jnp.zeros((), jnp.float32),
        error=jnp.zeros((), jnp.float32),
        steps=zero,
        bad_step=jnp.full((), -1, jnp.int32),
        bad_parts=zero,
    )
    kept = average.begin(params, batch_stats) if averaged else ()
    return zero, optimizer.init(params), window, kept


def draw(
    network: nn.Module, image_shape: tuple[int, int, int], seed: int, keep: Callable[[Any], Any]
) -> Any:
    """`keep` of the variables that `init_state` draws; the rest is not computed."""
    return jax.jit(lambda key: keep(draw_variables(network, image_shape, key)))(seed_key(seed))
