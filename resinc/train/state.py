"""Everything that a training step reads and writes, arrays only: what a checkpoint holds."""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import optax

from resinc.train import average


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
    """The state before the first step, a function of the seed alone.

    The draws use the `rbg` generator: jax 0.12 takes a second and more to compile each draw of the
    default one, a minute for 110 unrolled layers.
    """

    def init(key: jax.Array) -> State:
        variables = _variables(network, image_shape, key)
        return first_state(variables["params"], variables["batch_stats"], optimizer, averaged)

    return jax.jit(init)(jax.random.key(seed, impl="rbg"))


def first_state(
    params: Any, batch_stats: Any, optimizer: optax.GradientTransformation, averaged: bool = False
) -> State:
    """The state at step 0 of these weights; `averaged`: with their average, which they are yet."""
    # Each its own buffer: the training step is given them all to overwrite.
    window = Window(
        loss=jnp.zeros((), jnp.float32),
        error=jnp.zeros((), jnp.float32),
        steps=jnp.zeros((), jnp.int32),
        bad_step=jnp.full((), -1, jnp.int32),
        bad_parts=jnp.zeros((), jnp.int32),
    )
    return State(
        step=jnp.zeros((), jnp.int32),
        params=params,
        batch_stats=batch_stats,
        # Compiled as one: leaf by leaf, each new shape would be compiled by itself.
        opt_state=jax.jit(optimizer.init)(params),
        window=window,
        average=average.begin(params, batch_stats) if averaged else (),
    )


def draw(
    network: nn.Module, image_shape: tuple[int, int, int], seed: int, keep: Callable[[Any], Any]
) -> Any:
    """`keep` of the variables that `init_state` draws; the rest is not computed."""
    init = functools.partial(_variables, network, image_shape)
    return jax.jit(lambda key: keep(init(key)))(jax.random.key(seed, impl="rbg"))


def variable_shapes(network: nn.Module, image_shape: tuple[int, int, int]) -> dict[str, Any]:
    """{"params", "batch_stats"} as `jax.ShapeDtypeStruct`, traced without compiling.

    Raises:
      InputError: the network does not take such images.
    """
    init = functools.partial(_variables, network, image_shape)
    return jax.eval_shape(init, jax.random.key(0, impl="rbg"))


def _variables(
    network: nn.Module, image_shape: tuple[int, int, int], key: jax.Array
) -> dict[str, Any]:
    variables = network.init(key, jnp.zeros((1, *image_shape)), train=False)
    return {"params": variables["params"], "batch_stats": variables.get("batch_stats", {})}
