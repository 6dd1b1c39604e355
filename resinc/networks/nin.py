"""Network in Network for CIFAR. Lin et al. 2013, section 4.2, as in the authors' Caffe model."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax

from resinc.blocks.mlpconv import MlpconvBlock
from resinc.errors import InputError
from resinc.networks.head import global_mean, head
from resinc.networks.options import check_variant, dropout_of, head_of, layers_of
from resinc.networks.paths import stage_name
from resinc.ops.layers import Layers
from resinc.ops.pool import average_pool, max_pool


class NetworkInNetwork(nn.Module):
    """Three mlpconv layers (5x5, 5x5, 3x3), pooled by 3x3/2 with dropout between, global mean.

    The last 1x1 convolution has k channels, and their mean over pixels is the logits: there is no
    dense layer unless `head` is "dense" (Table 5 of the paper compares the two).

    Attributes:
      layers: (train=...) -> Layers.
      width: w channels of most convolutions, 192 in the paper; those of the first mlpconv layer put
        out w, 5w/6 and w/2, rounded to the nearest.
      pointwise: False leaves the 1x1 convolutions out, for the ablation.
      head: a key of `networks.head.HEADS`.
      dropout: after the first two mlpconv layers.
    """

    layers: Callable[..., Layers]
    num_classes: int
    width: int = 192
    pointwise: bool = True
    head: str = "mean"
    dropout: float = 0.5

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """float [b, h, w, c] -> float32 logits [b, k]."""
        layers = self.layers(train=train)

        def mlpconv(x: jax.Array, i: int, hidden: tuple[int, int], features: int, size: int):
            if self.pointwise:
                block = MlpconvBlock(
                    layers, features, kernel_size=size, hidden=hidden, name=stage_name(i)
                )
                return block(x)
            x = layers.conv(features, kernel_size=size, name=f"{stage_name(i)}_conv1")(x)
            return layers.act(layers.norm(name=f"{stage_name(i)}_norm1")(x))

        def drop(x: jax.Array, i: int) -> jax.Array:
            dropout = nn.Dropout(self.dropout, deterministic=not train, name=f"dropout{i}")
            return dropout(x) if self.dropout else x

        width = self.width
        last = self.num_classes if self.head == "mean" else width
        x = mlpconv(x, 1, (width, round(5 * width / 6)), round(width / 2), 5)
        x = drop(max_pool(x, 3, 2, ceil=True), 1)
        x = mlpconv(x, 2, (width, width), width, 5)
        x = drop(average_pool(x, 3, 2, ceil=True), 2)
        x = mlpconv(x, 3, (width, width), last, 3)
        if self.head == "mean":
            return global_mean(x)
        return head(x, self.num_classes, train, self.head)


def build(section: Any, num_classes: int, norm_axis: str | None) -> NetworkInNetwork:
    """The network of a `config.model` section.

    The authors' network has no norm (`model.norm = "none"`) and width 192.

    Raises:
      InputError: an unknown option, or no channel to halve.
    """
    if section.width < 2:
        raise InputError(f"model.width {section.width} is below 2: network 'nin' halves it")
    variant = check_variant(section, ("mlpconv", "conv"))
    return NetworkInNetwork(
        layers=layers_of(section, norm_axis),
        num_classes=num_classes,
        width=section.width,
        pointwise=variant == "mlpconv",
        head=head_of(section),
        dropout=dropout_of(section, 0.5),
    )
