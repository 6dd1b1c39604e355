"""Inception-v3, with the filter counts of the authors' code. Szegedy et al. 2015, Table 1."""

import dataclasses
import functools
from collections.abc import Callable
from typing import Any

import flax.linen as nn
import jax

from resinc.blocks.branches import MEAN, MEAN_OF_9, Branches, Pooling, Table
from resinc.blocks.inception_v3 import REDUCTION_A, REDUCTION_B, module_a, module_b, module_c
from resinc.networks.head import global_mean, head
from resinc.networks.image_size import check_size
from resinc.networks.options import check_variant, dropout_of, layers_of
from resinc.ops.kernels import he_normal
from resinc.ops.layers import ConvUnit, Layers
from resinc.ops.pool import average_pool, max_pool

LEAST = 75  # Pixels: 75 become 35, 17, 7, 3, 1.


def modules(mean: Pooling) -> dict[str, Table]:
    """The eleven modules by their name in the authors' code, on 35x35, 17x17 and 8x8 pixels."""
    return {
        "5b": module_a(32, mean),
        "5c": module_a(64, mean),
        "5d": module_a(64, mean),
        "6a": REDUCTION_A,
        "6b": module_b(128, mean),
        "6c": module_b(160, mean),
        "6d": module_b(160, mean),
        "6e": module_b(192, mean),
        "7a": REDUCTION_B,
        "7b": module_c(mean),
        "7c": module_c(mean),
    }


def stem(layers: Layers, x: jax.Array) -> jax.Array:
    """Five convolutions and a pooling, inside a network's `__call__`; 299 pixels become 71.

    [b, h, w, c] -> [b, h', w', 192].
    """
    x = ConvUnit(layers, 32, 3, 2, "VALID", name="stem_conv1")(x)
    x = ConvUnit(layers, 32, 3, 1, "VALID", name="stem_conv2")(x)
    x = ConvUnit(layers, 64, 3, name="stem_conv3")(x)
    x = max_pool(x, 3, 2)
    x = ConvUnit(layers, 80, 1, name="stem_conv4")(x)
    return ConvUnit(layers, 192, 3, 1, "VALID", name="stem_conv5")(x)


class AuxiliaryHead(nn.Module):
    """mean5x5/3, conv1x1 of 128, conv5x5 of 768, dense. Szegedy et al. 2015, Fig. 8.

    Both windows fit 17x17 pixels exactly, and the mean over what is left is then that of one pixel.
    On a smaller map the mean's window is the map, and the convolution is padded.
    """

    layers: Layers
    num_classes: int

    @nn.compact
    def __call__(self, x: jax.Array) -> jax.Array:
        """[b, h, w, c] -> float32 logits [b, k], which are also sown into "auxiliary"."""
        x = average_pool(x, min(5, *x.shape[1:3]), 3)
        x = ConvUnit(self.layers, 128, name="conv1")(x)
        padding = "VALID" if min(x.shape[1:3]) >= 5 else "SAME"
        x = ConvUnit(self.layers, 768, 5, padding=padding, name="conv2")(x)
        dense = nn.Dense(self.num_classes, kernel_init=he_normal, name="dense")
        logits = dense(global_mean(x))
        if not self.is_initializing():  # Parameters are wanted of `init`, not logits.
            self.sow("auxiliary", "logits", logits)
        return logits


class InceptionV3(nn.Module):
    """Five convolutions, eleven modules, mean, dense; 299 pixels become 35, 17, 8.

    In training, and where parameters are made, an auxiliary classifier `aux6e` runs besides, on
    module 6e.

    Attributes:
      layers: (train=...) -> Layers.
      mean: pooling of the modules' last branch.
      auxiliary: whether there is such a classifier.
      dropout: before the dense layer.
    """

    layers: Callable[..., Layers]
    num_classes: int
    mean: Pooling = MEAN_OF_9
    auxiliary: bool = True
    dropout: float = 0.5

    @nn.compact
    def __call__(self, x: jax.Array, train: bool) -> jax.Array:
        """float [b, h, w, c] -> float32 logits [b, k].

        Raises:
          InputError: h or w is below 75.
        """
        check_size(x, LEAST, "inception_v3")
        layers = self.layers(train=train)
        x = max_pool(stem(layers, x), 3, 2)
        for name, table in modules(self.mean).items():
            x = Branches(layers, table, name=f"inception{name}")(x)
            if name == "6e" and self.auxiliary and (train or self.is_initializing()):
                AuxiliaryHead(layers, self.num_classes, name="aux6e")(x)
        return head(x, self.num_classes, train, dropout=self.dropout)


def without_scale(make: Callable[..., Layers], train: bool) -> Layers:
    """`make(train=train)` with norms that only shift, as Keras has them: a convolution follows."""
    layers = make(train=train)
    return dataclasses.replace(layers, norm=functools.partial(layers.norm, use_scale=False))


def build(section: Any, num_classes: int, norm_axis: str | None) -> InceptionV3:
    """The network of a `config.model` section.

    Variants: "torchvision"; "keras" has no auxiliary classifier, no dropout, no scale in its norms,
    and does not count padding in a mean.

    Raises:
      InputError: an unknown option.
    """
    keras = check_variant(section, ("torchvision", "keras")) == "keras"
    layers = layers_of(section, norm_axis, norm="batch", norm_epsilon=1e-3)
    return InceptionV3(
        layers=functools.partial(without_scale, layers) if keras else layers,
        num_classes=num_classes,
        mean=MEAN if keras else MEAN_OF_9,
        auxiliary=not keras,
        dropout=dropout_of(section, 0.0 if keras else 0.5),
    )
