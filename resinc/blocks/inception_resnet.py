"""Inception-ResNet: an inception module on the branch, scaled down. Szegedy et al. 2016."""

import flax.linen as nn
import jax

from resinc.blocks.block import Block
from resinc.blocks.branches import HALVE, Table, Unit, concat_branches
from resinc.ops.merge import join


class InceptionResnetBlock(Block):
    """y = relu(x + scale * conv1x1(concat(branch1(x), branch2(x), ...))).

    The 1x1 convolution brings back the channels; it is linear, with a bias and no norm. Szegedy et
    al. 2016 (arXiv 1602.07261), Fig. 10, 11, 13, 16, 17, 19 and section 3.3. The stride is 1.

    Attributes:
      table: the branches.
      scale: of the residual, "between 0.1 and 0.3", which keeps wide networks from dying.
      last_act: False leaves the relu out.
    """

    table: Table = ()
    scale: float = 1.0
    last_act: bool = True

    @nn.compact
    def __call__(self, x: jax.Array, gain: jax.Array | None = None) -> jax.Array:
        layers = self.layers
        y = concat_branches(layers, x, self.table)
        y = layers.conv(self.features, kernel_size=1, bias=True, name="conv")(y)
        y = join(layers, x, self.scale * y, self.stride, gain)
        return layers.act(y) if self.last_act else y


def block_a(last: tuple[int, int]) -> Table:
    """On 35x35 pixels. Fig. 10 (`last` = 32, 32) and 16 (48, 64)."""
    return (
        (Unit(32),),
        (Unit(32), Unit(32, 3)),
        (Unit(32), Unit(last[0], 3), Unit(last[1], 3)),
    )


def block_b(features: int, narrow: tuple[int, int]) -> Table:
    """On 17x17 pixels. Fig. 11 (128; 128, 128) and 17 (192; 128, 160)."""
    return (
        (Unit(features),),
        (Unit(narrow[0]), Unit(narrow[1], (1, 7)), Unit(features, (7, 1))),
    )


def block_c(last: tuple[int, int]) -> Table:
    """On 8x8 pixels. Fig. 13 (192, 192) and 19 (224, 256)."""
    return (
        (Unit(192),),
        (Unit(192), Unit(last[0], (1, 3)), Unit(last[1], (3, 1))),
    )


def reduction_b(second: int, third: tuple[int, int]) -> Table:
    """17x17 to 8x8 pixels. Fig. 12 (256; 256, 256) and 18 (288; 288, 320)."""
    return (
        (Unit(256), Unit(384, 3, 2, "VALID")),
        (Unit(256), Unit(second, 3, 2, "VALID")),
        (Unit(256), Unit(third[0], 3), Unit(third[1], 3, 2, "VALID")),
        (HALVE,),
    )
