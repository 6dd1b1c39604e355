"""Local response normalisation, which BatchNorm replaced."""

import jax
import jax.numpy as jnp


def local_response_norm(
    x: jax.Array, size: int = 5, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> jax.Array:
    """x / (k + alpha / size * sum of the squares of `size` neighbouring channels)^beta.

    Krizhevsky et al. 2012, section 3.3, in the form of Caffe: there alpha is divided by `size` and
    k is 1 (the paper's text has k = 2 and does not divide).

    Args:
      x: [..., c].
      size: channels summed, odd.
      alpha: weight of the sum.
      beta: exponent.
      k: offset.
    """
    half = size // 2
    squares = jnp.square(x.astype(jnp.float32))
    padded = jnp.pad(squares, [(0, 0)] * (x.ndim - 1) + [(half, half)])
    total = sum(padded[..., i : i + x.shape[-1]] for i in range(size))
    return (x * (k + alpha / size * total) ** -beta).astype(x.dtype)
