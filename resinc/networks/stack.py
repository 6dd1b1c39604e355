"""k equal blocks and nothing else: how hard is it for them to pass on what they are given?"""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from resinc.errors import InputError
from resinc.networks.options import block_of, check_variant, layers_of
from resinc.networks.paths import stage_name
from resinc.networks.stage import Stage
from resinc.ops.layers import Layers


class Stack(nn.Module):
    """Zeros in new channels, k blocks at full resolution, the first channels of what comes out.

    Blocks end with a relu, so an image that they can reproduce has no negative numbers
    (`data.normalize="none"`). Then F = 0 in every residual block does, and in a plain one He et
    al. 2015, section 1: layers that are identity mappings.

    Attributes:
      block: makes a block.
      layers: (train=...) -> Layers.
      size: k.
      features: channels inside.
    """

    block: Callable[..., nn.Module]
    layers: Callable[..., Layers]
    size: int
    features: int
    scan: bool = True
    remat: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """float [b, h, w, c] -> float32 [b, h, w, c].

        Raises:
          InputError: the image has more channels than the blocks.
        """
        channels = x.shape[-1]
        if channels > self.features:
            raise InputError(
                f"model.width {self.features} is below the {channels} channels of an image, which "
                "network 'stack' must be able to pass on"
            )
        x = jnp.pad(x, ((0, 0), (0, 0), (0, 0), (0, self.features - channels)))
        stage = Stage(
            self.block,
            self.layers(train=train),
            self.features,
            stride=1,
            size=self.size,
            scan=self.scan,
            remat=self.remat,
            name=stage_name(1),
        )
        return stage(x)[..., :channels].astype(jnp.float32)


def build(section: Any, num_classes: int, norm_axis: str | None) -> Stack:
    """The network of a `config.model` section; it has no use for classes.

    Raises:
      InputError: an unknown block or option, or a depth that is no multiple of the block's.
    """
    del num_classes
    kind, block = block_of(section)
    check_variant(section, ("",))
    size, rest = divmod(section.depth, kind.weighted_layers)
    if rest or size < 1:
        raise InputError(
            f"depth {section.depth} is not a positive multiple of the {kind.weighted_layers} "
            f"weighted layers of block {section.block!r}"
        )
    return Stack(
        block=block,
        layers=layers_of(section, norm_axis, projection_norm=not kind.preactivated),
        size=size,
        features=section.width * kind.expansion,
        scan=section.scan,
        remat=section.remat,
    )
