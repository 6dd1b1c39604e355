"""The CIFAR family: a stem, three stages of n blocks, a head; only the block changes.

With plain or residual blocks it is that of He et al. 2015, section 4.2, of 6n+2 weighted layers;
with pre-activated ones that of He et al. 2016; with `widen`, that of Zagoruyko and Komodakis 2016.
Inception and mlpconv blocks take the same places.
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


def blocks_per_stage(depth: int, per_block: int = 2) -> int:
    """n of depth = 3 * per_block * n + 2: a stem, three stages of n blocks, a dense layer.

    Args:
      depth: weighted layers.
      per_block: of which in a block; 2 gives the paper's 6n+2.

    Raises:
      InputError: no n >= 1 gives this depth.
    """
    step = 3 * per_block
    n, rest = divmod(depth - 2, step)
    if rest or n < 1:
        least = step + 2
        below = max(least, depth - rest)
        near = (below, below + step) if depth > least else (least, least + step)
        raise InputError(
            f"depth {depth} is not {step}n+2 with n >= 1: the nearest are {near[0]} and {near[1]}"
        )
    return n


class CifarNetwork(nn.Module):
    """conv3x3, three stages of n blocks with width, 2 width and 4 width channels, mean, dense.

    The stages halve the resolution at their first block (32, 16, 8 pixels for CIFAR). Any input
    of at least 4x4 pixels works.

    Attributes:
      kind: class of the block; gives the depth arithmetic.
      block: makes a block: `kind`, or `kind` with options.
      layers: (train=...) -> Layers.
      widen: factor of the stages' width, not of the stem's.
      survival: of the last block, for stochastic depth; 1: none.
      head: a key of `networks.head.HEADS`.
      dropout: before the dense layer.
    """

    kind: type[Block]
    block: Callable[..., nn.Module]
    layers: Callable[..., Layers]
    depth: int
    num_classes: int
    width: int = 16
    widen: int = 1
    survival: float = 1.0
    head: str = "mean"
    dropout: float = 0.0
    scan: bool = True
    remat: bool = False

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """float [b, h, w, c] -> float32 logits [b, k]."""
        n = blocks_per_stage(self.depth, self.kind.weighted_layers)
        layers = self.layers(train=train)
        gains: list[Any] = [None] * 3
        if self.survival < 1:
            gains = survival(self.make_rng, self.survival, (n, n, n), train)

        x = layers.conv(self.width, name="stem_conv")(x)
        if not self.kind.preactivated:
            x = layers.act(layers.norm(name="stem_norm")(x))
        width = self.width * self.widen * self.kind.expansion
        for i, (features, stride) in enumerate([(width, 1), (2 * width, 2), (4 * width, 2)]):
            stage = Stage(
                self.block, layers, features, stride, n, self.scan, self.remat, name=f"stage{i + 1}"
            )
            x = stage(x, gains[i])
        if self.kind.preactivated:
            x = layers.act(layers.norm(name="last_norm")(x))
        return head(x, self.num_classes, train, self.head, self.dropout)


def build(section: Any, num_classes: int, norm_axis: str | None) -> CifarNetwork:
    """The network of a `config.model` section.

    Raises:
      InputError: an unknown block or option, or a depth that is not 6n+2.
    """
    kind, block = block_of(section)
    blocks_per_stage(section.depth, kind.weighted_layers)
    check_variant(section, ("", "v1.5") if section.block == "bottleneck" else ("",))
    if section.width < 1 or section.widen < 1:
        raise InputError(
            f"model.width {section.width} or model.widen {section.widen} is not positive"
        )
    return CifarNetwork(
        kind=kind,
        block=block,
        layers=layers_of(section, norm_axis, projection_norm=not kind.preactivated),
        depth=section.depth,
        num_classes=num_classes,
        width=section.width,
        widen=section.widen,
        survival=section.survival,
        head=head_of(section),
        dropout=dropout_of(section, 0.0),
        scan=section.scan,
        remat=section.remat,
    )
