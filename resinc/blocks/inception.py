"""The inception module: 1x1, 3x3, 5x5 and pooling side by side. Szegedy et al. 2014, Fig. 2."""

from typing import NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp

from resinc.blocks.block import Block
from resinc.errors import InputError
from resinc.ops.layers import ConvUnit, Layers
from resinc.ops.merge import join
from resinc.ops.pool import max_pool
from resinc.ops.wrap import wrap


class Filters(NamedTuple):
    """A row of the paper's Table 1. A reduction of 0 is none: the naive module, Fig. 2 (a).

    A branch of 0 features is not there.
    """

    conv1: int
    reduce3: int
    conv3: int
    reduce5: int
    conv5: int
    project: int  # Of the pooling branch; 0: all channels go through as they are.
    pool: bool = True  # Whether there is a pooling branch at all.

    def features(self, channels: int) -> int:
        """Channels of the output for an input of `channels`."""
        pooled = (self.project or channels) if self.pool else 0
        return self.conv1 + self.conv3 + self.conv5 + pooled


class InceptionModule(nn.Module):
    """y = concat(1x1(x), 3x3(1x1(x)), 5x5(1x1(x)), 1x1(max3x3(x))), each followed by BN-relu.

    Szegedy et al. 2014, Fig. 2 (b). [b, h, w, c] -> [b, h/stride, w/stride, filters.features(c)].

    Attributes:
      five: size of the largest kernel; torchvision's network has 3 in place of 5.
      last_act: whether the relu before the concatenation is there.
    """

    layers: Layers
    filters: Filters
    stride: int = 1
    five: int = 5
    last_act: bool = True

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        filters, stride = self.filters, self.stride
        reductions = ("branch2_conv1", "branch3_conv1")

        def unit(name: str, x: jax.Array, features: int, size: int, stride: int = 1) -> jax.Array:
            act = self.last_act or name in reductions
            return ConvUnit(self.layers, features, size, stride, act=act, name=name)(x)

        parts = [unit("branch1_conv1", x, filters.conv1, 1, stride)] if filters.conv1 else []
        for branch, reduce, features, size in (
            (2, filters.reduce3, filters.conv3, 3),
            (3, filters.reduce5, filters.conv5, self.five),
        ):
            if features:
                y = unit(f"branch{branch}_conv1", x, reduce, 1) if reduce else x
                parts.append(unit(f"branch{branch}_conv2", y, features, size, stride))
        if filters.pool:
            around = wrap(x, 3, 3) if self.layers.circular else x
            pooled = max_pool(around, 3, stride, padding=0 if self.layers.circular else 1)
            if filters.project:
                pooled = unit("branch4_conv1", pooled, filters.project, 1)
            parts.append(pooled)
        return jnp.concatenate(parts, axis=-1)


def reduced_filters(features: int) -> Filters:
    """The proportions of GoogLeNet's module 3a (64, 96-128, 16-32, 32 of 256).

    Raises:
      InputError: fewer than 8 features cannot be shared out.
    """
    if features < 8:
        raise InputError(
            f"an inception module of {features} features leaves a branch empty: take 8"
        )
    project = features // 8
    conv1, conv3 = features // 4, features // 2
    conv5 = features - conv1 - conv3 - project
    return Filters(conv1, 3 * features // 8, conv3, max(1, features // 16), conv5, project)


class ModuleBlock(Block):
    """y = InceptionModule(x) with `filters()`: a stage block of one module."""

    has_branch = False

    def filters(self) -> Filters:
        """Of the module; they sum to `features`."""
        raise NotImplementedError

    @nn.compact
    def __call__(self, x: jax.Array, gain: jax.Array | None = None) -> jax.Array:
        return InceptionModule(self.layers, self.filters(), self.stride, name="module")(x)


class InceptionBlock(ModuleBlock):
    """y = InceptionModule(x) with the proportions of module 3a. Szegedy et al. 2014, Fig. 2 (b)."""

    def filters(self) -> Filters:
        return reduced_filters(self.features)


class NaiveInceptionBlock(ModuleBlock):
    """The same without the 1x1 reductions before 3x3 and 5x5. Fig. 2 (a).

    The pooled input is projected, as in (b): passing all channels through would widen every block.
    """

    weighted_layers = 1

    def filters(self) -> Filters:
        return reduced_filters(self.features)._replace(reduce3=0, reduce5=0)


class UnreducedInceptionBlock(ModuleBlock):
    """That of (b) with as many channels behind the first 1x1 convolutions as in the output.

    As deep and as wide as `InceptionBlock`: what the reductions cost or spare is the difference.
    """

    def filters(self) -> Filters:
        filters = reduced_filters(self.features)
        return filters._replace(reduce3=self.features, reduce5=self.features)


class ResidualInceptionBlock(Block):
    """y = relu(x + InceptionModule(x)), the module without its last relu.

    The idea of Inception-ResNet (Szegedy et al. 2016) with the module of `InceptionBlock`, so that
    the two differ in the shortcut alone.
    """

    @nn.compact
    def __call__(self, x: jax.Array, gain: jax.Array | None = None) -> jax.Array:
        module = InceptionModule(
            self.layers, reduced_filters(self.features), self.stride, last_act=False, name="module"
        )
        return self.layers.act(join(self.layers, x, module(x), self.stride, gain))
