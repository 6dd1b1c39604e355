"""Full pre-activation: the shortcut is free from the first block to the last."""

import flax.linen as nn
import jax

from resinc.blocks.block import Block
from resinc.ops.merge import join


class PreactBlock(Block):
    """y = x + F(x), F = BN-relu-conv3x3-BN-relu-conv3x3. He et al. 2016, Fig. 1 (b) and 4 (e).

    Where the shape changes, the shortcut starts behind the first BN-relu, as in the authors' code.
    """

    preactivated = True

    @nn.compact
    def __call__(self, x: jax.Array, gain: jax.Array | None = None) -> jax.Array:
        layers = self.layers
        y = layers.act(layers.norm(name="norm0")(x))
        carried = y if _changes(self, x) else x
        y = layers.conv(self.features, stride=self.stride, name="conv1")(y)
        y = layers.act(layers.last_norm(name="norm1")(y))
        y = layers.conv(self.features, name="conv2")(y)
        return join(layers, carried, y, self.stride, gain)


class PreactBottleneckBlock(Block):
    """y = x + F(x), F = BN-relu-conv1x1-BN-relu-conv3x3-BN-relu-conv1x1. He et al. 2016, sec. 5."""

    weighted_layers = 3
    expansion = 4
    preactivated = True

    @nn.compact
    def __call__(self, x: jax.Array, gain: jax.Array | None = None) -> jax.Array:
        layers, width = self.layers, self.features // 4
        y = layers.act(layers.norm(name="norm0")(x))
        carried = y if _changes(self, x) else x
        y = layers.conv(width, kernel_size=1, stride=self.stride, name="conv1")(y)
        y = layers.act(layers.norm(name="norm1")(y))
        y = layers.conv(width, name="conv2")(y)
        y = layers.act(layers.last_norm(name="norm2")(y))
        y = layers.conv(self.features, kernel_size=1, name="conv3")(y)
        return join(layers, carried, y, self.stride, gain)


def _changes(block: Block, x: jax.Array) -> bool:
    return block.stride != 1 or block.features != x.shape[-1]
