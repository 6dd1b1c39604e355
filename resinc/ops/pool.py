"""Pooling with the padding and rounding that the papers' own code (Caffe) has.

XLA's CPU back end computes the gradient of a maximum over windows 10 to 20 times slower than it can
be; there `pool_cpu` writes it so. GPU and TPU keep XLA's own.
"""

import flax.linen as nn
import jax

from resinc.ops import pool_cpu
from resinc.ops.platform import by_platform


def _pads(size: int, window: int, stride: int, padding: int, ceil: bool) -> tuple[int, int]:
    """Before and after one axis; `ceil` adds what a last, incomplete window needs."""
    if not ceil:
        return padding, padding
    out = -(-(size + 2 * padding - window) // stride) + 1
    if padding and (out - 1) * stride >= size + padding:
        out -= 1  # As in Caffe and PyTorch: no window begins in the padding.
    return padding, max(padding, (out - 1) * stride + window - size - padding)


def _all_pads(
    x: jax.Array, window: int, stride: int, padding: int, ceil: bool
) -> tuple[tuple[int, int], tuple[int, int]]:
    rows, columns = (_pads(size, window, stride, padding, ceil) for size in x.shape[1:3])
    return rows, columns


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

    return by_platform(
        x,
        cpu=lambda x: pool_cpu.max_pool(x, window, stride, pads),
        default=lambda x: nn.max_pool(x, (window, window), (stride, stride), pads),
    )


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
