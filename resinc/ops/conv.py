"""2-D convolution whose gradient is fast on every platform.

XLA's CPU back end computes the weight gradient of a small convolution 3 to 10 times slower than a
matrix product does (batch 128, 32x32x16: 42 to 126 ms against 15), and 30 to 50 times slower
inside a loop, which would rule out `nn.scan` over blocks. On the CPU it is therefore written as
matrix products over image patches, and a 1x1 convolution as one throughout (two to three times
as fast at 8 to 15 pixels; a ResNet-50 step at 64 pixels gains 12 %). GPU and TPU keep XLA's own.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

_DIMENSIONS = ("NHWC", "HWIO", "NHWC")
# Bytes of patches made at a time: they stay in the second-level cache, where 2 to 4 MB was fastest.
_PATCH_BYTES = 2_500_000
# Below 4x4 pixels XLA's CPU convolution loses to one matrix product (2x2x64: 3.6 ms against 1.0).
_FEW_PIXELS = 16


def conv2d(
    x: jax.Array, kernel: jax.Array, stride: int = 1, padding: str = "SAME", groups: int = 1
) -> jax.Array:
    """Convolve.

    Args:
      x: [b, h, w, c].
      kernel: [kh, kw, c / groups, c'], of x's dtype.
      stride: of both axes.
      padding: "SAME" keeps ceil(size / stride) pixels, with k // 2 zeros on both sides of an odd
        kernel, as in the papers; "VALID" has none.
      groups: parts of the channels that do not see each other.

    Returns:
      [b, h', w', c'].
    """
    pointwise = kernel.shape[:2] == (1, 1) and groups == 1
    if pointwise:
        # Without the pixels that the stride leaves out, it is a matrix product.
        return _conv_same(x[:, ::stride, ::stride], kernel)
    odd = kernel.shape[0] % 2 == 1 and kernel.shape[1] % 2 == 1
    if stride == 1 and groups == 1 and padding == "SAME" and odd:
        return _conv_same(x, kernel)
    # A few such layers a network: XLA's gradient will do.
    return _xla_conv(x, kernel, stride, padding, groups)


def _xla_conv(
    x: jax.Array, kernel: jax.Array, stride: int = 1, padding: str = "SAME", groups: int = 1
) -> jax.Array:
    kh, kw = kernel.shape[:2]
    pads: Any = padding
    if padding == "SAME" and kh % 2 and kw % 2:
        pads = [(kh // 2, kh // 2), (kw // 2, kw // 2)]
    return lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        pads,
        dimension_numbers=_DIMENSIONS,
        feature_group_count=groups,
    )


def _patches(x: jax.Array, kh: int, kw: int) -> jax.Array:
    """[b, h, w, c] -> [b, h, w, kh * kw * c]: what the kernel sees at each pixel."""
    if kh == kw == 1:
        return x
    h, w = x.shape[1:3]
    padded = jnp.pad(x, ((0, 0), (kh // 2, kh // 2), (kw // 2, kw // 2), (0, 0)))
    return jnp.concatenate(
        [padded[:, i : i + h, j : j + w] for i in range(kh) for j in range(kw)], axis=-1
    )


def _patch_conv(x: jax.Array, kernel: jax.Array) -> jax.Array:
    kh, kw = kernel.shape[:2]
    return _patches(x, kh, kw) @ kernel.reshape(-1, kernel.shape[-1])


def _forward(x: jax.Array, kernel: jax.Array) -> jax.Array:
    if x.shape[1] * x.shape[2] < _FEW_PIXELS or kernel.shape[:2] == (1, 1):
        return lax.platform_dependent(x, kernel, cpu=_patch_conv, default=_xla_conv)
    return _xla_conv(x, kernel)


@jax.custom_vjp
def _conv_same(x: jax.Array, kernel: jax.Array) -> jax.Array:
    return _forward(x, kernel)


def _conv_same_forward(x, kernel):
    return _forward(x, kernel), (x, kernel)


def _conv_same_backward(residuals, cotangent):
    x, kernel = residuals
    flipped = kernel[::-1, ::-1].swapaxes(2, 3)

    def kernel_gradient_xla(x, cotangent):
        return jax.vjp(lambda kernel: _xla_conv(x, kernel), kernel)[1](cotangent)[0]

    def kernel_gradient_dots(x, cotangent):
        return _kernel_gradient_dots(x, cotangent, kernel.shape).astype(kernel.dtype)

    kernel_gradient = lax.platform_dependent(
        x, cotangent, cpu=kernel_gradient_dots, default=kernel_gradient_xla
    )
    return _forward(cotangent, flipped), kernel_gradient


def _kernel_gradient_dots(x: jax.Array, cotangent: jax.Array, shape: tuple[int, ...]) -> jax.Array:
    """[b, h, w, c], [b, h, w, c'] -> float32 `shape` [kh, kw, c, c'], a few images at a time."""
    kh, kw, c, features = shape
    b, h, w = x.shape[:3]

    def part(x, cotangent):
        patches = _patches(x, kh, kw).reshape(-1, kh * kw * c)
        return jnp.matmul(
            patches.T, cotangent.reshape(-1, features), preferred_element_type=jnp.float32
        )

    images = b
    # Of a 1x1 kernel no patches are made.
    while (
        kh * kw > 1
        and images % 2 == 0
        and images * h * w * kh * kw * c * x.dtype.itemsize > _PATCH_BYTES
    ):
        images //= 2
    if images == b:
        return part(x, cotangent).reshape(shape)
    parts = (
        x.reshape(b // images, images, h, w, c),
        cotangent.reshape(b // images, images, h, w, features),
    )
    # The first part is the initial sum: a zero array would not vary over shard_map's axis.
    first = part(parts[0][0], parts[1][0])
    rest = (parts[0][1:], parts[1][1:])
    total, _ = lax.scan(lambda total, pair: (total + part(*pair), None), first, rest)
    return total.reshape(shape)


_conv_same.defvjp(_conv_same_forward, _conv_same_backward)
