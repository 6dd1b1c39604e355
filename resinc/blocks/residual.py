"""The basic residual block."""

import flax.linen as nn
import jax

from resinc.blocks.plain import two_convolutions
from resinc.ops.layers import Layers


class ResidualBlock(nn.Module):
    """y = relu(x + F(x)), F = conv3x3-BN-relu-conv3x3-BN. He et al. 2015, eq. 1 and Fig. 2.

    Where the shape changes, x goes through `layers.shortcut` (options A, B, C).
    """

    layers: Layers
    features: int
    stride: int = 1

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        layers = self.layers
        y = two_convolutions(layers, x, self.features, self.stride)
        return layers.act(layers.shortcut(layers, x, self.features, self.stride) + y)
