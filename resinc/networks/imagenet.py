"""The ImageNet family of He et al. 2015, Table 1: 18, 34, 50, 101 and 152 weighted layers.

Depths 18 and 34 are of two-layer blocks (plain, residual, pre-activated), the others of
bottlenecks. Grouped (ResNeXt) and wide forms are the bottleneck's options.
"""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax

from resinc.blocks.block import Block
from resinc.errors import InputError
from resinc.networks.head import head
from resinc.networks.options import block_of, check_variant, dropout_of, head_of, layers_of
from resinc.networks.stage import Stage, survival
from resinc.ops.layers import Layers
from resinc.ops.pool import max_pool

# Blocks per stage, Table 1; the depth follows: layers per block times blocks, plus stem and head.
SIZES = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)} | {
    152: (3, 8, 36, 3)
}


class ImagenetNetwork(nn.Module):
    """conv7x7/2, max-pool 3x3/2, four stages of width w, 2w, 4w, 8w, mean, dense.

    Attributes:
      kind: class of the block.
      block: makes a block: `kind`, or `kind` with options.
      layers: (train=...) -> Layers.
      sizes: blocks per stage.
      padded: whether the max-pool is padded; convolution and pool are together 1/4 of the size.
      survival: of the last block, for stochastic depth; 1: none.
      head: a key of `networks.head.HEADS`.
      dropout: before the dense layer.
    """

    kind: type[Block]
    block: Callable[..., nn.Module]
    layers: Callable[..., Layers]
    sizes: tuple[int, ...]
    num_classes: int
    width: int = 64
    widen: int = 1
    padded: bool = True
    survival: float = 1.0
    head: str = "mean"
    dropout: float = 0.0
    scan: bool = True
    remat: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """float [b, h, w, c] -> float32 logits [b, k]."""
        layers = self.layers(train=train)
        gains: list[Any] = [None] * len(self.sizes)
        if self.survival < 1:
            gains = survival(self.make_rng, self.survival, self.sizes, train)

        x = layers.conv(self.width, kernel_size=7, stride=2, name="stem_conv")(x)
        if not self.kind.preactivated:
            x = layers.act(layers.norm(name="stem_norm")(x))
        x = max_pool(x, 3, 2, padding=1 if self.padded else 0)
        for i, size in enumerate(self.sizes):
            features = self.width * self.widen * 2**i * self.kind.expansion
            stride = 1 if i == 0 else 2
            stage = Stage(
                self.block,
                layers,
                features,
                stride,
                size,
                self.scan,
                self.remat,
                name=f"stage{i + 1}",
            )
            x = stage(x, gains[i])
        if self.kind.preactivated:
            x = layers.act(layers.norm(name="last_norm")(x))
        return head(x, self.num_classes, train, self.head, self.dropout)


def build(section: Any, num_classes: int, norm_axis: str | None, **own: Any) -> ImagenetNetwork:
    """The network of a `config.model` section.

    Args:
      section: `config.model`.
      num_classes: k.
      norm_axis: replica axis of a synchronised BatchNorm.
      **own: fields of the network that a sibling fixes, and `bias` of its convolutions.

    Raises:
      InputError: an unknown block or option, or a depth that the family does not have.
    """
    kind, block = block_of(section)
    check_variant(section, ("v1", "v1.5") if section.block == "bottleneck" else ("v1",))
    sizes = SIZES.get(section.depth)
    fitting = [d for d, n in SIZES.items() if d == kind.weighted_layers * sum(n) + 2]
    if sizes is None or section.depth not in fitting:
        raise InputError(
            f"depth {section.depth} of network {section.name!r} is not one that block "
            f"{section.block!r} builds: {', '.join(map(str, fitting)) or 'none'}"
        )
    if section.width < 1 or section.widen < 1:
        raise InputError(
            f"model.width {section.width} or model.widen {section.widen} is not positive"
        )
    return ImagenetNetwork(
        kind=kind,
        block=block,
        layers=layers_of(
            section,
            norm_axis,
            projection_norm=not kind.preactivated,
            bias=own.pop("bias", False),
        ),
        sizes=sizes,
        num_classes=num_classes,
        width=section.width,
        widen=section.widen,
        survival=section.survival,
        head=head_of(section),
        dropout=dropout_of(section, 0.0),
        scan=section.scan,
        remat=section.remat,
        **own,
    )
