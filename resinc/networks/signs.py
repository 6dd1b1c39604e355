"""The five-stage ResNet-50 that is taught with the SIGNS images, 64x64 pixels.

Stage 1 is the stem, stages 2 to 5 are each a convolution block (projection shortcut) and identity
blocks. It differs from the network of He et al. in two details: the max-pool has no padding, so
that 64 pixels become 32, 15, 15, 8, 4, 2, and every convolution has a bias beside its BatchNorm.
"""

from typing import Any

from resinc.networks import imagenet
from resinc.networks.staged import StagedNetwork


def build(section: Any, num_classes: int, norm_axis: str | None) -> StagedNetwork:
    """The network of a `config.model` section.

    The average pool over 2x2 pixels that it is taught with is the global one for 64x64 images.

    Raises:
      InputError: as in `imagenet.build`.
    """
    return imagenet.build(section, num_classes, norm_axis, pad=0, bias=True)
