"""Network in Network. Lin et al. 2013, section 4.2, and for ImageNet, as in the authors' models."""

from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax

from resinc.blocks.mlpconv import MlpconvBlock
from resinc.errors import InputError
from resinc.networks.head import global_mean, head
from resinc.networks.image_size import check_size
from resinc.networks.options import check_variant, dropout_of, head_of, layers_of
from resinc.networks.paths import stage_name
from resinc.ops.layers import Layers
from resinc.ops.pool import average_pool, max_pool

# Of the ImageNet model: channels, size and stride of each mlpconv layer's first convolution.
IMAGENET = ((96, 11, 4), (256, 5, 1), (384, 3, 1), (1024, 3, 1))
LEAST = 39  # Pixels: 39 become 8, 4, 2, 1.


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


class ImageNetNetworkInNetwork(nn.Module):
    """Four mlpconv layers (11x11/4, 5x5, 3x3, 3x3), pooled by 3x3/2 between, global mean.

    224 pixels become 54, 27, 13, 6. The last convolution has k channels, as that for CIFAR.

    Attributes:
      layers: (train=...) -> Layers.
      width: channels of the first layer, the authors' 96; the others are in their proportion.
      head: a key of `networks.head.HEADS`.
      dropout: before the last mlpconv layer.
    """

    layers: Callable[..., Layers]
    num_classes: int
    width: int = 96
    head: str = "mean"
    dropout: float = 0.5

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """float [b, h, w, c] -> float32 logits [b, k].

        Raises:
          InputError: h or w is below 39.
        """
        check_size(x, LEAST, "nin")
        layers, last = self.layers(train=train), len(IMAGENET)
        for i, (channels, size, stride) in enumerate(IMAGENET, start=1):
            if i == last and self.dropout:
                x = nn.Dropout(self.dropout, deterministic=not train, name="dropout")(x)
            width = round(channels * self.width / IMAGENET[0][0])
            ends = i == last and self.head == "mean"
            x = MlpconvBlock(
                layers,
                self.num_classes if ends else width,
                stride,
                size,
                (width, width),
                "VALID" if i == 1 else "SAME",
                name=stage_name(i),
            )(x)
            x = x if i == last else max_pool(x, 3, 2, ceil=True)
        if self.head == "mean":
            return global_mean(x)
        return head(x, self.num_classes, train, self.head)


def build(
    section: Any, num_classes: int, norm_axis: str | None
) -> NetworkInNetwork | ImageNetNetworkInNetwork:
    """The network of a `config.model` section.

    Variants: "mlpconv" is the authors' for CIFAR, without norm (`model.norm = "none"`) and of width
    192; "conv" has no 1x1 convolutions; "imagenet" is theirs for ImageNet, of width 96.

    Raises:
      InputError: an unknown option, or no channel to halve.
    """
    variant = check_variant(section, ("mlpconv", "conv", "imagenet"))
    if variant == "imagenet":
        return ImageNetNetworkInNetwork(
            layers=layers_of(section, norm_axis),
            num_classes=num_classes,
            width=section.width,
            head=head_of(section),
            dropout=dropout_of(section, 0.5),
        )
    if section.width < 2:
        raise InputError(f"model.width {section.width} is below 2: network 'nin' halves it")
    return NetworkInNetwork(
        layers=layers_of(section, norm_axis),
        num_classes=num_classes,
        width=section.width,
        pointwise=variant == "mlpconv",
        head=head_of(section),
        dropout=dropout_of(section, 0.5),
    )
