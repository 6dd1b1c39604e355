"""A stem, stages of blocks, a head: what the CIFAR and the ImageNet family have in common."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax

from resinc.blocks.block import Block
from resinc.errors import InputError
from resinc.networks.head import AuxiliaryHead, head
from resinc.networks.options import (
    auxiliary_heads_of,
    block_of,
    dropout_of,
    head_of,
    layers_of,
)
from resinc.networks.paths import stage_name
from resinc.networks.stage import Stage, survival
from resinc.ops.layers import Layers

# [b, h, w, c] -> [b, h', w', c], behind the stem's convolution, norm and activation.
Pool = Callable[[jax.Array], jax.Array]


class StagedNetwork(nn.Module):
    """Convolution, pooling, stages of width w, 2w, 4w, ... at half the resolution each, head.

    Attributes:
      kind: class of the block; says how deep it is and whether norm and act come first.
      block: makes a block: `kind`, or `kind` with options.
      layers: (train=...) -> Layers.
      sizes: blocks per stage.
      stem: (kernel_size, stride) of the first convolution.
      pool: behind it; None: none.
      width: channels of the stem.
      widen: factor of the stages' width, not of the stem's.
      survival: of the last block, for stochastic depth; 1: none.
      head: a key of `networks.head.HEADS`.
      dropout: before the dense layer.
      auxiliary_heads: in training, and where parameters are made, a classifier `aux1`, `aux2`, ...
        runs besides behind each of the first so many stages.
    """

    kind: type[Block]
    block: Callable[..., nn.Module]
    layers: Callable[..., Layers]
    sizes: tuple[int, ...]
    num_classes: int
    stem: tuple[int, int] = (3, 1)
    pool: Pool | None = None
    width: int = 16
    widen: int = 1
    survival: float = 1.0
    head: str = "mean"
    dropout: float = 0.0
    auxiliary_heads: int = 0
    scan: bool = True
    remat: bool = False

    @property
    def depth(self) -> int:
        """Weighted layers: the stem, those of the blocks, the dense layer."""
        return self.kind.weighted_layers * sum(self.sizes) + 2

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """float [b, h, w, c] -> float32 logits [b, k]."""
        layers = self.layers(train=train)
        gains: list[Any] = [None] * len(self.sizes)
        if self.survival < 1:
            gains = survival(self.make_rng, self.survival, self.sizes, train)

        x = layers.conv(self.width, *self.stem, name="stem_conv")(x)
        if not self.kind.preactivated:
            x = layers.act(layers.norm(name="stem_norm")(x))
        if self.pool:
            x = self.pool(x)
        width = self.width * self.widen * self.kind.expansion
        for i, size in enumerate(self.sizes):
            stage = Stage(
                self.block,
                layers,
                features=width * 2**i,
                stride=1 if i == 0 else 2,
                size=size,
                scan=self.scan,
                remat=self.remat,
                name=stage_name(i + 1),
            )
            x = stage(x, gains[i])
            if i < self.auxiliary_heads and (train or self.is_initializing()):
                AuxiliaryHead(self.num_classes, name=f"aux{i + 1}")(x)
        if self.kind.preactivated:
            x = layers.act(layers.norm(name="last_norm")(x))
        return head(x, self.num_classes, train, self.head, self.dropout)


def build_staged(
    section: Any,
    num_classes: int,
    norm_axis: str | None,
    sizes: tuple[int, ...],
    bias: bool = False,
    **stem: Any,
) -> StagedNetwork:
    """The network of a `config.model` section.

    Args:
      section: `config.model`.
      num_classes: k.
      norm_axis: replica axis of a synchronised BatchNorm.
      sizes: blocks per stage.
      bias: of convolutions, beside a norm.
      **stem: `stem` and `pool` of the network.

    Raises:
      InputError: an unknown block or option, or one out of range.
    """
    kind, block = block_of(section)
    if section.width < 1 or section.widen < 1:
        raise InputError(
            f"model.width {section.width} or model.widen {section.widen} is not positive"
        )
    return StagedNetwork(
        kind=kind,
        block=block,
        layers=layers_of(section, norm_axis, projection_norm=not kind.preactivated, bias=bias),
        sizes=sizes,
        num_classes=num_classes,
        width=section.width,
        widen=section.widen,
        survival=section.survival,
        head=head_of(section),
        dropout=dropout_of(section, 0.0),
        auxiliary_heads=auxiliary_heads_of(section, len(sizes)),
        scan=section.scan,
        remat=section.remat,
        **stem,
    )
