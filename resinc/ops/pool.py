"""Pooling with the padding and rounding that the papers' own code (Caffe) has.

XLA's CPU back end computes the gradient of a maximum over windows 5 to 12 times slower than that of
the same maximum taken over shifted copies, one axis after the other (batch 128, 8x8x40, 3x3: 22 ms
against 2). There it is written so; GPU and TPU keep XLA's own. Where several pixels of a window
share the maximum, the two give the gradient to different ones of them.
"""

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from resinc.ops.platform import by_platform


def _pads(size: int, window: int, stride: int, padding: int, ceil: bool) -> tuple[int, int]:
    """Before and after one axis; `ceil` adds what a last, incomplete window needs."""
    if not ceil:
        return padding, padding
    out = -(-(size + 2 * padding - window) // stride) + 1
    if padding and (out - 1) * stride >= size + padding:
        out -= 1  # As in Caffe and PyTorch: no window begins in the padding.
    return padding, max(padding, (out - 1) * stride + window - size - padding)


def _all_pads(x: jax.Array, window: int, stride: int, padding: int, ceil: bool):
    return [_pads(size, window, stride, padding, ceil) for size in x.shape[1:3]]


def max_pool(
    x: jax.Array, window: int, stride: int, padding: int = 0, ceil: bool = False
) -> jax.Array:
    """Maximum over window x window pixels: [b, h, w, c] -> [b, h', w', c].

    Args:
      x: the input.
      window: pixels of both axes.
      stride: of both axes.
      padding: pixels on every side, never the maximum.
      ceil: round h' up instead of down: a last window may stick out.
    """
    pads = _all_pads(x, window, stride, padding, ceil)

    def by_windows(x: jax.Array) -> jax.Array:
        return nn.max_pool(x, (window, window), (stride, stride), pads)

    def by_shifts(x: jax.Array) -> jax.Array:
        for axis, (before, after) in enumerate(pads, start=1):
            around = [(0, 0)] * x.ndim
            around[axis] = (before, after)
            padded = jnp.pad(x, around, constant_values=-jnp.inf)
            length = padded.shape[axis] - window + 1
            shifted = (lax.slice_in_dim(padded, i, i + length, stride, axis) for i in range(window))
            x = functools.reduce(jnp.maximum, shifted)
        return x

    return by_platform(x, cpu=by_shifts, default=by_windows)


def average_pool(
    x: jax.Array,
    window: int,
    stride: int,
    padding: int = 0,
    ceil: bool = False,
    count_padding: bool = False,
) -> jax.Array:
    """Mean over window x window pixels: [b, h, w, c] -> [b, h', w', c].

    Args:
      x: the input.
      window: pixels of both axes.
      stride: of both axes.
      padding: pixels of zeros on every side.
      ceil: round h' up instead of down: a last window may stick out.
      count_padding: divide by window^2 even where zeros were added (PyTorch's default); else by the
        pixels that are there (Keras, TensorFlow).
    """
    pads = _all_pads(x, window, stride, padding, ceil)
    return nn.avg_pool(x, (window, window), (stride, stride), pads, count_include_pad=count_padding)
