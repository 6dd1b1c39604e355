"""The mlpconv layer: a small network slides over the image instead of a filter."""

from typing import Any

import flax.linen as nn
import jax

from resinc.blocks.block import Block


class MlpconvBlock(Block):
    """y = f(f(f(x))), f = conv-BN-relu, of k x k, 1x1 and 1x1 pixels. Lin et al. 2013, eq. 2.

    Attributes:
      kernel_size: of the first convolution.
      hidden: channels of the first two convolutions; 0: `features`.
      padding: of the first convolution.
    """

    kernel_size: int = 3
    hidden: tuple[int, int] = (0, 0)
    padding: str = "SAME"

    weighted_layers = 3
    has_branch = False

    @nn.compact
    def __call__(self, x: jax.Array, gain: jax.Array | None = None) -> jax.Array:
        layers = self.layers
        widths = [width or self.features for width in self.hidden] + [self.features]
        for i, width in enumerate(widths, start=1):
            options: tuple[Any, ...] = (1,)
            if i == 1:
                options = self.kernel_size, self.stride, self.padding
            x = layers.conv(width, *options, name=f"conv{i}")(x)
            x = layers.act(layers.norm(name=f"norm{i}")(x))
        return x
