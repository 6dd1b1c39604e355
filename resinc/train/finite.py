"""Whether a step left numbers behind: its loss alone does not tell.

XLA on CPU can drop NaN in max and relu, so a network full of NaN may go on with a loss near ln(k).
"""

from typing import Any

import jax
import jax.numpy as jnp

PARTS = ("loss", "gradient", "parameters", "running statistics")


def nonfinite_parts(loss: Any, grads: Any, params: Any, batch_stats: Any) -> jax.Array:
    """int32 []: bit i is set where PARTS[i] holds NaN or infinity; 0: all is finite.

    A gradient counts as infinite from 1.8e19, where its square overflows: Adam's second moment then
    is lost for good, although the parameters still look sound.
    """
    squares = jax.tree.map(jnp.square, grads)
    bits = [
        (~_all_finite(part)).astype(jnp.int32) << i
        for i, part in enumerate((loss, squares, params, batch_stats))
    ]
    return sum(bits, jnp.zeros((), jnp.int32))


def name_parts(bits: int) -> str:
    """E.g. "gradient and parameters"."""
    named = [part for i, part in enumerate(PARTS) if bits >> i & 1]
    return " and ".join(filter(None, [", ".join(named[:-1]), named[-1]]))


def _all_finite(tree: Any) -> jax.Array:
    """bool []; ANDs, since neither a maximum nor, in jax 0.10.2 on CPU, a sum is to be trusted."""
    finite = [jnp.all(jnp.isfinite(leaf)) for leaf in jax.tree.leaves(tree)]
    return jnp.all(jnp.stack(finite)) if finite else jnp.ones((), bool)
