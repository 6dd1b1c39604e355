"""An image without a border."""

import jax
import jax.numpy as jnp


def wrap(x: jax.Array, kh: int, kw: int) -> jax.Array:
    """Surround an image by its opposite edges: [b, h, w, c] -> [b, h + kh - 1, w + kw - 1, c].

    A "VALID" window of kh x kw pixels then slides over a torus, and gives [b, h, w, ...] again.
    """
    around = [((k - 1) // 2, k // 2) for k in (kh, kw)]
    return jnp.pad(x, [(0, 0), *around, (0, 0)], mode="wrap")
