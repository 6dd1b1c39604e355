"""A 2-D convolution and its gradients in the forms in which XLA's CPU back end is fast.

Measured with jax 0.10.2 on one core, batch 128, float32, in milliseconds:

| | 32x32x16 | 16x16x32 | 8x8x64 |
| --- | --- | --- | --- |
| weight gradient by XLA, in the step it stands in | 29.6 | 21.3 | 14.8 |
| weight gradient here | 8.9 | 5.6 | 4.7 |
| forward by XLA | 9.6 | 4.2 | 4.0 |
| forward here | 5.8 | 4.2 | 4.0 |

Since then what has 32 channels and more is Winograd's (`ops.winograd`, with numbers of its own).
All sums agree with float64 to 1e-5 of the largest element. `stride` is that of both axes; `pads`
are the zeros (or, negative, the pixels taken off) before and after rows and columns.
"""

import functools

import jax
import jax.numpy as jnp
from jax import lax
from jax.custom_batching import sequential_vmap

from resinc.ops import winograd
from resinc.ops.outline import outlined
from resinc.ops.winograd import Pads

DIMENSIONS = ("NHWC", "HWIO", "NHWC")
# Below 4x4 pixels XLA's convolution loses to one matrix product (2x2x64: 3.6 ms against 1.0), and
# wherever the kernel is larger than the image (5x5 over 4x4 pixels: 12 to 24 times as slow).
_FEW_PIXELS = 16
# Columns that a matrix product wants: with fewer features, pixels and groups are joined. Fewer than
# it wants cost more than zeros in their place: 5x5x14 to 14 features, two pixels, 13.9 ms and 7.8.
_COLUMNS = 32
# Pixels that are; eight take longer than four even where there is one feature.
_NEIGHBOURS = (4, 2)
# Channels up to which pixels are joined: of more a pixel has enough to multiply.
_FEW_CHANNELS = 16
# Channels of an image, with which it wants more columns: 3x3x3 to 16 features takes 4.4 ms with 32,
# 1.0 with 64.
_IMAGE, _IMAGE_COLUMNS = 3, 64
# XLA reads channels in fours, of joined pixels in twos, and any other number of them one by one:
# 3x3x23 to 16 features takes 11.1 ms, with a channel of zeros 5.8; 5x5x23, 29.3 and 13.0. Three are
# fast with some numbers of features (64: 3.6 ms) and not with others (80: 27).
_CHANNELS, _CHANNELS_JOINED = 4, 2
# Features, times columns of the kernel, up to which shifted copies of g cost less than those of an
# image: 5x5x3 to 20 takes 11.3 ms and 11.2, to 80 it takes 52.7 and 16.6.
_SHIFTED_FEATURES = 100


def forward(x: jax.Array, kernel: jax.Array, stride: int, pads: Pads, groups: int) -> jax.Array:
    """[b, h, w, c], [kh, kw, c / groups, c'] -> [b, h', w', c']."""
    if groups > 1:
        parts = zip(_split(x, kernel, groups), _dense_blocks(kernel, groups), strict=True)
        return jnp.concatenate([forward(*part, stride, pads, 1) for part in parts], axis=-1)
    kh, kw = kernel.shape[:2]
    h, w = _size(x, kernel, stride, pads)
    few = h * w < _FEW_PIXELS or kh > x.shape[1] or kw > x.shape[2]
    if stride == 1 and (kh == kw == 1 or few):
        return _patches(x, (kh, kw), (h, w), pads) @ kernel.reshape(-1, kernel.shape[-1])
    if winograd.suits(x.dtype, kernel.shape, stride, (x.shape[0], h, w)):
        return winograd.forward(x, kernel, pads)
    c = x.shape[-1]
    columns = _IMAGE_COLUMNS if c == _IMAGE else _COLUMNS
    for pixels in _NEIGHBOURS if stride == 1 and c <= _FEW_CHANNELS else ():
        if w % pixels == 0 and pixels * kernel.shape[-1] <= columns:
            return _side_by_side(x, kernel, (h, w), pads, pixels, columns)
    x, kernel = _filled_up(x, kernel, _CHANNELS if c >= _IMAGE else 1)
    return lax.conv_general_dilated(x, kernel, (stride, stride), pads, dimension_numbers=DIMENSIONS)


