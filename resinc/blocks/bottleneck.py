"""The bottleneck block of the 50-layer and deeper networks, with its grouped and wide forms."""

import flax.linen as nn
import jax

from resinc.blocks.block import Block
from resinc.ops.merge import join


class BottleneckBlock(Block):
    """y = relu(x + F(x)), F = conv1x1-BN-relu-conv3x3-BN-relu-conv1x1-BN. He et al. 2015, Fig. 5.

    Attributes:
      groups: of the 3x3 convolution. ResNeXt: Xie et al. 2017, Fig. 3 (c), 32.
      base_width: channels of a group in the 3x3 where `features` is 256; 64 in a ResNet, 4 in
        ResNeXt-50 (32x4d), 128 in a wide ResNet-50-2.
      stride_on: "conv1", as in the paper, or "conv2", the 3x3, as in its successors ("v1.5").
    """

    groups: int = 1
    base_width: int = 64
    stride_on: str = "conv1"

    weighted_layers = 3
    expansion = 4

    @nn.compact
    def __call__(self, x: jax.Array, gain: jax.Array | None = None) -> jax.Array:
        layers = self.layers
        width = self.features // 4 * self.base_width // 64 * self.groups
        strides = (self.stride, 1) if self.stride_on == "conv1" else (1, self.stride)
        y = layers.conv(width, kernel_size=1, stride=strides[0], name="conv1")(x)
        y = layers.act(layers.norm(name="norm1")(y))
        y = layers.conv(width, stride=strides[1], groups=self.groups, name="conv2")(y)
        y = layers.act(layers.norm(name="norm2")(y))
        y = layers.conv(self.features, kernel_size=1, name="conv3")(y)
        y = layers.last_norm(name="norm3")(y)
        return layers.act(join(layers, x, y, self.stride, gain))
