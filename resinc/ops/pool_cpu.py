"""The maximum over windows, with a gradient that XLA's CPU back end computes fast.

Its own gradient of a maximum over windows takes ten to twenty times as long as this one, and that
of a maximum over shifted copies, as JAX derives it, about twice as long (docs/performance.md, "The
gradient of maxima"). Here the maximum is taken along one axis after the other, each remembers in a
byte which pixel it was, and the way back asks for nothing else.
"""

import functools
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import lax


class Windows(NamedTuple):
    """Along one axis of `size` pixels; `before` and `after` are the pixels added to it."""

    axis: int
    size: int
    window: int
    stride: int
    before: int
    after: int


def max_pool(
    x: jax.Array, window: int, stride: int, pads: tuple[tuple[int, int], tuple[int, int]]
) -> jax.Array:
    """[b, h, w, c] -> [b, h', w', c]; `pads`: pixels before and after rows and columns.

    Where several pixels share a window's maximum, the first row's first one has the gradient, as in
    XLA's own: columns are looked through first, then rows. It has a gradient in reverse mode alone.
    """
    for axis in (2, 1):
        x = _maximum(x, Windows(axis, x.shape[axis], window, stride, *pads[axis - 1]))
    return x


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def _maximum(x: jax.Array, windows: Windows) -> jax.Array:
    return functools.reduce(jnp.maximum, _shifted(x, windows))


def _forward(x: jax.Array, windows: Windows) -> tuple[jax.Array, jax.Array]:
    """The maximum, and the first place in its window that has it."""
    maximum, *others = _shifted(x, windows)
    place = jnp.zeros(maximum.shape, jnp.uint8)
    for i, other in enumerate(others, start=1):
        place = jnp.where(other > maximum, jnp.uint8(i), place)
        maximum = jnp.maximum(maximum, other)
    return maximum, place


def _backward(windows: Windows, place: jax.Array, g: jax.Array) -> tuple[jax.Array]:
    """Pixel m * stride + phase of x is pixel `before` + phase - d * stride of window m + d."""
    axis, size, window, stride, before, _ = windows
    pixels, count = -(-size // stride), g.shape[axis]
    zero = jnp.zeros((), g.dtype)
    phases = []
    for phase in range(stride):
        shifts = []
        for i in range((phase + before) % stride, window, stride):
            d = (phase + before - i) // stride
            around = [(0, 0, 0)] * g.ndim
            around[axis] = (-d, pixels + d - count, 0)
            shifts.append(lax.pad(jnp.where(place == i, g, zero), zero, around))
        blank = (*g.shape[:axis], pixels, *g.shape[axis + 1 :])
        phases.append(functools.reduce(jnp.add, shifts) if shifts else jnp.zeros(blank, g.dtype))
    if stride == 1:
        return (phases[0],)
    spread = jnp.stack(phases, axis=axis + 1)
    spread = spread.reshape(*g.shape[:axis], pixels * stride, *g.shape[axis + 1 :])
    return (lax.slice_in_dim(spread, 0, size, axis=axis),)


_maximum.defvjp(_forward, _backward)


def _shifted(x: jax.Array, windows: Windows) -> list[jax.Array]:
    """Of every window the first pixel, the second, and so on."""
    axis, _, window, stride, before, after = windows
    around = [(0, 0, 0)] * x.ndim
    around[axis] = (before, after, 0)
    padded = lax.pad(x, jnp.array(-jnp.inf, x.dtype), around)
    length = padded.shape[axis] - window + 1
    return [lax.slice_in_dim(padded, i, i + length, stride, axis) for i in range(window)]