def gradients(
    x: jax.Array, kernel: jax.Array, g: jax.Array, stride: int, pads: Pads, groups: int
) -> tuple[jax.Array, jax.Array]:
    """Of x and of the kernel, given that of the result, g [b, h', w', c']."""
    shape = kernel.shape
    if groups == 1:
        by_input = _input_gradient(g, kernel, x.shape, stride, pads)
        by_kernel = _kernel_gradient(x, g, shape, stride, pads)
        return by_input, by_kernel.astype(kernel.dtype)
    dense = _dense_blocks(kernel, groups)
    count, m = len(dense), groups // len(dense)
    cotangents = jnp.split(g, count, axis=-1)
    pairs = [
        gradients(x, block, g, stride, pads, 1)
        for x, block, g in zip(_split(x, kernel, groups), dense, cotangents, strict=True)
    ]
    by_input = jnp.concatenate([pair[0] for pair in pairs], axis=-1)
    # What lies off a block's diagonal is no weight.
    diagonal = [
        jnp.diagonal(pair[1].reshape(*shape[:2], m, shape[2], m, -1), axis1=2, axis2=4)
        for pair in pairs
    ]
    by_kernel = jnp.stack([jnp.moveaxis(block, -1, 3) for block in diagonal], axis=3)
    return by_input, by_kernel.reshape(shape)


def _size(x: jax.Array, kernel: jax.Array, stride: int, pads: Pads) -> tuple[int, int]:
    """Pixels of the result."""
    h, w = (
        (size + before + after - k) // stride + 1
        for size, k, (before, after) in zip(x.shape[1:3], kernel.shape[:2], pads, strict=True)
    )
    return h, w


def _patches(x: jax.Array, window: tuple[int, int], size: tuple[int, int], pads: Pads) -> jax.Array:
    """[b, h, w, c] -> [b, *size, kh * kw * c]: what a window sees at each pixel."""
    (kh, kw), (h, w) = window, size
    padded = _pad(x, pads)
    shifts = [padded[:, i : i + h, j : j + w] for i in range(kh) for j in range(kw)]
    return shifts[0] if len(shifts) == 1 else jnp.concatenate(shifts, axis=-1)


def _pad(x: jax.Array, pads: Pads) -> jax.Array:
    (top, bottom), (left, right) = pads
    zero = jnp.zeros((), x.dtype)
    return lax.pad(x, zero, ((0, 0, 0), (top, bottom, 0), (left, right, 0), (0, 0, 0)))


def _filled_up(x: jax.Array, kernel: jax.Array, multiple: int) -> tuple[jax.Array, jax.Array]:
    """Both with channels of zeros up to a multiple."""
    more = -x.shape[-1] % multiple
    if not more:
        return x, kernel
    zero = jnp.zeros((), x.dtype)
    x = lax.pad(x, zero, (*[(0, 0, 0)] * 3, (0, more, 0)))
    return x, jnp.pad(kernel, ((0, 0), (0, 0), (0, more), (0, 0)))


def _side_by_side(
    x: jax.Array,
    kernel: jax.Array,
    size: tuple[int, int],
    pads: Pads,
    pixels: int,
    columns: int,
) -> jax.Array:
    """Stride 1, width a multiple of `pixels`: so many of a row as one, of all their features.

    These and features of zeros make `columns`.
    """
    x, kernel = _filled_up(x, kernel, _CHANNELS_JOINED if x.shape[-1] > _IMAGE else 1)
    kh, kw, c, features = kernel.shape
    last, wide = pixels - 1, columns // pixels
    around = ((0, 0), (0, wide - features))
    shifts = [jnp.pad(kernel, ((0, 0), (q, last - q), *around)) for q in range(pixels)]
    y = lax.conv_general_dilated(
        x,
        jnp.stack(shifts, axis=3).reshape(kh, kw + last, c, columns),
        (1, pixels),
        pads,
        dimension_numbers=DIMENSIONS,
    )
    return y.reshape(x.shape[0], *size, wide)[..., :features]


