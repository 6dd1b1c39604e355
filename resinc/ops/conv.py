"""2-D convolution that is fast, with its gradients, on every platform.

XLA's CPU back end is good at few forms of a convolution: its weight gradient is 3 to 8 times slower
than PyTorch's, and 30 to 50 times inside a loop, which would rule out `nn.scan` over blocks. There
`conv_cpu` writes each convolution in the forms that are fast. GPU and TPU keep XLA's own.
"""

import functools

import jax
from jax import lax

from resinc.ops import conv_cpu
from resinc.ops.conv_cpu import DIMENSIONS, Pads
from resinc.ops.platform import by_platform


def conv2d(
    x: jax.Array, kernel: jax.Array, stride: int = 1, padding: str = "SAME", groups: int = 1
) -> jax.Array:
    """Convolve. It has a gradient in reverse mode alone (`jax.grad`, `jax.vjp`).

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
    kh, kw = kernel.shape[:2]
    if kh == kw == 1:
        # Without the pixels that the stride leaves out, it is a matrix product.
        x, stride = x[:, ::stride, ::stride], 1
    if padding == "SAME" and kh % 2 and kw % 2:
        rows, columns = (kh // 2, kh // 2), (kw // 2, kw // 2)
    else:
        strides = (stride, stride)
        rows, columns = lax.padtype_to_pads(x.shape[1:3], (kh, kw), strides, padding)
    pads = ((rows[0], rows[1]), (columns[0], columns[1]))
    return _conv(x, kernel, stride, pads, groups)


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _conv(x: jax.Array, kernel: jax.Array, stride: int, pads: Pads, groups: int) -> jax.Array:
    return by_platform(
        x,
        kernel,
        cpu=lambda x, kernel: conv_cpu.forward(x, kernel, stride, pads, groups),
        default=lambda x, kernel: xla_conv(x, kernel, stride, pads, groups),
    )


def _forward(x, kernel, stride, pads, groups):
    return _conv(x, kernel, stride, pads, groups), (x, kernel)


def _backward(stride, pads, groups, residuals, cotangent):
    def by_xla(x, kernel, cotangent):
        plain = functools.partial(xla_conv, stride=stride, pads=pads, groups=groups)
        return jax.vjp(plain, x, kernel)[1](cotangent)

    return by_platform(
        *residuals,
        cotangent,
        cpu=lambda x, kernel, g: conv_cpu.gradients(x, kernel, g, stride, pads, groups),
        default=by_xla,
    )


_conv.defvjp(_forward, _backward)


def xla_conv(x: jax.Array, kernel: jax.Array, stride: int, pads: Pads, groups: int) -> jax.Array:
    """The same by XLA alone, which differentiates it too; see `conv2d`."""
    return lax.conv_general_dilated(
        x,
        kernel,
        (stride, stride),
        pads,
        dimension_numbers=DIMENSIONS,
        feature_group_count=groups,
    )
