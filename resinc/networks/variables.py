"""The variables of a network: drawn from a key, or only their shapes."""

import functools
import inspect
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

Shape = tuple[int, int, int]


@functools.partial(jax.jit, static_argnums=(0, 1), inline=True)
def draw_variables(network: nn.Module, image_shape: Shape, key: jax.Array) -> dict[str, Any]:
    """{"params", "batch_stats"}, a function of the key alone.

    It is traced once for a network and a shape, whoever asks: to know the shapes, to count, or to
    compute them. Other collections are left out: what is sown there has a batch axis.
    """
    images = jnp.zeros((1, *image_shape), jnp.float32)
    variables = network.init(key, images, **evaluating(network))
    return {"params": variables.get("params", {}), "batch_stats": variables.get("batch_stats", {})}


def variable_shapes(network: nn.Module, image_shape: Shape) -> dict[str, Any]:
    """{"params", "batch_stats"} as `jax.ShapeDtypeStruct`, traced without compiling.

    Raises:
      InputError: the network does not take such images.
    """
    return draw_variables.eval_shape(network, image_shape, seed_key(0))


def seed_key(seed: int) -> jax.Array:
    """The key of a seed, of the `rbg` generator.

    jax 0.12 takes a second and more to compile each draw of the default one, a minute for 110
    unrolled layers.
    """
    return jax.random.key(seed, impl="rbg")


def evaluating(network: nn.Module) -> dict[str, Any]:
    """Arguments by which a network evaluates: one that trains as it evaluates takes none."""
    takes_train = "train" in inspect.signature(type(network).__call__).parameters
    return {"train": False} if takes_train else {}