@functools.partial(jax.custom_vjp, nondiff_argnums=(2, 3, 4))
def _kernel_gradient(
    x: jax.Array, g: jax.Array, shape: tuple[int, ...], stride: int, pads: Pads
) -> jax.Array:
    """[b, h, w, c], [b, h', w', c'] -> float32 `shape` [kh, kw, c, c'].

    Linear in x and in g, like the two it stands beside: its own gradients are theirs.
    """
    _, kw, c, features = shape
    one = _spatial_kernel_gradient
    if shape[:2] == (1, 1):
        one = _pointwise_kernel_gradient
    elif c <= _IMAGE and stride == 1 and kw * features > _SHIFTED_FEATURES:
        one = _image_kernel_gradient

    # One member after the other under vmap: JAX would make it a convolution of groups, which takes
    # seconds.
    @sequential_vmap
    def gradient(x: jax.Array, g: jax.Array) -> jax.Array:
        if winograd.suits(x.dtype, shape, stride, g.shape[:3]):
            return winograd.kernel_gradient(x, g, pads)
        return outlined(one)(x, g, tuple(shape), stride, pads)

    return gradient(x, g)


def _kernel_gradient_forward(x, g, shape, stride, pads):
    return _kernel_gradient(x, g, shape, stride, pads), (x, g)


def _kernel_gradient_backward(shape, stride, pads, residuals, by_kernel):
    x, g = residuals
    kernel = by_kernel.astype(x.dtype)
    by_x = _input_gradient(g, kernel, x.shape, stride, pads)
    return by_x, forward(x, kernel, stride, pads, 1).astype(g.dtype)


_kernel_gradient.defvjp(_kernel_gradient_forward, _kernel_gradient_backward)


@functools.partial(jax.jit, static_argnums=(2, 3, 4))
def _pointwise_kernel_gradient(x, g, shape, stride, pads):
    """Of 1x1: a matrix product, with the larger side in its rows."""
    c, features = shape[2:]
    x, g = _pad(x, pads).reshape(-1, c), g.reshape(-1, features)
    if c > features:
        y = jnp.matmul(g.T, x, preferred_element_type=jnp.float32).T
    else:
        y = jnp.matmul(x.T, g, preferred_element_type=jnp.float32)
    return y.reshape(shape)


@functools.partial(jax.jit, static_argnums=(2, 3, 4))
def _image_kernel_gradient(x, g, shape, stride, pads):
    """Of few channels, with stride 1: a matrix product for each row of the kernel."""
    kh, kw, c, features = shape
    _, rows, columns, _ = g.shape
    seen = _patches(x, (1, kw), (rows + kh - 1, columns), pads)
    g = g.reshape(-1, features)
    parts = (seen[:, i : i + rows].reshape(-1, kw * c).T for i in range(kh))
    products = [jnp.matmul(part, g, preferred_element_type=jnp.float32) for part in parts]
    return jnp.stack(products).reshape(shape)


