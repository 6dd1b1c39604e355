"""Whether a step left numbers behind: its loss alone does not tell.

XLA on CPU can drop NaN in max and relu, so a network full of NaN may go on with a loss near ln(k).
"""

from typing import Any

import jax
import jax.numpy as jnp

PARTS = ("loss", "gradient", "parameters", "running statistics")
# Numbers of an array that is looked through together with others: to copy a larger one takes longer
# than a loop of its own takes to compile.
_SMALL = 2**17


def nonfinite_parts(loss: Any, grads: Any, params: Any, batch_stats: Any) -> jax.Array:
    """int32 []: bit i is set where PARTS[i] holds NaN or infinity; 0: all is finite.

    A gradient counts as infinite from 1.8e19, where its square overflows: Adam's second moment then
    is lost for good, although the parameters still look sound.
    """
    vectors = [_vectors(part) for part in (loss, grads, params, batch_stats)]
    vectors[1] = [jnp.square(vector) for vector in vectors[1]]
    bits = [(~_all_finite(part)).astype(jnp.int32) << i for i, part in enumerate(vectors)]
    return sum(bits, jnp.zeros((), jnp.int32))


def name_parts(bits: int) -> str:
    """E.g. "gradient and parameters"."""
    named = [part for i, part in enumerate(PARTS) if bits >> i & 1]
    return " and ".join(filter(None, [", ".join(named[:-1]), named[-1]]))


def _vectors(tree: Any) -> list[jax.Array]:
    """The numbers of a pytree: large arrays by themselves, all small ones in one vector.

    Looked through one by one, the arrays of a ResNet-20 were two fifths of the loops of its step,
    each of which XLA compiles by itself.
    """
    leaves = [jnp.ravel(leaf) for leaf in jax.tree.leaves(tree)]
    small = [leaf for leaf in leaves if leaf.size <= _SMALL]
    large = [leaf for leaf in leaves if leaf.size > _SMALL]
    return [*large, jnp.concatenate(small)] if small else large


def _all_finite(vectors: list[jax.Array]) -> jax.Array:
    """bool []; ANDs, since neither a maximum nor, in jax 0.10.2 on CPU, a sum is to be trusted."""
    finite = [jnp.all(jnp.isfinite(vector)) for vector in vectors]
    return jnp.all(jnp.stack(finite)) if finite else jnp.ones((), bool)
