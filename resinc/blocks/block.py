"""What every block is."""

from typing import ClassVar

import flax.linen as nn

from resinc.ops.layers import Layers


class Block(nn.Module):
    """[b, h, w, c] -> [b, h/stride, w/stride, features].

    `__call__(x, gain=None)`: `gain` is a factor of the residual branch in this call, a scalar.

    Attributes:
      layers: made once by the network.
      features: channels of the output.
      stride: of both axes.
      weighted_layers: convolutions on the longest way through; gives the network its depth.
      expansion: `features` is this times the width that a network states for the stage.
      has_branch: whether there is a branch that `gain` can scale.
      preactivated: norm and act stand before the convolutions, so the network ends with them too.
    """

    layers: Layers
    features: int
    stride: int = 1

    weighted_layers: ClassVar[int] = 2
    expansion: ClassVar[int] = 1
    has_branch: ClassVar[bool] = True
    preactivated: ClassVar[bool] = False
