"""Pooling to a fixed number of pixels, whatever the image's size."""

import jax
import jax.numpy as jnp


def adaptive_average_pool(x: jax.Array, size: int) -> jax.Array:
    """Mean over size x size bins that cover the image evenly: [b, h, w, c] -> [b, size, size, c].

    Bin i of h pixels holds those from floor(i h / size) to ceil((i + 1) h / size), so that bins
    overlap where h is no multiple, repeat where h is smaller, and keep x where h is `size`: as in
    PyTorch, whose AlexNet and GoogLeNet have it.
    """
    for axis in (1, 2):
        pixels = x.shape[axis]
        if pixels == size:
            continue
        bins = [(i * pixels // size, -(-(i + 1) * pixels // size)) for i in range(size)]
        means = [
            jnp.mean(jax.lax.slice_in_dim(x, first, end, axis=axis), axis=axis)
            for first, end in bins
        ]
        x = jnp.stack(means, axis=axis)
    return x
