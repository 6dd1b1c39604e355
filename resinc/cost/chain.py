"""A chain of convolutions and poolings, written as text: "1x1-16+5x5-32", "3x3-64+pool2"."""

import re
from collections.abc import Sequence
from typing import NamedTuple

import flax.linen as nn
import jax

from resinc.errors import InputError
from resinc.ops.layers import Conv
from resinc.ops.pool import max_pool

Shape = tuple[int, int, int]

_CONV = re.compile(r"([1-9]\d*)x([1-9]\d*)-([1-9]\d*)")
_POOL = re.compile(r"pool([1-9]\d*)")


class Layer(NamedTuple):
    """One layer.

    Attributes:
      text: as it was written.
      size: k, pixels of kernel or window.
      features: channels that a convolution puts out; 0: a pooling.
    """

    text: str
    size: int
    features: int = 0

    def shape(self, before: Shape) -> Shape:
        """[h, w, c] -> [h', w', c']."""
        h, w, c = before
        return (h, w, self.features) if self.features else (h // self.size, w // self.size, c)

    def multiply_adds(self, before: Shape) -> int:
        """h w k^2 c c' for one image, products with the padding included."""
        h, w, c = before
        return h * w * self.size**2 * c * self.features


class Chain(nn.Module):
    """relu(conv(x)) or max pooling, one after the other: float [b, h, w, c] -> [b, h', w', c']."""

    layers: tuple[Layer, ...]

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        for i, layer in enumerate(self.layers, start=1):
            if layer.features:
                x = nn.relu(Conv(layer.features, layer.size, name=f"layer{i:02d}")(x))
            else:
                x = max_pool(x, layer.size, layer.size)
        return x


def parse(text: str) -> tuple[Layer, ...]:
    """Read e.g. "1x1-16+5x5-32".

    Raises:
      InputError: a part that is no layer.
    """
    return tuple(_layer(part, text) for part in text.split("+"))


def shapes(layers: Sequence[Layer], image: Shape) -> list[Shape]:
    """[h, w, c] before the first layer and after each.

    Raises:
      InputError: a window of pooling larger than what it pools.
    """
    found = [image]
    for layer in layers:
        found.append(layer.shape(found[-1]))
        if not all(found[-1]):
            h, w, _ = found[-2]
            raise InputError(f"layer {layer.text!r} has no window in the {h}x{w} pixels before it")
    return found


def _layer(part: str, text: str) -> Layer:
    conv, pool = _CONV.fullmatch(part), _POOL.fullmatch(part)
    if pool:
        return Layer(part, int(pool[1]))
    if conv and conv[1] == conv[2] and int(conv[1]) % 2:
        return Layer(part, int(conv[1]), int(conv[3]))
    raise InputError(
        f"layer {part!r} of {text!r} is neither KxK-C, a convolution of odd K and C channels, "
        'nor poolK, for example "1x1-16+5x5-32+pool2"'
    )