@functools.partial(jax.jit, static_argnums=(2, 3, 4))
def _spatial_kernel_gradient(x, g, shape, stride, pads):
    """A 1-D convolution over rows: examples and columns are channels, g is the kernel.

    Shifts along the columns are features of g. With a stride, x is cut into stride^2 phases, in
    which the kernel's pixels lie side by side: pixel i is phase (i - pad) mod stride, shifted by
    (i - pad) div stride.
    """
    kh, kw, c, features = shape
    b, rows, columns = g.shape[:3]
    (top, _), (left, _) = pads
    h, w = (-(-size // stride) for size in x.shape[1:3])
    row0, column0 = -top // stride, -left // stride
    row_shifts = (kh - 1 - top) // stride - row0 + 1
    column_shifts = (kw - 1 - left) // stride - column0 + 1
    zero = jnp.zeros((), g.dtype)
    # As a sum it is one pass over memory; a concatenation along the last axis takes ten times that.
    shifts = (
        lax.pad(
            g,
            zero,
            (
                (0, 0, 0),
                (0, 0, 0),
                (column0 + n, w - columns - column0 - n, 0),
                (n * features, (column_shifts - 1 - n) * features, 0),
            ),
        )
        for n in range(column_shifts)
    )
    shifted = functools.reduce(jnp.add, shifts)
    y = lax.conv_general_dilated(
        _phases(x, stride).reshape(-1, h, b * w),
        shifted.transpose(1, 0, 2, 3).reshape(rows, b * w, column_shifts * features),
        (1,),
        ((-row0, row0 + row_shifts - 1 + rows - h),),
        dimension_numbers=("NWC", "WIO", "NWC"),
        preferred_element_type=jnp.float32,
    )
    y = y.reshape(stride, stride, c, row_shifts, column_shifts, features)
    y = y.transpose(3, 0, 4, 1, 2, 5)
    y = y.reshape(row_shifts * stride, column_shifts * stride, c, features)
    i, j = -top - stride * row0, -left - stride * column0
    return y[i : i + kh, j : j + kw]


def _phases(x: jax.Array, stride: int) -> jax.Array:
    """[b, h, w, c] -> [stride * stride * c, ceil(h / stride), b, ceil(w / stride)]."""
    if stride == 1:
        return x.transpose(3, 1, 0, 2)
    bottom, right = (-size % stride for size in x.shape[1:3])
    x = _pad(x, ((0, bottom), (0, right)))
    starts = [(i, j) for i in range(stride) for j in range(stride)]
    return jnp.concatenate([_rows_before_examples(_every(x, i, j, stride)) for i, j in starts])


@outlined
@functools.partial(jax.jit, static_argnums=(1, 2, 3))
def _every(x, i, j, stride):
    return x[:, i::stride, j::stride]


@outlined
@jax.jit
def _rows_before_examples(x):
    return x.transpose(3, 1, 0, 2)


def _input_gradient(
    g: jax.Array, kernel: jax.Array, shape: tuple[int, ...], stride: int, pads: Pads
) -> jax.Array:
    """[b, h', w', c'], [kh, kw, c, c'] -> `shape` [b, h, w, c].

    A convolution of g whose features are the stride^2 pixels of x that share one of g's.
    """
    kh, kw, c, features = kernel.shape
    b, h, w, _ = shape
    kernel = kernel[::-1, ::-1]
    zeros, taps, around, sizes = [], [], [], []
    for k, (before, _), size, rows in zip((kh, kw), pads, (h, w), g.shape[1:3], strict=True):
        # Pixel m * stride + a of x meets pixel m + d of g through kernel pixel
        # a + before - d * stride.
        first, last = -((k - 1 - before) // stride), (stride - 1 + before) // stride
        count, size = last - first + 1, -(-size // stride)
        lead = stride - 1 + before - stride * first - (k - 1)
        zeros.append((lead, count * stride - k - lead))
        taps.append(count)
        around.append((-first, size - rows + last))
        sizes.append(size)
    kernel = jnp.pad(kernel, (*zeros, (0, 0), (0, 0)))
    kernel = kernel.reshape(taps[0], stride, taps[1], stride, c, features)[:, ::-1, :, ::-1]
    kernel = kernel.transpose(0, 2, 5, 1, 3, 4).reshape(*taps, features, stride * stride * c)
    y = forward(g, kernel, 1, (around[0], around[1]), 1)
    if stride > 1:
        y = y.reshape(b, *sizes, stride, stride * c).transpose(0, 1, 3, 2, 4)
        y = y.reshape(b, sizes[0] * stride, sizes[1] * stride, c)
    return y[:, :h, :w]


def _split(x: jax.Array, kernel: jax.Array, groups: int) -> list[jax.Array]:
    return jnp.split(x, groups // _joined(kernel, groups), axis=-1)


def _joined(kernel: jax.Array, groups: int) -> int:
    """Groups that are convolved at a time, as one group that has enough channels."""
    wanted = -(-_COLUMNS // kernel.shape[2])
    return next(m for m in range(1, groups + 1) if groups % m == 0 and (m >= wanted or m == groups))


def _dense_blocks(kernel: jax.Array, groups: int) -> list[jax.Array]:
    """[kh, kw, c / groups, c'] -> kernels of joined groups, zero where one would see another."""
    kh, kw, c, features = kernel.shape
    m = _joined(kernel, groups)
    own = jnp.eye(m, dtype=bool).reshape(1, 1, m, 1, m, 1)
    parts = kernel.reshape(kh, kw, 1, c, groups // m, m, features // groups)
    return [
        jnp.where(own, parts[..., n, :, :], 0).reshape(kh, kw, m * c, -1)
        for n in range(groups // m)
    ]
