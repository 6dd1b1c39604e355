"""The basic residual block."""

import flax.linen as nn
import jax

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
        y = layers.conv(self.features, stride=self.stride, name="conv1")(x)
        y = layers.act(layers.norm(name="norm1")(y))
        y = layers.norm(name="norm2")(layers.conv(self.features, name="conv2")(y))
        return layers.act(layers.shortcut(layers, x, self.features, self.stride) + y)
