"""The basic residual block."""

import flax.linen as nn
import jax

from resinc.blocks.block import Block
from resinc.blocks.plain import two_convolutions
from resinc.ops.merge import join


class ResidualBlock(Block):
    """y = relu(x + F(x)), F = conv3x3-BN-relu-conv3x3-BN. He et al. 2015, eq. 1 and Fig. 2.

    Where the shape changes, x goes through `layers.shortcut` (options A, B, C).
    """

    @nn.compact
    def __call__(self, x: jax.Array, gain: jax.Array | None = None) -> jax.Array:
        branch = two_convolutions(self.layers, x, self.features, self.stride)
        return self.layers.act(join(self.layers, x, branch, self.stride, gain))
