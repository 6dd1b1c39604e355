"""An inception module as a table: chains of convolutions and poolings side by side.

The modules of Inception-v3 and later have too many forms for a class each. A table lists their
branches as the paper's figures draw them, and this file builds any of them.
"""

import functools
from collections.abc import Callable
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from resinc.ops.layers import ConvUnit, Layers
from resinc.ops.pool import average_pool, max_pool


class Unit(NamedTuple):
    """A convolution with norm and activation, see `ops.layers.ConvUnit`."""

    features: int
    size: int | tuple[int, int] = 1
    stride: int = 1
    padding: str = "SAME"


class Fork(NamedTuple):
    """Units that see the same input, concatenated."""

    units: tuple[Unit, ...]


Pooling = Callable[[jax.Array], jax.Array]
Step = Unit | Fork | Pooling
Table = tuple[tuple[Step, ...], ...]

# The poolings of the papers' figures. Of the mean there are two readings, which differ at the
# image's edge: divided by the pixels that are there, or by 9, as in torchvision.
MEAN: Pooling = functools.partial(average_pool, window=3, stride=1, padding=1)
MEAN_OF_9: Pooling = functools.partial(
    average_pool, window=3, stride=1, padding=1, count_padding=True
)
HALVE: Pooling = functools.partial(max_pool, window=3, stride=2)


def concat_branches(layers: Layers, x: jax.Array, table: Table) -> jax.Array:
    """y = concat(branch1(x), branch2(x), ...), inside a module's `__call__`.

    [b, h, w, c] -> [b, h', w', c']. Convolution m of branch n is named `branchn_convm`; a branch
    of a pooling alone has its number too.
    """
    parts = []
    for n, steps in enumerate(table, start=1):
        y, m = x, 0
        for step in steps:
            if isinstance(step, Unit | Fork):
                units = (step,) if isinstance(step, Unit) else step.units
                sides: list[Any] = [
                    ConvUnit(layers, *unit, name=f"branch{n}_conv{m + i}")(y)
                    for i, unit in enumerate(units, start=1)
                ]
                y = sides[0] if len(sides) == 1 else jnp.concatenate(sides, axis=-1)
                m += len(units)
            else:
                y = step(y)
        parts.append(y)
    return jnp.concatenate(parts, axis=-1)


class Branches(nn.Module):
    """y = concat(branch1(x), branch2(x), ...): [b, h, w, c] -> [b, h', w', c'].

    Attributes:
      table: the branches, each the steps from input to output.
    """

    layers: Layers
    table: Table

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        return concat_branches(self.layers, x, self.table)
