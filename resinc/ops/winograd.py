"""A 3x3 convolution by fewer multiplications, for CPUs, and its weight gradient.

Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural Networks", F(4x4, 3x3): the image is
cut into overlapping tiles of 6x6 pixels, each of which makes 4x4 of the result. Tile and kernel are
taken as polynomials in two variables; in place of their coefficients, the values at 6x6 points are
multiplied: 36 products in place of 144. Over the channels each of the 36 is a matrix product.

The five finite points decide how much rounding costs. With the usual ones, 0, 1, -1, 2 and -2, the
result is 7e-6 to 1.3e-5 of its largest element off; with these 1.7e-6 to 3.5e-6 (64 to 256
channels, both ways); the plain form 4e-7 to 8e-7.
"""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from resinc.ops.outline import outlined

Pads = tuple[tuple[int, int], tuple[int, int]]

_POINTS = (0.0, 0.75, -0.75, 1.5, -1.5)  # And infinity.
_N, _M = 6, 4  # Pixels along a side of a tile, and of what it makes.
# Channels on either side below which laying out the tiles costs more than it saves.
_CHANNELS = 32
# Tiles in a batch below which laying out the kernel does.
_TILES = 32
# Pixels of whole tiles by pixels of the result, at most: a tile may stand over the edge.
_WASTE = 1.6


def _matrices() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of a tile [6, 6], of a kernel [6, 3] and of the result [4, 6]: Cook and Toom's algorithm."""
    others = [[q for q in _POINTS if q != p] for p in _POINTS]
    tile = [[*np.poly(roots)[::-1], 0.0] for roots in others] + [np.poly(_POINTS)[::-1]]
    kernel = [
        [p**j / math.prod(p - q for q in roots) for j in range(3)]
        for p, roots in zip(_POINTS, others, strict=True)
    ]
    result = [[p**j for p in _POINTS] + [float(j == _M - 1)] for j in range(_M)]
    return np.array(tile), np.array([*kernel, [0.0, 0.0, 1.0]], np.float32), np.array(result)


_TILE, _KERNEL, _RESULT = _matrices()


def suits(dtype: jnp.dtype, shape: tuple[int, ...], stride: int, size: tuple[int, ...]) -> bool:
    """Whether it is the faster form.

    Args:
      dtype: of the image.
      shape: of the kernel, [kh, kw, c, c'].
      stride: of both axes.
      size: of the result, [b, h', w'].
    """
    images, *sides = size
    tiles = math.prod(-(-side // _M) for side in sides)
    return (
        shape[:2] == (3, 3)
        and min(shape[2:]) >= _CHANNELS
        and stride == 1
        and images * tiles >= _TILES
        and tiles * _M**2 <= _WASTE * math.prod(sides)
        and dtype == jnp.float32  # Half as many digits are too few for it.
    )


def forward(x: jax.Array, kernel: jax.Array, pads: Pads) -> jax.Array:
    """[b, h, w, c], [3, 3, c, c'] -> [b, h', w', c']; `pads` as in `ops.conv_cpu`."""
    return outlined(_forward)(x, kernel, pads)


def kernel_gradient(x: jax.Array, g: jax.Array, pads: Pads) -> jax.Array:
    """[b, h, w, c], that of the result, [b, h', w', c'] -> [3, 3, c, c']."""
    return outlined(_kernel_gradient)(x, g, pads)


@functools.partial(jax.jit, static_argnums=2)
def _forward(x: jax.Array, kernel: jax.Array, pads: Pads) -> jax.Array:
    h, w = (size + sum(pad) - 2 for size, pad in zip(x.shape[1:3], pads, strict=True))
    tiles = _tiles(x, pads, (h, w))
    kernel = _both_axes(_KERNEL, kernel)
    y = _product(tiles, kernel.reshape(_N * _N, *kernel.shape[2:]), (2, 1))
    y = y.reshape(_N, _N, x.shape[0], -(-h // _M), -(-w // _M), kernel.shape[-1])
    y = jnp.stack(_times(_RESULT, list(y)), axis=4)
    y = jnp.stack(_times(_RESULT, list(y)), axis=2)
    images, down, _, across, _, features = y.shape
    return y.reshape(images, down * _M, across * _M, features)[:, :h, :w]


@functools.partial(jax.jit, static_argnums=2)
def _kernel_gradient(x: jax.Array, g: jax.Array, pads: Pads) -> jax.Array:
    """The transpose of `_forward` in its kernel."""
    h, w = g.shape[1:3]
    tiles = _tiles(x, pads, (h, w))
    g = _pad(g, ((0, -h % _M), (0, -w % _M)))
    rows = jnp.stack(_times(_RESULT.T, [g[:, i::_M] for i in range(_M)]))
    cotangents = jnp.stack(_times(_RESULT.T, [rows[:, :, :, j::_M] for j in range(_M)]))
    cotangents = cotangents.reshape(_N * _N, -1, g.shape[-1])
    y = _product(tiles, cotangents, (1, 1)).reshape(_N, _N, x.shape[-1], g.shape[-1])
    return _both_axes(_KERNEL.T, y)


def _tiles(x: jax.Array, pads: Pads, size: tuple[int, int]) -> jax.Array:
    """[b, h, w, c] -> [36, tiles, c]: values at the points, of columns first, then of rows."""
    (top, bottom), (left, right) = pads
    h, w = (side + -side % _M for side in size)
    x = _pad(x, ((top, bottom + h - size[0]), (left, right + w - size[1])))
    # Row i of every tile, then column j.
    x = jnp.stack(_times(_TILE, [x[:, i : i + h : _M] for i in range(_N)]))
    x = jnp.stack(_times(_TILE, [x[:, :, :, j : j + w : _M] for j in range(_N)]))
    return x.reshape(_N * _N, -1, x.shape[-1])


def _both_axes(matrix: np.ndarray, x: jax.Array) -> jax.Array:
    """[rows, columns, c, c'] -> the values at the points, [columns, rows, c, c'], or back."""
    x = jnp.stack(_times(matrix, list(x)))
    return jnp.stack(_times(matrix, [x[:, j] for j in range(x.shape[1])]))


def _times(matrix: np.ndarray, parts: list[jax.Array]) -> list[jax.Array]:
    """A matrix by a vector of arrays, without the zeros."""
    return [
        functools.reduce(
            jnp.add, (np.float32(a) * part for a, part in zip(row, parts, strict=True) if a)
        )
        for row in matrix
    ]


def _product(a: jax.Array, b: jax.Array, contracted: tuple[int, int]) -> jax.Array:
    """36 matrix products, over one axis of each of the two."""
    first, second = contracted
    return lax.dot_general(a, b, (((first,), (second,)), ((0,), (0,))))


def _pad(x: jax.Array, pads: Pads) -> jax.Array:
    zero = jnp.zeros((), x.dtype)
    return lax.pad(x, zero, ((0, 0, 0), (*pads[0], 0), (*pads[1], 0), (0, 0, 0)))
