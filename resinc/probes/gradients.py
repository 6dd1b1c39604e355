"""How much gradient each layer gets, and how far its weights move."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from resinc.networks import paths


def norms(grads: Any) -> Any:
    """Euclidean norm of every array, in the same tree; of a scanned one, per block.

    Args:
      grads: nested mappings of arrays, as `jax.grad` gives them for a network's parameters.

    Returns:
      float32 [] per array, [n] per array stacked on a leading axis of n blocks. Cheap enough for
      every step: a stack is not taken apart.
    """

    def norm(path: Any, leaf: jax.Array) -> jax.Array:
        first = 1 if paths.is_stacked(path) else 0
        squares = jnp.square(leaf.astype(jnp.float32))
        return jnp.sqrt(jnp.sum(squares, axis=tuple(range(first, leaf.ndim))))

    return jax.tree_util.tree_map_with_path(norm, grads)


def relative_updates(updates: Any, params: Any) -> Any:
    """|update| / |weights| of every kernel, the speed at which its layer learns.

    Other arrays are left out: biases start at 0, where the quotient means nothing.

    Args:
      updates: what a step adds to the parameters, nested mappings of arrays.
      params: before the step, the same tree.

    Returns:
      Shapes as of `norms`; None in place of other arrays.
    """

    def relative(path: Any, moved: jax.Array, weights: jax.Array) -> jax.Array | None:
        return moved / weights if path[-1].key == "kernel" else None

    return jax.tree_util.tree_map_with_path(relative, norms(updates), norms(params))


def by_layer(tree: Any) -> dict[str, float]:
    """What the functions above give, as {path of the array: number} in depth order.

    Stacks are taken apart.
    """
    return {path: float(np.asarray(value)) for path, value in paths.flatten(tree)}
