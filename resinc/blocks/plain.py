"""The residual block without its shortcut: the control of every experiment here."""

import flax.linen as nn
import jax

from resinc.blocks.block import Block
from resinc.ops.layers import Layers


def two_convolutions(layers: Layers, x: jax.Array, features: int, stride: int) -> jax.Array:
    """F(x) = BN(conv3x3(relu(BN(conv3x3(x))))), inside a block's `__call__`; no relu at the end.

    [b, h, w, c] -> [b, h/stride, w/stride, features]. He et al. 2015, Fig. 2.
    """
    y = layers.conv(features, stride=stride, name="conv1")(x)
    y = layers.act(layers.norm(name="norm1")(y))
    return layers.last_norm(name="norm2")(layers.conv(features, name="conv2")(y))


class PlainBlock(Block):
    """y = relu(F(x)), F = conv3x3-BN-relu-conv3x3-BN. He et al. 2015, Fig. 3 (middle)."""

    has_branch = False

    @nn.compact
    def __call__(self, x: jax.Array, gain: jax.Array | None = None) -> jax.Array:
        return self.layers.act(two_convolutions(self.layers, x, self.features, self.stride))
