"""Network in Network for CIFAR. Lin et al. 2013, section 4.2, as in the authors' Caffe model."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax

from resinc.blocks.mlpconv import MlpconvBlock
from resinc.networks.head import global_mean, head
from resinc.networks.options import check_variant, dropout_of, head_of, layers_of
from resinc.ops.layers import Layers
from resinc.ops.pool import average_pool, max_pool


class NetworkInNetwork(nn.Module):
    """Three mlpconv layers (5x5, 5x5, 3x3), pooled by 3x3/2 with dropout between, global mean.

    The last 1x1 convolution has k channels, and their mean over pixels is the logits: there is no
    dense layer unless `head` is "dense" (Table 5 of the paper compares the two).

    Attributes:
      layers: (train=...) -> Layers.
      pointwise: False leaves the 1x1 convolutions out, for the ablation.
      head: a key of `networks.head.HEADS`.
      dropout: after the first two mlpconv layers.
    """

    layers: Callable[..., Layers]
    num_classes: int
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
                    layers, features, kernel_size=size, hidden=hidden, name=f"stage{i}"
                )
                return block(x)
            x = layers.conv(features, kernel_size=size, name=f"stage{i}_conv1")(x)
            return layers.act(layers.norm(name=f"stage{i}_norm1")(x))

        def drop(x: jax.Array, i: int) -> jax.Array:
            dropout = nn.Dropout(self.dropout, deterministic=not train, name=f"dropout{i}")
            return dropout(x) if self.dropout else x

        last = self.num_classes if self.head == "mean" else 192
        x = mlpconv(x, 1, (192, 160), 96, 5)
        x = drop(max_pool(x, 3, 2, ceil=True), 1)
        x = mlpconv(x, 2, (192, 192), 192, 5)
        x = drop(average_pool(x, 3, 2, ceil=True), 2)
        x = mlpconv(x, 3, (192, 192), last, 3)
        if self.head == "mean":
            return global_mean(x)
        return head(x, self.num_classes, train, self.head)


def build(section: Any, num_classes: int, norm_axis: str | None) -> NetworkInNetwork:
    """The network of a `config.model` section.

    The authors' network has no norm (`model.norm = "none"`).

    Raises:
      InputError: an unknown option.
    """
    variant = check_variant(section, ("mlpconv", "conv"))
    return NetworkInNetwork(
        layers=layers_of(section, norm_axis),
        num_classes=num_classes,
        pointwise=variant == "mlpconv",
        head=head_of(section),
        dropout=dropout_of(section, 0.5),
    )
