"""The mlpconv layer: a small network slides over the image instead of a filter."""

import flax.linen as nn
import jax

from resinc.blocks.block import Block


class MlpconvBlock(Block):
    """y = f(f(f(x))), f = conv-BN-relu, of k x k, 1x1 and 1x1 pixels. Lin et al. 2013, eq. 2.

    Attributes:
      kernel_size: of the first convolution.
      hidden: channels of the first two convolutions; 0: `features`.
    """

    kernel_size: int = 3
    hidden: tuple[int, int] = (0, 0)

    weighted_layers = 3
    has_branch = False

    @nn.compact
    def __call__(self, x: jax.Array, gain: jax.Array | None = None) -> jax.Array:
        layers = self.layers
        widths = [width or self.features for width in self.hidden] + [self.features]
        for i, width in enumerate(widths, start=1):
            size, stride = (self.kernel_size, self.stride) if i == 1 else (1, 1)
            x = layers.conv(width, kernel_size=size, stride=stride, name=f"conv{i}")(x)
            x = layers.act(layers.norm(name=f"norm{i}")(x))
        return x
